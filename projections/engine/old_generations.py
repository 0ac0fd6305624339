"""Generations that are no longer read: to go back to one of them, or to drop them."""

from collections.abc import Sequence

import structlog
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from projections.engine import generations
from projections.engine.generations import Generation
from projections.engine.projection import Projection
from projections.engine.projector import Projector

log = structlog.get_logger()

GRACE_SECONDS = 60
"""How long a generation stays after another was switched in: transactions that read it can finish."""


def roll_back(projector: Projector, projections: Sequence[Projection]) -> list[Generation]:
    """Let readers see the generations that were kept last instead of the current ones: all of them, or none.

    Raises LookupError where there is none to go back to.
    """
    with projector.database.writing() as connection:
        in_order = sorted(projections, key=lambda each: each.name)
        gone = [_roll_back(connection, projection, projector.clock()) for projection in in_order]
    for back in gone:
        log.info("projection.rolled_back", name=back.name, generation=back.generation)
    return gone


def _roll_back(connection: Connection, projection: Projection, now: int) -> Generation:
    left = generations.find(connection, projection, lock=True)
    kept = [each for each in generations.all_of(connection, projection) if each.status == "kept"]
    if left is None or not kept:
        raise LookupError(f"there is no generation of {projection.name} to go back to")
    back = max(kept, key=lambda each: each.switched_at or 0)
    generations.refuse_other_code(projection, back)
    generations.become(connection, left, "kept", now)
    generations.become(connection, back, "current", now)
    generations.show(connection, projection, back)
    return back


def discard(projector: Projector, projection: Projection) -> list[Generation]:
    """Drop what is building and what was kept of a projection: the generations that were dropped."""
    with projector.database.writing() as connection:
        dropped = [
            each for each in generations.all_of(connection, projection) if each.status in {"building", "kept"}
        ]
        for each in dropped:
            generations.drop(connection, projection, each)
    return dropped


def sweep(connection: Connection, projection: Projection, now: int) -> None:
    """Drop the generations that no one reads any more; one that is still read is left for the next time."""
    for each in generations.all_of(connection, projection):
        if each.status == "retired" and now - (each.switched_at or 0) >= GRACE_SECONDS * 1_000_000:
            try:
                with connection.begin_nested(), generations.limit_waits_for_locks(connection):
                    generations.drop(connection, projection, each)
            except OperationalError:
                log.warning(
                    "generation.kept", name=each.name, generation=each.generation, reason="it is still read"
                )
