"""Which process delivers: one at a time for a database, however many run."""

from sqlalchemy import or_, update
from sqlalchemy.engine import Connection

from infrastructure.database.schema import webhook_leases

_lease = webhook_leases.c
_DELIVERY = _lease.name == "delivery"


class Lost(Exception):
    """Another process delivers now."""


def take(connection: Connection, holder: str, now: int, until: int) -> bool:
    """Be the one that delivers until an instant, if no other is: whether it is so."""
    free = or_(_lease.holder == holder, _lease.until <= now)
    taken = update(webhook_leases).where(_DELIVERY, free).values(holder=holder, until=until)
    return bool(connection.execute(taken).rowcount)


def keep(connection: Connection, holder: str, until: int) -> None:
    """Go on delivering until an instant, in the transaction that writes down what was done; raises Lost."""
    kept = update(webhook_leases).where(_DELIVERY, _lease.holder == holder).values(until=until)
    if not connection.execute(kept).rowcount:
        raise Lost


def give_back(connection: Connection, holder: str) -> None:
    """Let another process deliver at once."""
    connection.execute(update(webhook_leases).where(_DELIVERY, _lease.holder == holder).values(until=0))
