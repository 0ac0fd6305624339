"""The lease of delivery: one process at a time delivers for a database, however many of them run.

Two processes that delivered at once would send one user's events out of order. The holder renews the lease in the
transaction that records its results, so a process that has lost the lease can record nothing.
"""

from sqlalchemy import or_, update
from sqlalchemy.engine import Connection

from infrastructure.database.schema import webhook_leases

_lease = webhook_leases.c
_DELIVERY = _lease.name == "delivery"


class Lost(Exception):
    """Another process has the lease."""


def take(connection: Connection, holder: str, now: int, until: int) -> bool:
    """Take the lease until an instant if it is free or ours; returns whether we have it."""
    free = or_(_lease.holder == holder, _lease.until <= now)
    taken = update(webhook_leases).where(_DELIVERY, free).values(holder=holder, until=until)
    return bool(connection.execute(taken).rowcount)


def renew(connection: Connection, holder: str, until: int) -> None:
    """Renew the lease until an instant, in the transaction that records what was done; raises Lost."""
    renewed = update(webhook_leases).where(_DELIVERY, _lease.holder == holder).values(until=until)
    if not connection.execute(renewed).rowcount:
        raise Lost


def give_back(connection: Connection, holder: str) -> None:
    """Let another process take the lease at once."""
    connection.execute(update(webhook_leases).where(_DELIVERY, _lease.holder == holder).values(until=0))
