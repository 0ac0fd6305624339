"""Verifying the log: read all of it, and name the first position that is not as it was recorded."""

from collections.abc import Callable
from dataclasses import dataclass

from infrastructure.database import Database
from infrastructure.event_store.codec import UnreadableEvent, decode
from infrastructure.event_store.reading import HASH_DIFFERS, Row, is_intact, last_position, read_rows

_PAGE = 10_000


@dataclass(frozen=True)
class Verification:
    """How many events were read, and the first bad position with what is wrong there; None if all is well."""

    events: int
    first_bad_position: int | None = None
    problem: str | None = None


def verify(database: Database, progress: Callable[[int, int], None]) -> Verification:
    """Check every event: its hash, its place in the log and in time, its stream, and that it can be read."""
    position = recorded_at = 0
    versions: dict[str, int] = {}
    with database.reading() as connection:
        newest = last_position(connection)
        while rows := read_rows(connection, position, _PAGE):
            for row in rows:
                problem = _find_problem(row, position, recorded_at, versions)
                if problem is not None:
                    return Verification(position, min(row.position, position + 1), problem)
                position, recorded_at = row.position, row.recorded_at
                versions[row.originator_id] = row.originator_version
            progress(position, newest)
    return Verification(position)


def _find_problem(row: Row, position: int, recorded_at: int, versions: dict[str, int]) -> str | None:
    """What is wrong with a row, given the one before it and the versions its stream has reached."""
    if row.position != position + 1:
        last = row.position - 1
        return (
            f"event {last} is missing"
            if last == position + 1
            else f"events {position + 1} to {last} are missing"
        )
    if not is_intact(row):
        return HASH_DIFFERS
    if row.recorded_at < recorded_at:
        return "the event was recorded before the one before it"
    if row.originator_version != versions.get(row.originator_id, 0) + 1:
        return f"version {row.originator_version} of stream {row.originator_id} is out of sequence"
    try:
        decode(row.topic, row.state)
    except UnreadableEvent as error:
        return str(error)
    return None
