"""Frozen reads: what was answered at a position is answered for ever, whatever is recorded later."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from application.commands.definitions import read_campaigns
from application.queries.campaigns import campaign_as_json, read_history
from application.queries.explanation import Explanations
from application.queries.frozen import At
from application.queries.journey import UnknownUser, read_journey
from application.queries.lists import (
    Cut,
    WantedRecipients,
    read_conversions,
    read_newest_conversions,
    read_recipients,
    read_several_variants,
)
from application.queries.overlap import read_overlap
from application.queries.reads import AskedCampaign, Days
from application.queries.report import read_report, read_report_of_days
from application.queries.results import read_results
from application.queries.series import read_series
from domain.campaigns.evidence import DecidingTest
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.journeys.reading import Streams
from infrastructure.read_models import frozen
from infrastructure.read_models.tables import ReadModelTables
from projections.engine.generations import current
from projections.engine.projection import Projection
from projections.frozen import OF_BEHAVIOURS, OF_CAMPAIGN, SUMS
from projections.frozen.folding import Then
from projections.frozen.rewinding import Rewinding, find_now
from projections.frozen.tables import FrozenTables
from tests.domain.journey.test_journey_laws import plans
from tests.support.ledgers import GROUP, NOW, open_ledger, take
from tests.support.strategies import APP_GROUP

pytestmark = pytest.mark.usefixtures("each_database")

LAWS = settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

EVERYTHING = Cut(10_000)
SEVERAL = WantedRecipients(several_variants=True, without_control=True)

QUESTIONS: dict[str, Callable[[AskedCampaign], Any]] = {
    "report": lambda asked: read_report(asked).as_json(),
    "report of days": lambda asked: read_report_of_days(asked, Days()).as_json(),
    "results": lambda asked: read_results(asked, DecidingTest.ANYTIME).as_json(),
    "series": lambda asked: read_series(asked).as_json(),
    "series by receipt": lambda asked: read_series(asked, "receipt").as_json(),
    "conversions": lambda asked: read_conversions(asked, EVERYTHING).as_json(),
    "recipients": lambda asked: read_recipients(asked, EVERYTHING).as_json(),
    "recipients of several variants": lambda asked: read_recipients(asked, EVERYTHING, SEVERAL).as_json(),
    "several variants": lambda asked: list(read_several_variants(asked)),
    "newest conversions": lambda asked: read_newest_conversions(asked, 1_000).as_json(),
    "overlap": lambda asked: read_overlap(asked).as_json(),
    "campaign": lambda asked: campaign_as_json(asked.campaign()),
    "history": lambda asked: read_history(asked, 1_000).as_json(),
}


@dataclass
class Said:
    """What was answered at a position: by campaign and question, and by user."""

    at: At
    of_campaigns: dict[tuple[str, str], bytes] = field(default_factory=dict)
    of_users: dict[tuple[str, str], bytes] = field(default_factory=dict)


def say(asked: AskedCampaign, question: str) -> bytes:
    """An answer as it goes out."""
    return orjson.dumps(QUESTIONS[question](asked))


def say_of_user(asked: AskedCampaign, streams: Any, user_id: str) -> bytes:
    """A user's explanation and journey as they go out."""
    try:
        journey = read_journey(asked.reads, asked.app_group, user_id, 1_000).as_json()
    except UnknownUser as error:
        journey = {"code": error.code}
    explanation = Explanations(asked.reads.ledger, streams).explain(*asked.key, user_id)
    return orjson.dumps([explanation, journey])


def listen(service: Service, campaigns: list[str], users: list[str]) -> Said:
    """What is answered now."""
    service.projector.catch_up()
    with service.database.reading() as connection:
        said = Said(At(service.log.last_position(connection), NOW))
    for campaign in campaigns:
        asked = AskedCampaign(service.reads_caught_up(), GROUP, campaign)
        said.of_campaigns |= {(campaign, each): say(asked, each) for each in QUESTIONS}
        streams = Streams(service.database)
        said.of_users |= {(campaign, user): say_of_user(asked, streams, user) for user in users}
    return said


