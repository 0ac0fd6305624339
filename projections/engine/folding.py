"""Folding: the events between two positions, through the handlers of one or several projections, in memory."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from projections.engine.projection import (
    Definitions,
    Log,
    Logged,
    Projection,
    ProjectionStopped,
    UnreadableLog,
)

Folded = dict[str, Any]
"""By name of a projection its fold, or the ProjectionStopped that says why there is none."""

_Route = tuple[Callable[[Any, Logged], None], Any, str]


def fold(
    log: Log,
    connection: Connection,
    definitions: Definitions,
    projections: Sequence[Projection],
    after: int,
    last: int,
) -> Folded:
    """Fold the events after one position, up to and including another, for each of the projections.

    The log is read once for all of them, and only the topics that one of them has a handler for. An error of the
    database is no event's fault, and is raised.
    """
    folded: Folded = {projection.name: projection.fold(definitions) for projection in projections}
    routes: dict[type[Any], list[_Route]] = {}
    for projection in projections:
        for event, handler in projection.handlers.items():
            routes.setdefault(event, []).append((handler, folded[projection.name], projection.name))
    try:
        for logged in log.between(connection, after, last, routes):
            for handler, into, name in routes[type(logged.event)]:
                try:
                    handler(into, logged)
                except SQLAlchemyError:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it is, this projection stops there
                    _stop(folded, ProjectionStopped(name, logged.position, repr(error)))
    except UnreadableLog as error:
        if len(projections) == 1:
            return {name: ProjectionStopped(name, error.position, error.reason) for name in folded}
        # Perhaps not all of them read that event: fold each by itself.
        each = [fold(log, connection, definitions, [projection], after, last) for projection in projections]
        return {name: result for one in each for name, result in one.items()}
    return folded


def _stop(folded: Folded, stopped: ProjectionStopped) -> None:
    """Note the first event that a projection cannot apply; the others go on."""
    if not isinstance(folded[stopped.name], ProjectionStopped):
        folded[stopped.name] = stopped
