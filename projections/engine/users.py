"""Users, as the ledger keeps them beside the log: read models name journeys, and show whose they are by a join.

A user whose identity was erased has no row here, and shows as null.
"""

from sqlalchemy import column, table

users = table("identities", column("app_group"), column("user_id"), column("journey_id"))
