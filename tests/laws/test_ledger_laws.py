"""The laws over a real store: order, batching, repeats, restarts and caches change nothing; read models are exact."""

import tempfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infrastructure.journeys import store
from projections.campaign_report import CAMPAIGN_REPORT
from tests.domain.journey.test_journey_laws import plans
from tests.support.ledgers import open_ledger, outcome, rebuilt, reported, streams, take
from tests.support.reference import judge, moment

pytestmark = pytest.mark.usefixtures("each_database")

LAWS = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(params=[1, 4, 1_000], ids=lambda events: f"state every {events}")
def state_every(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often states are written back: at once, now and then, and never within a test."""
    monkeypatch.setattr(store, "SNAPSHOT_EVERY", request.param)
    return int(request.param)


@pytest.mark.usefixtures("state_every")
@LAWS
@given(plan=plans())
def test_r14_any_order_batches_repeats_and_restarts_give_what_the_reference_finds(plan: Any) -> None:
    """R7 to R19: the stored events and the report equal the reference; a new process takes each second batch."""
    campaigns, facts, batches = plan
    with tempfile.TemporaryDirectory() as directory:
        service = open_ledger(Path(directory), campaigns)
        for number, batch in enumerate(batches):
            if number % 2:
                service.close()
                service = open_ledger(Path(directory))
            assert not any(answer.code for answer in take(service, batch).answers)
        service.projector.catch_up()
        expected = judge(campaigns, facts)
        assert outcome(service) == expected
        for campaign in campaigns:
            assert reported(service, campaign["id"]) == expected.report(campaign["id"])
        service.close()


@pytest.fixture
def unkeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seals do without a journey's own key, so that those of two ledgers can be compared."""
    monkeypatch.setattr(
        "application.commands.translation.seal", lambda _key, text: str(zlib.crc32(text.encode()))
    )


@pytest.mark.usefixtures("unkeyed", "state_every")
@LAWS
@given(plan=plans(), cached=st.integers(0, 2))
def test_r14_batching_changes_nothing_that_stands(plan: Any, cached: int) -> None:
    """R14: whether facts came one by one or all at once, in whatever cache, and again."""
    campaigns, _, batches = plan
    with tempfile.TemporaryDirectory() as directory:
        (one := Path(directory, "one")).mkdir()
        (all_at_once := Path(directory, "all")).mkdir()
        with open_ledger(one, campaigns) as single, open_ledger(all_at_once, campaigns) as whole:
            single.journeys._cached = cached
            for batch in batches:
                for fact in batch:
                    take(single, [fact])
            facts = [fact for batch in batches for fact in batch]
            take(whole, facts)
            assert outcome(single) == outcome(whole)
            assert {each.verdict.value for each in take(whole, facts).answers} <= {"duplicate"}


@pytest.mark.usefixtures("unkeyed", "state_every")
@LAWS
@given(plan=plans())
def test_a_batch_in_the_order_of_its_facts_is_decided_as_one_by_one(plan: Any) -> None:
    """R14: sorted by instant, then id, the events of a journey are the same in batches of any size."""
    campaigns, _, batches = plan
    distinct = {(fact["user_id"], fact["id"]): fact for batch in batches for fact in batch}
    facts = sorted(distinct.values(), key=moment)
    with tempfile.TemporaryDirectory() as directory:
        (one := Path(directory, "one")).mkdir()
        (all_at_once := Path(directory, "all")).mkdir()
        with open_ledger(one, campaigns) as single, open_ledger(all_at_once, campaigns) as whole:
            for fact in facts:
                take(single, [fact])
            take(whole, facts)
            assert streams(single) == streams(whole)


@LAWS
@given(plan=plans())
def test_a_rebuild_equals_the_running_read_model(plan: Any) -> None:
    """R19: built anew from position zero, every report is what it was, row by row."""
    campaigns, _, batches = plan
    with tempfile.TemporaryDirectory() as directory, open_ledger(Path(directory), campaigns) as service:
        for batch in batches:
            take(service, batch)
            service.projector.catch_up()
        service.projector.catch_up()
        before = {campaign["id"]: reported(service, campaign["id"]) for campaign in campaigns}
        rebuilt(service, CAMPAIGN_REPORT)
        assert {campaign["id"]: reported(service, campaign["id"]) for campaign in campaigns} == before


@LAWS
@given(plan=plans())
def test_r13_everything_sent_again_is_a_duplicate(plan: Any) -> None:
    """R13: for a process that has just opened the ledger, all facts are duplicates and nothing is recorded."""
    campaigns, facts, batches = plan
    with tempfile.TemporaryDirectory() as directory:
        with open_ledger(Path(directory), campaigns) as service:
            for batch in batches:
                take(service, batch)
            before = streams(service)
        with open_ledger(Path(directory)) as service:
            answers = take(service, facts).answers
            assert {answer.verdict.value for answer in answers} <= {"duplicate"}
            assert streams(service) == before
