"""The status of read models: their position, how far they are behind the log, and whether they move."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from sqlalchemy.engine import Connection

from domain.instants import from_microseconds, printed
from projections.engine import generations
from projections.engine.generations import Generation
from projections.engine.projection import Log, OtherCode, Projection

STALLED_SECONDS = 60
"""Behind for this long without moving, a read model is stalled."""

State = Literal["current", "moving", "stalled", "stopped", "kept", "not built"]


@dataclass(frozen=True)
class ReadModelStatus:
    """The status of one generation of a read model.

    Lag is in events of the log, and in seconds since the first of them was recorded. `since` is when it was switched
    in, or begun; `moved_at` is when it moved last. Instants are as in RFC 3339.
    """

    name: str
    generation: int
    status: str
    version: int
    position: int
    lag_events: int
    lag_seconds: float
    state: State
    rows: int
    since: str
    moved_at: str | None
    problem: str | None

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return asdict(self) | {"position": str(self.position)}


def read_statuses(
    connection: Connection, log: Log, projections: Sequence[Projection], now: int, *, count: bool = True
) -> Iterator[ReadModelStatus]:
    """The status of each generation of each projection; `count` counts its rows, which takes a while."""
    newest = log.last_position(connection)
    for projection in projections:
        found = [each for each in generations.all_of(connection, projection) if each.status != "retired"]
        if all(each.status != "current" for each in found):
            yield _status_before_it_is_built(projection, newest, now)
        for each in found:
            rows = generations.count_rows(connection, projection, each) if count else 0
            status = _status_of(
                each, newest, rows, now, lambda position: log.recorded_at(connection, position)
            )
            yield status if each.status == "kept" else _with_code_checked(status, projection, each)


def _status_of(
    each: Generation, newest: int, rows: int, now: int, recorded_at: Callable[[int], int | None]
) -> ReadModelStatus:
    lag = max(newest - each.position, 0)
    first = recorded_at(each.position + 1) if lag else None
    return ReadModelStatus(
        name=each.name,
        generation=each.generation,
        status=each.status,
        version=each.version,
        position=each.position,
        lag_events=lag,
        lag_seconds=0.0 if first is None else max(now - first, 0) / 1_000_000,
        state=_state(each, lag, now),
        rows=rows,
        since=printed(from_microseconds(each.switched_at or each.began_at)),
        moved_at=None if each.moved_at is None else printed(from_microseconds(each.moved_at)),
        problem=each.problem,
    )


def _status_before_it_is_built(projection: Projection, newest: int, now: int) -> ReadModelStatus:
    """It is built when it is first read, or by a rebuild."""
    return ReadModelStatus(
        name=projection.name,
        generation=0,
        status="current",
        version=projection.version,
        position=0,
        lag_events=newest,
        lag_seconds=0.0,
        state="not built",
        rows=0,
        since=printed(from_microseconds(now)),
        moved_at=None,
        problem=None,
    )


def _with_code_checked(status: ReadModelStatus, projection: Projection, each: Generation) -> ReadModelStatus:
    """Stopped, where this code can neither project nor read it."""
    try:
        generations.refuse_other_code(projection, each)
    except OtherCode as other:
        return replace(status, state="stopped", problem=other.reason)
    return status


def _state(each: Generation, lag: int, now: int) -> State:
    if each.problem is not None:
        return "stopped"
    if each.status == "kept":
        return "kept"
    if not lag:
        return "current"
    return "stalled" if now - (each.moved_at or each.began_at) > STALLED_SECONDS * 1_000_000 else "moving"
