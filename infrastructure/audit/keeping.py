"""Keeps what the last audits found, for each app group its own part, where the dashboard finds it."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec
from sqlalchemy import Connection, delete, insert, select

from application.queries.audits import Audit, CountOfKind, DifferenceFound, Outcome
from domain import money
from domain.campaigns.campaign import stream_id
from domain.instants import microseconds
from infrastructure.audit.outcome import AuditResult, Difference, Figure
from infrastructure.audit.wording import describe_problem, describe_story, describe_thing
from infrastructure.database import Database
from infrastructure.database.schema import audits, events, identities

KEPT_AUDITS: Final = 20
"""Audits that are kept of each app group."""

_MADE: Final = "app_group.made"

_COUNTED: Final = ("receipts", "unique_recipients", "conversions", "purchases")


def keep(database: Database, found: AuditResult) -> None:
    """Keep what an audit of the database found, and drop what is older than the last twenty of an app group."""
    with database.writing() as connection:
        for app_group in _find_audited(connection, found):
            outcome = _outcome(connection, found, app_group)
            connection.execute(
                insert(audits).values(
                    app_group=app_group,
                    made_at=microseconds(datetime.fromisoformat(found.made_at)),
                    position=found.position,
                    outcome=msgspec.json.encode(outcome).decode(),
                )
            )
            _drop_oldest(connection, app_group)


def _find_audited(connection: Connection, found: AuditResult) -> list[str]:
    """The app groups that the audit looked at: all of them, or those that have its campaign."""
    made = select(events.c.app_group).where(events.c.topic == _MADE, events.c.position <= found.position)
    groups = sorted(set(connection.execute(made).scalars()))
    if found.campaign_id is None:
        return groups
    streams = {stream_id(group, found.campaign_id): group for group in groups}
    query = select(events.c.originator_id).where(
        events.c.originator_id.in_(streams), events.c.originator_version == 1
    )
    return sorted(streams[each] for each in connection.execute(query).scalars())


def _outcome(connection: Connection, found: AuditResult, app_group: str) -> Outcome:
    judged = found.judged
    own = {figure: number for figure, number in judged.figures.items() if figure.app_group == app_group}
    return Outcome(
        engine=found.engine,
        seconds=found.seconds,
        campaign_id=found.campaign_id,
        claims=list(found.claims),
        counted=_count(own),
        revenue=_sum_revenue(own),
        differences_by_kind=[
            CountOfKind(subject, problem, claim, number)
            for (group, subject, problem, claim), number in sorted(judged.counted.items())
            if group == app_group
        ],
        listed=[_describe(each) for each in found.listed if each.app_group == app_group],
        altered=_find_own(connection, app_group, found.altered),
    )


def _count(figures: dict[Figure, Decimal]) -> dict[str, int]:
    """Receipts, recipients of variants, conversions and purchases by the rules: each thing once."""
    found = Counter(dict.fromkeys(_COUNTED, 0))
    for figure, number in figures.items():
        # A row without a variant sums up those of the others; both clocks have the same conversions.
        if figure.variant_id and figure.figure in _COUNTED and figure.clock != "receipt":
            found[figure.figure] += int(number)
    return dict(found)


def _sum_revenue(figures: dict[Figure, Decimal]) -> dict[str, str]:
    sums: dict[str, Decimal] = {}
    for figure, number in figures.items():
        if figure.figure == "revenue" and figure.clock == "conversion":
            sums[figure.thing] = sums.get(figure.thing, Decimal()) + number
    return {currency: money.printed(amount, currency) for currency, amount in sorted(sums.items())}


def _describe(difference: Difference) -> DifferenceFound:
    told = difference.as_json()
    del told["app_group"]
    return DifferenceFound(
        **told,
        in_words={
            "thing": describe_thing(difference),
            "problem": describe_problem(difference.problem),
            "judged": describe_story(difference, difference.judged),
            "said": describe_story(difference, difference.said),
        },
    )


def _find_own(connection: Connection, app_group: str, positions: Sequence[int]) -> list[str]:
    """Those of some positions whose events are of the app group."""
    own = select(events.c.position).where(events.c.position.in_(positions), events.c.app_group == app_group)
    return [str(each) for each in connection.execute(own.order_by(events.c.position)).scalars()]


def _drop_oldest(connection: Connection, app_group: str) -> None:
    newest = (
        select(audits.c.audit_id)
        .where(audits.c.app_group == app_group)
        .order_by(audits.c.audit_id.desc())
        .limit(KEPT_AUDITS)
    )
    connection.execute(
        delete(audits).where(audits.c.app_group == app_group, audits.c.audit_id.not_in(newest))
    )


class StoredAudits:
    """The audits that were kept: the port of the query."""

    def of_app_group(self, connection: Connection, app_group: str) -> list[Audit]:
        """The last audits of an app group, the newest first."""
        query = select(audits).where(audits.c.app_group == app_group).order_by(audits.c.audit_id.desc())
        return [
            Audit(row.audit_id, row.made_at, row.position, msgspec.json.decode(row.outcome, type=Outcome))
            for row in connection.execute(query)
        ]

    def find_users(self, connection: Connection, app_group: str, journeys: set[str]) -> dict[str, str]:
        """The users of journeys, without those whose identity was erased."""
        query = select(identities.c.journey_id, identities.c.user_id).where(
            identities.c.app_group == app_group, identities.c.journey_id.in_(journeys)
        )
        return {row.journey_id: row.user_id for row in connection.execute(query)}
