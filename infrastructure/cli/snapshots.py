"""Read transactions in which several read models hold the same events."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection

from infrastructure.cli.opening import catch_up
from infrastructure.composition import Service
from projections.engine.generations import current
from projections.engine.projection import Projection

_TRIES = 5


@contextmanager
def together(service: Service, *projections: Projection) -> Iterator[tuple[Connection, int]]:
    """Bring read models up to date and read them at one position; raises ProjectionStopped.

    While others write, one may be ahead of another: they are then brought up to date again. After some tries they are
    read as they stand, and the position is the smaller one: up to it, every event is in all of them.
    """
    for left in reversed(range(_TRIES)):
        catch_up(service, *projections)
        with service.database.reading() as connection:
            positions = {current(connection, projection).position for projection in projections}
            if len(positions) == 1 or not left:
                yield connection, min(positions)
                return
