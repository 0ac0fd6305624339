"""Auditing decisions: every journey is replayed through today's domain code, and what it decides is compared."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

from sqlalchemy import Connection, select

from application.commands.translation import GroupDefinitions
from application.ledger import Ledger, UnknownCampaign
from infrastructure.audit.decision_comparing import Comparison
from infrastructure.audit.decision_differences import DecisionAudit, Difference, Found
from infrastructure.database import Database
from infrastructure.database.dialect import as_keys
from infrastructure.database.schema import events, identities
from infrastructure.event_store.reading import find_altered, select_rows
from infrastructure.replay.streams import StreamRange, StreamReader, choose_processes, replaying

LIMIT = 1_000
"""Differences that are listed unless the caller asks for more; all are counted."""

Progress = Callable[[int, int], None]
"""Hears how many events are read, of how many."""

Opened = tuple[Database, Ledger]


class Scope(NamedTuple):
    """What is audited: all, an app group or a campaign; and how many differences are listed."""

    app_group: str | None
    campaign_id: str | None
    limit: int


def audit_decisions(
    opened: Opened,
    open_elsewhere: Callable[[], Opened],
    *,
    app_group: str | None = None,
    campaign_id: str | None = None,
    up_to: int | None = None,
    processes: int | None = None,
    limit: int = LIMIT,
    progress: Progress = lambda _done, _of: None,
) -> DecisionAudit:
    """Replay all journeys, of an app group or that name a campaign, and list what today's code would change.

    A fact is left out if its decisions go beyond `up_to`. There are as many `processes` as cores, if there is enough to
    do; each opens the ledger by `open_elsewhere`, which must be picklable. Raises UnknownCampaign, and
    BrokenProcessPool if a process was killed.
    """
    started = time.monotonic()
    database, ledger = opened
    reader = StreamReader(database)
    if campaign_id is not None:
        _refuse_unknown(ledger, [app_group] if app_group is not None else reader.app_groups(), campaign_id)
    position, found = reader.find_end(up_to), Found(limit)
    scope = Scope(app_group, campaign_id, limit)
    auditor, open_auditor = _Auditor(opened, scope), partial(_open_auditor, open_elsewhere, scope)
    with replaying(processes or choose_processes(position), auditor.replay, open_auditor) as replay:
        for part in replay(reader.cut(position)):
            found.add(part)
            progress(found.events, position)
    return DecisionAudit(app_group, campaign_id, position, found, time.monotonic() - started)


def _refuse_unknown(ledger: Ledger, app_groups: Iterable[str], campaign_id: str) -> None:
    """Raise UnknownCampaign if none of the app groups has it: an audit without differences would mean nothing."""
    if not any(ledger.campaign(each, campaign_id).version for each in app_groups):
        raise UnknownCampaign(f"there is no campaign {campaign_id!r}", place="campaign_id")


def _open_auditor(open_ledger: Callable[[], Opened], scope: Scope) -> Callable[[StreamRange], Found]:
    return _Auditor(open_ledger(), scope).replay


class _Auditor:
    """Audits one range after the other, over one database."""

    def __init__(self, opened: Opened, scope: Scope) -> None:
        self._database, ledger = opened
        self._reader = StreamReader(self._database)
        self._scope = scope
        self._find_definitions = cache(partial(GroupDefinitions, ledger))

    def replay(self, streams: StreamRange) -> Found:
        """Replay a range of streams, and compare."""
        found = Found(self._scope.limit)
        comparison = Comparison(found, self._find_definitions, self._scope.app_group, self._scope.campaign_id)
        for rows in self._reader.read(streams):
            comparison.add(rows)
        found.keep_earliest()
        found.differences = self._complete(found.differences)
        return found

    def _complete(self, differences: list[Difference]) -> list[Difference]:
        """The differences with their users, and with the positions of rows that are not as they were recorded."""
        if not differences:
            return []
        with self._database.reading() as connection:
            users = self._read_users(connection, {each.journey_id for each in differences})
            positions = set[int]().union(*(each.positions for each in differences))
            tampered = self._find_tampered(connection, positions)
        return [
            replace(
                each,
                user_id=users.get(each.journey_id),
                tampered=tuple(sorted(each.positions & tampered)),
            )
            for each in differences
        ]

    def _read_users(self, connection: Connection, journeys: set[str]) -> dict[str, str]:
        wanted = self._database.dialect.keys("keys", journey_id=str)
        same = identities.c.journey_id == wanted.c.journey_id
        query = select(identities.c.journey_id, identities.c.user_id).join(wanted, same)
        keys = as_keys([[each] for each in sorted(journeys)])
        return {row.journey_id: row.user_id for row in connection.execute(query, {"keys": keys})}

    def _find_tampered(self, connection: Connection, positions: set[int]) -> set[int]:
        wanted = self._database.dialect.keys("keys", position=int)
        query = select_rows(events.c.position.in_(select(wanted.c.position)))
        keys = as_keys([[each] for each in sorted(positions)])
        return set(find_altered(connection.execute(query, {"keys": keys})))
