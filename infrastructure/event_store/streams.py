"""What the log holds of whole streams: when they were first and last changed."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from infrastructure.database.schema import events

_AT_ONCE = 500
"""Streams that are named in one statement."""


class Changed(NamedTuple):
    """The position of a stream's first event, and when its first and last were recorded, in microseconds since 1970."""

    position: int
    first: int
    last: int


def read_changes(connection: Connection, stream_ids: Sequence[str]) -> dict[str, Changed]:
    """By stream id when each stream was changed; a stream without events is left out."""
    found: dict[str, Changed] = {}
    stream, at = events.c.originator_id, events.c.recorded_at
    for start in range(0, len(stream_ids), _AT_ONCE):
        query = (
            select(stream, func.min(events.c.position), func.min(at), func.max(at))
            .where(stream.in_(stream_ids[start : start + _AT_ONCE]))
            .group_by(stream)
        )
        found |= {row[0]: Changed(*row[1:]) for row in connection.execute(query)}
    return found
