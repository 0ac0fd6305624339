"""App groups of an earlier version: what that version assumed of them is recorded as an event, once.

Earlier versions took dollars if a client of Segment named no currency (R11), and read some messages differently. The
event says both, so an archive of the log says it too.
"""

import time

from sqlalchemy import Connection, func, insert, select

from domain.app_group import DefaultCurrencyChanged
from infrastructure.database.schema import events
from infrastructure.event_store.codec import TOPICS, decode, encode
from infrastructure.event_store.reading import event_hash, read_app_groups

ACTOR = "upgrade"
CURRENCY = "USD"

_CHANGED = TOPICS[DefaultCurrencyChanged]


def adopt_app_groups(connection: Connection) -> list[str]:
    """Record for each app group of an earlier version that its prices without a currency are dollars.

    The caller holds the log's lock. Groups for which it is recorded already are left as they are.
    """
    earlier = [
        (row.app_group, row.originator_id)
        for row in read_app_groups(connection)
        if decode(row.topic, row.state).edition == 1 and not _is_adopted(connection, row.originator_id)
    ]
    for app_group, stream_id in earlier:
        _record(connection, app_group, stream_id)
    return [app_group for app_group, _ in earlier]


def _is_adopted(connection: Connection, stream_id: str) -> bool:
    changed = select(events.c.state).where(events.c.originator_id == stream_id, events.c.topic == _CHANGED)
    return any(decode(_CHANGED, state).by_upgrade for state in connection.execute(changed).scalars())


def _record(connection: Connection, app_group: str, stream_id: str) -> None:
    last = select(events.c.position, events.c.recorded_at).order_by(events.c.position.desc()).limit(1)
    position, recorded_at = connection.execute(last).one()
    version = select(func.max(events.c.originator_version)).where(events.c.originator_id == stream_id)
    row = (
        position + 1,
        app_group,
        stream_id,
        connection.execute(version).scalar_one() + 1,
        _CHANGED,
        encode(DefaultCurrencyChanged(CURRENCY, by_upgrade=True)).decode(),
        max(recorded_at, time.time_ns() // 1_000),
        f"upgrade-{position + 1}",
        ACTOR,
    )
    names = [column.name for column in events.columns]
    connection.execute(insert(events), dict(zip(names, (*row, event_hash(*row)), strict=True)))