def check(service: Service, said: Said) -> None:
    """The same is answered of that position."""
    for (campaign, question), answer in said.of_campaigns.items():
        asked = AskedCampaign(service.reads_at(said.at, (GROUP, campaign)), GROUP, campaign)
        assert say(asked, question) == answer, (said.at, campaign, question)
    for (campaign, user), answer in said.of_users.items():
        reads = service.reads_at(said.at, (GROUP, campaign))
        assert say_of_user(AskedCampaign(reads, GROUP, campaign), reads.streams, user) == answer


def change(service: Service, campaign: str, number: int) -> None:
    """Change what may change of a launched campaign."""
    changed = {"id": campaign, "name": f"Name {number}", "channel": f"channel {number}"}
    service.campaigns.apply(read_campaigns(APP_GROUP | {"campaigns": [changed]}), stamp())
    if number % 2:
        service.campaigns.stop(GROUP, campaign, stamp())
    else:
        service.campaigns.launch(GROUP, campaign, stamp())


@LAWS
@given(plan=plans(), kept=st.booleans())
def test_what_was_answered_at_a_position_is_answered_for_ever(plan: Any, kept: bool) -> None:
    """R4, R14: while facts come, and campaigns change, all answers; asked again at the end, and once more from memory."""
    campaigns, facts, batches = plan
    ids = [each["id"] for each in campaigns]
    users = sorted({each["user_id"] for each in facts})[:2]
    with tempfile.TemporaryDirectory() as directory, open_ledger(Path(directory), campaigns) as service:
        said_then = [listen(service, ids, users)]
        for number, batch in enumerate(batches):
            take(service, batch)
            said_then.append(listen(service, ids, users))
            change(service, ids[number % len(ids)], number)
        service.projector.catch_up()
        for said in [*said_then, *(said_then if kept else [])]:
            check(service, said)


def contents(found: FrozenTables, projections: Sequence[Projection], then: Then) -> dict[str, set[Any]]:
    """The campaign's rows of each table."""
    with found.reading() as connection:
        tables = [(table, current(connection, each)[table]) for each in projections for table in each.tables]
        return {
            declared.name: {
                tuple(row) for row in connection.execute(select(own)) if row.stream_id == then.stream
            }
            for declared, own in tables
            if "stream_id" in own.c
        }


@LAWS
@given(plan=plans(), data=st.data())
def test_going_back_from_now_gives_what_the_logs_beginning_gives(plan: Any, data: st.DataObject) -> None:
    """R14: at any position, also between a fact and what was decided from it; sums and rows of users alike."""
    campaigns, _, batches = plan
    with tempfile.TemporaryDirectory() as directory, open_ledger(Path(directory), campaigns) as service:
        for number, batch in enumerate(batches):
            take(service, batch)
            change(service, campaigns[0]["id"], number)
        service.projector.catch_up()
        tables_of = ReadModelTables(frozen.IN_MEMORY, service.definitions)
        with service.database.reading() as connection:
            last = service.log.last_position(connection)
            for campaign in campaigns:
                position = data.draw(st.integers(0, last))
                then = Then(connection, service.log, tables_of, GROUP, campaign["id"], position)
                now, now_overlapping = (find_now(connection, each) for each in (OF_CAMPAIGN, OF_BEHAVIOURS))
                assert now is not None
                assert now_overlapping is not None
                back = Rewinding(then, now).rewind_campaign(rows=True)
                assert contents(back, OF_CAMPAIGN, then) == contents(then.fold_campaign(), OF_CAMPAIGN, then)
                back, begun = Rewinding(then, now_overlapping).rewind_behaviours(), then.fold_behaviours()
                found, expected = (contents(each, OF_BEHAVIOURS, then) for each in (back, begun))
                for table in SUMS.keys() & found.keys():
                    assert found[table] == expected[table]


def test_every_table_has_sums_or_rows_of_users() -> None:
    """A table that is neither would be left empty; what was sold is asked of the read model alone."""
    for projection in (*OF_CAMPAIGN, *OF_BEHAVIOURS):
        for table in projection.tables:
            assert (table.name in SUMS) != ("journey_id" in table.c)
            width = SUMS.get(table.name, 0)
            assert not {each.name for each in list(table.c)[len(table.c) - width :]} & {
                each.name for each in table.primary_key
            }
