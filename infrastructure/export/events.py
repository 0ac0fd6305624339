"""The events of an app group, by position, each checked against its hash while it is read."""

from collections.abc import Callable, Iterator

from sqlalchemy import Connection

from domain.instants import from_microseconds
from infrastructure.database import Database
from infrastructure.database.dialect import Prepared
from infrastructure.event_store.reading import (
    IN_RANGE,
    OF_APP_GROUP,
    checked,
    last_position,
    refuse_missing,
    select_rows,
)
from infrastructure.export.manifest import BadExport, Column, Cut, Key, Row
from projections.engine.projector import Progress
from projections.engine.tables import PAGE_ROWS

COLUMNS = (
    Column("position", "whole"),
    Column("recorded_at", "instant"),
    Column("topic"),
    Column("stream_id"),
    Column("stream_version", "whole"),
    Column("command_id"),
    Column("actor"),
    Column("hash"),
    Column("event", "json"),
)


def _key(row: Row) -> Key:
    return str(row[0])


class Events:
    """The source of an export of events."""

    columns = COLUMNS
    key: Callable[[Row], Key] = staticmethod(_key)

    def __init__(self, database: Database, app_group: str) -> None:
        self._app_group = app_group
        self._own = Prepared(select_rows(IN_RANGE, OF_APP_GROUP), database.dialect.compiler)

    def prepare(self, progress: Progress) -> None:
        """The log is always up to date."""

    def cut(self, connection: Connection) -> Cut:
        return Cut(last_position(connection))

    def can_continue(self, earlier: Cut, now: Cut) -> bool:
        """True: the log only grows. Raises BadExport if it is shorter than it was."""
        if now.position < earlier.position:
            raise BadExport(
                f"the log ends at position {now.position}, the export at {earlier.position}: it is of another "
                "ledger, or this one lost events; export into another directory"
            )
        return True

    def rows(self, connection: Connection, cut: Cut, after: Key | None) -> Iterator[Row]:
        """The events after a position up to the cut; raises UnreadableLog if one was changed or is missing."""
        done = int(str(after or 0))
        while done < cut.position:
            last = min(done + PAGE_ROWS, cut.position)
            # A page is a stretch of the log and not a number of rows, so that a missing event is noticed.
            refuse_missing(connection, done, last)
            for row in checked(self._own.all(connection, after=done, last=last, app_group=self._app_group)):
                yield _to_export(*row)
            done = last

    def done(self, key: Key, cut: Cut, rows: int) -> tuple[int, int | None]:
        return int(str(key)), cut.position


def _to_export(  # noqa: PLR0913, PLR0917 - a row's columns, one after the other
    position: int,
    _app_group: str,
    stream_id: str,
    version: int,
    topic: str,
    state: str,
    recorded_at: int,
    command_id: str,
    actor: str,
    digest: bytes,
) -> Row:
    at = from_microseconds(recorded_at)
    return (position, at, topic, stream_id, version, command_id, actor, digest.hex(), state)
