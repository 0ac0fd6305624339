"""What the report said at an instant, what was true of it, and what changed between two, against what is remembered."""

import itertools
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from application.commands.definitions import read_campaigns
from application.ledger import UnknownCampaign
from application.queries.reads import Days, Instants
from application.queries.report import read_difference, read_report_as_of, read_report_of_days
from domain.facts import Received
from domain.instants import EPOCH, from_microseconds
from domain.journey.decisions import Conversion, Receipt, Revenue
from infrastructure.access.operator import stamp
from infrastructure.cli.differences import describe_change
from infrastructure.cli.opening import reads_of
from infrastructure.composition import Service
from infrastructure.database.schema import identities
from projections.campaign_report import CAMPAIGN_REPORT, occurred
from projections.campaign_report.as_of import ReportHistory
from projections.campaign_report.changes import Change
from projections.campaign_report.counts import CampaignThen, Counts
from projections.campaign_report.reading import CampaignReport, load_report
from projections.engine.generations import checkpoints
from projections.engine.projection import Projection, UnreadableLog
from projections.engine.projector import Progress
from projections.engine.tables import EXACT
from projections.recipients import RECIPIENTS
from projections.series import SERIES
from tests.domain.journey.test_journey_laws import plans
from tests.infrastructure.event_store.test_verification import tamper
from tests.support import reference, reference_reports
from tests.support.ledgers import GROUP, NOW, _figures, ask_about, open_ledger, reported, take
from tests.support.strategies import APP_GROUP, TICK, identity

pytestmark = pytest.mark.usefixtures("each_database")

LAWS = settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
EVERYTHING = 10_000

Shape = dict[str, Any]


class Remembered(NamedTuple):
    """What was so when a batch had been taken, and the facts of that batch."""

    position: int
    recorded_at: int
    reports: dict[str, Shape]
    facts: list[dict[str, Any]]

    @property
    def instant(self) -> datetime:
        """When its last event was recorded."""
        return from_microseconds(self.recorded_at)


def shape(found: CampaignReport | None) -> Shape:
    """A report in the reference's shape."""
    assert found is not None
    variants = {each.variant_id: _figures(each.figures) for each in found.variants}
    return {"totals": _figures(found.totals), "variants": variants}


def remembered(
    service: Service, campaigns: list[dict[str, Any]], batches: Iterable[list[dict[str, Any]]]
) -> list[Remembered]:
    """Take batches one after the other, and the report after each; of those of one instant the last alone."""
    found: list[Remembered] = []
    for batch in batches:
        take(service, batch)
        service.projector.catch_up(CAMPAIGN_REPORT)
        with service.database.reading() as connection:
            position = service.log.last_position(connection)
            recorded_at = service.log.recorded_at(connection, position)
        assert recorded_at is not None
        facts = list(batch)
        if found and found[-1].recorded_at == recorded_at:
            facts = [*found.pop().facts, *facts]
        reports = {each["id"]: reported(service, each["id"]) for each in campaigns}
        found.append(Remembered(position, recorded_at, reports, facts))
    return found


@contextmanager
def history_of(service: Service, campaign_id: str) -> Iterator[ReportHistory]:
    """What the report of a campaign said, at whatever position."""
    with service.database.reading() as connection:
        yield ReportHistory(connection, service.log, service.definitions, GROUP, campaign_id)


def then(history: ReportHistory, position: int) -> CampaignThen:
    """The campaign at a position at which there was one."""
    found = history.campaign(position)
    assert found is not None
    return found


@LAWS
@given(plan=plans(), lagging=st.booleans())
def test_r14_as_of_an_instant_the_report_is_what_it_said_forward_and_backward(
    plan: Any, lagging: bool
) -> None:
    """R14, R18, R19: from position zero, from where the read model stands, and from whichever is nearer."""
    campaigns, facts, batches = plan
    late = batches[-1:] if lagging else []
    with tempfile.TemporaryDirectory() as directory, open_ledger(Path(directory), campaigns) as service:
        told = remembered(service, campaigns, batches[: len(batches) - len(late)])
        for batch in late:
            take(service, batch)
        for campaign in campaigns:
            with history_of(service, campaign["id"]) as history:
                stands = history._read_model_at
                for each in told:
                    expected = each.reports[campaign["id"]]
                    assert history.position(each.instant) == each.position or late
                    assert shape(history.report(each.position)) == expected
                    forward = history.fold(0, each.position)
                    backward = history._held(stands) - history.fold(each.position, stands)
                    made = then(history, each.position)
                    assert shape(made.report(forward, each.position)) == expected
                    assert shape(made.report(backward, each.position)) == expected
                last = history.log.last_position(history.connection)
                now = reference.judge(campaigns, facts).report(campaign["id"])
                assert shape(history.report(last)) == now


def effect(changes: Iterable[Change]) -> Counts:
    """What changes add up to."""
    counts = Counts()
    for change in changes:
        for stands, sign in ((change.before, -1), (change.now, 1)):
            match stands:
                case Receipt():
                    counts.receipts[stands.variant_id] += sign
                case Conversion():
                    counts.conversions[stands.receipt.variant_id, change.index or 0] += sign
                case Revenue():
                    key = (stands.receipt.variant_id, str(change.currency))
                    counts.purchases[key] += sign
                    counts.amounts[key] = EXACT.add(
                        counts.amounts.get(key, stands.net * 0), stands.net * sign
                    )
        if change.what == "receipt":
            variant_id = (change.now or change.before).variant_id  # type: ignore[union-attr]
            counts.unique_recipients[variant_id] += change.unique_recipients["variant"]
            counts.unique_recipients[None] += change.unique_recipients["campaign"]
    return counts


@LAWS
@given(plan=plans())
def test_r14_the_changes_between_two_instants_explain_their_difference(plan: Any) -> None:
    """R14: both reports are those remembered, the changes make one of the other, and each has its cause between."""
    campaigns, _, batches = plan
    with tempfile.TemporaryDirectory() as directory, open_ledger(Path(directory), campaigns) as service:
        told = remembered(service, campaigns, batches)
        for campaign in campaigns:
            key = campaign["id"]
            with history_of(service, key) as history:
                for one, other in itertools.combinations(told, 2):
                    found = history.difference(one.position, other.position, EVERYTHING)
                    assert found is not None
                    assert (shape(found.before), shape(found.after)) == (one.reports[key], other.reports[key])
                    made = history.counts(one.position) + effect(found.changes)
                    assert shape(then(history, other.position).report(made, 0)) == other.reports[key]
                    assert len(found.changes) == found.changes_total
                    few = history.difference(one.position, other.position, 2)
                    assert few is not None
                    assert few.changes == found.changes[:2]
                    assert few.changes_total == found.changes_total
                for one, other in itertools.pairwise(told):
                    found = history.difference(one.position, other.position, EVERYTHING)
                    assert found is not None
                    taken = {identity(fact) for fact in other.facts}
                    for change in found.changes:
                        assert change.because is not None
                        assert (change.user_id, change.because.id) in taken


def instants_of(campaigns: list[dict[str, Any]], facts: list[dict[str, Any]]) -> list[datetime]:
    """Where something begins or ends: each fact, the end of each window, and a microsecond on either side."""
    edges = {reference.instant(fact) for fact in facts}
    for fact in facts:
        if fact["type"] == "received":
            [campaign] = [each for each in campaigns if each["id"] == fact["campaign_id"]]
            for event in reference.conversion_events_of(campaign):
                edges.add(reference.instant(fact) + reference.deadline_of(event))
    around = {edge + step for edge in edges for step in (-TICK, timedelta(0), TICK)}
    return sorted(around)


@LAWS
@given(plan=plans(), data=st.data())
def test_r6_what_was_true_of_an_instant_is_what_the_reference_finds(plan: Any, data: st.DataObject) -> None:
    """R6, R7, R12, R17: as known now, from one end of a window to the other; what happened between adds up."""
    campaigns, facts, batches = plan
    instants = instants_of(campaigns, facts)
    if not instants:
        return
    chosen = sorted(data.draw(st.sets(st.sampled_from(instants), min_size=1, max_size=8)))
    with tempfile.TemporaryDirectory() as directory, open_ledger(Path(directory), campaigns) as service:
        for batch in batches:
            take(service, batch)
        for campaign in campaigns:
            asked = ask_about(service, campaign["id"])
            for instant in chosen:
                expected = reference_reports.true_as_of(campaigns, facts, campaign["id"], instant)
                assert shape(read_report_as_of(asked, instant, "occurred").report) == expected
            for one, other in itertools.pairwise(chosen):
                found = read_difference(asked, Instants(one, other), "occurred", EVERYTHING).difference
                assert found.changes_total == len(found.changes)
                assert all(one < change.at <= other for change in found.changes)
                with history_of(service, campaign["id"]) as history:
                    counts = occurred.count_until(history.connection, GROUP, campaign["id"], one)
                    made = then(history, found.after.position).report(counts + effect(found.changes), 0)
                assert shape(made) == shape(found.after)
                few = read_difference(asked, Instants(one, other), "occurred", 2).difference
                assert few.changes == found.changes[:2]


@LAWS
@given(plan=plans(), data=st.data())
def test_r20_the_report_of_some_days_is_what_the_reference_finds(plan: Any, data: st.DataObject) -> None:
    """R18, R19, R20: of the receipts of whole days, also where one end or both are left open."""
    campaigns, facts, batches = plan
    days = sorted({reference.instant(fact).date() for fact in facts})
    if not days:
        return
    end = st.none() | st.sampled_from(days)
    with tempfile.TemporaryDirectory() as directory, open_ledger(Path(directory), campaigns) as service:
        for batch in batches:
            take(service, batch)
        for campaign in campaigns:
            first, last = data.draw(end), data.draw(end)
            if first is not None and last is not None:
                first, last = sorted((first, last))
            found = read_report_of_days(ask_about(service, campaign["id"]), Days(first, last))
            expected = reference_reports.received_between(
                campaigns, facts, campaign["id"], first or date.min, last or date.max, "UTC"
            )
            assert shape(found.report) == expected
            assert (found.days.first, found.days.last, found.time_zone) == (first, last, "UTC")


CAMPAIGNS: list[dict[str, Any]] = [
    {"id": "Sale", "conversion_events": [{"type": "starts_session", "deadline": "1d"}]},
    {"id": "sale"},
    {"id": '100%_/\\"\n'},
]
RECEIVED = [
    {
        "type": "received",
        "id": f"r{n}",
        "user_id": f"u{n}",
        "campaign_id": c["id"],
        "at": f"2026-03-0{n}T09:00:00Z",
    }
    for n, c in enumerate([*CAMPAIGNS, CAMPAIGNS[0]], 1)
]
SESSION = {
    "type": "session_started",
    "id": "s1",
    "user_id": "u1",
    "app_id": "ios",
    "at": "2026-03-01T10:00:00Z",
}


@pytest.fixture
def service(tmp_path: Path, each_database: str) -> Iterator[Service]:  # noqa: ARG001 - it chooses the database
    """A ledger with campaigns whose names are alike or hold what patterns are made of, each received."""
    with open_ledger(tmp_path, CAMPAIGNS) as opened:
        take(opened, RECEIVED)
        yield opened


def test_only_the_events_of_the_very_campaign_are_read(service: Service) -> None:
    """Ids differ by case, or hold quotes and what has a meaning in patterns: none is taken for another."""
    for campaign, receipts in zip(CAMPAIGNS, (2, 1, 1), strict=True):
        with history_of(service, str(campaign["id"])) as history:
            last = history.log.last_position(history.connection)
            assert sum(history.fold(0, last).receipts.values()) == receipts


def test_a_campaign_is_told_as_it_was_then(service: Service) -> None:
    """R4: name and status of the instant, not of now."""
    with history_of(service, "sale") as history:
        before = history.log.last_position(history.connection)
    service.campaigns.stop(GROUP, "sale", stamp())
    with history_of(service, "sale") as history:
        now = history.log.last_position(history.connection)
        assert [then(history, position).status for position in (before, now)] == ["launched", "stopped"]
        assert history.campaign(1) is None
        assert history.difference(0, 1, 1) is None
        found = history.difference(0, now, 10)
    assert found is not None
    assert (found.before.totals.receipts, found.after.totals.receipts) == (0, 1)


LIFE: list[dict[str, Any]] = [
    {"status": "draft", "variants": [{"id": "A"}, {"id": "B"}]},
    {"conversion_events": [{"type": "starts_session", "deadline": "1d"}]},
    {"variants": [{"id": "A"}, {"id": "C", "name": "See"}, {"id": "out", "control": True}]},
    {"name": "Long", "channel": "push"},
    {"status": "launched"},
    {"variants": [{"id": "A", "name": "Eh"}, {"id": "C"}, {"id": "out", "control": True}]},
    {
        "variants": [
            {"id": "A", "weight": 3},
            {"id": "C", "weight": 0},
            {"id": "out", "weight": 1, "control": True},
        ]
    },
]


def test_r4_whatever_changed_in_a_campaign_is_told_as_it_was(tmp_path: Path) -> None:
    """R4, R5: after each step of a life, the report is what the read model then said, to the last field."""
    said, campaign = [], {"id": "life"}
    with open_ledger(tmp_path) as service:
        for step in LIFE:
            campaign |= step
            service.campaigns.apply(read_campaigns(APP_GROUP | {"campaigns": [campaign]}), stamp())
            service.projector.catch_up(CAMPAIGN_REPORT)
            with service.database.reading() as connection:
                said.append(load_report(connection, GROUP, "life"))
        with history_of(service, "life") as history:
            assert [history.report(each.position) for each in said if each is not None] == said
    assert len({each.position for each in said if each is not None}) == len(LIFE)


def test_who_led_to_a_change_is_not_known_once_the_identity_was_erased(service: Service) -> None:
    """The change still stands, with its fact; the user is null."""
    with service.database.writing() as connection:
        connection.execute(delete(identities).where(identities.c.user_id == "u2"))
    with history_of(service, "sale") as history:
        found = history.difference(0, history.log.last_position(history.connection), 10)
    assert found is not None
    told = [change.as_json() for change in found.changes]
    assert [(each["user_id"], each["because"]["id"]) for each in told] == [(None, "r2")]
    assert describe_change(found.changes[0], set()).startswith("a user whose identity was erased: receipt r2")


def test_as_of_does_without_a_read_model_that_other_code_made(service: Service) -> None:
    """The read model only saves reading: where it cannot be used, the log is read from its beginning."""
    service.projector.catch_up(CAMPAIGN_REPORT)
    with service.database.writing() as connection:
        connection.execute(update(checkpoints).values(version=99))
    with history_of(service, "Sale") as history:
        last = history.log.last_position(history.connection)
        found = history.report(last)
    assert found is not None
    assert found.totals.receipts == 2


def test_a_gap_and_a_changed_event_are_met(service: Service) -> None:
    """What the log lost, or what is not what was recorded, gives no figure but an error that says where."""
    with history_of(service, "sale") as history:
        last = history.log.last_position(history.connection)
        [receipt] = history.log.of_campaign(history.connection, 0, last, [Received], GROUP, "sale")
    tamper(
        service,
        "UPDATE events SET state = replace(state, 'r2', 'r8') WHERE topic = 'journey.received' AND state LIKE '%r2%'",
    )
    with pytest.raises(UnreadableLog, match=f"position {receipt.position}: .*hash differs"):
        read_difference(
            ask_about(service, "sale"), Instants(EPOCH, NOW + timedelta(days=3650)), "recorded", 1
        )
    tamper(service, "DELETE FROM events WHERE topic = 'journey.received' AND state LIKE '%r8%'")
    with history_of(service, "Sale") as history:
        with pytest.raises(UnreadableLog, match=f"position {receipt.position}: the event is missing"):
            history.fold(0, last)
        with pytest.raises(UnreadableLog, match=f"position {last + 1}: the event is missing"):
            history.fold(last, last + 1)


def test_an_instant_is_not_looked_for_where_an_event_is_missing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Halving needs every event it meets."""
    monkeypatch.setattr(service.log, "recorded_at", lambda *_: None)
    with history_of(service, "sale") as history, pytest.raises(UnreadableLog, match="the event is missing"):
        history.position(NOW)


def test_a_decision_without_a_fact_before_it_is_damage(service: Service) -> None:
    """What led to a decision lies before it in its stream: where another stream's event does, the log is damaged."""
    with history_of(service, "Sale") as history:
        last = history.log.last_position(history.connection)
        one, other = history.log.of_campaign(history.connection, 0, last, [Received], GROUP, "Sale")
        elsewhere = msgspec.structs.replace(one, stream_id=other.stream_id)
        with pytest.raises(UnreadableLog, match="no fact comes before the decision"):
            history.log.cause(history.connection, elsewhere)


def test_models_that_others_move_apart_are_read_at_one_position(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are brought up to date again while they differ, five times; then the smaller position is told."""
    catch_up, left = service.projector.catch_up, 2

    def overtaken(*projections: Projection, progress: Progress) -> None:
        nonlocal left
        catch_up(*projections, progress=progress)
        if left:
            left -= 1
            take(service, [SESSION | {"id": f"s{left}"}])
            catch_up(SERIES)

    monkeypatch.setattr(service.projector, "catch_up", overtaken)
    with reads_of(service).up_to_date(RECIPIENTS, SERIES) as (connection, position):
        assert position == service.log.last_position(connection)
    assert left == 0
    left = 99
    with reads_of(service).up_to_date(RECIPIENTS, SERIES) as (connection, position):
        assert position == service.log.last_position(connection) - 1
    assert left == 99 - 5


def test_what_is_asked_of_no_campaign_is_refused(service: Service) -> None:
    """Whatever is asked, and whether there never was one or was none yet."""
    asked, sale = ask_about(service, "nope"), ask_about(service, "sale")
    for ask in (
        lambda: read_report_as_of(asked, NOW, "recorded"),
        lambda: read_report_as_of(asked, NOW, "occurred"),
        lambda: read_difference(asked, Instants(EPOCH, NOW), "occurred", 1),
        lambda: read_report_of_days(asked, Days(None, None)),
    ):
        with pytest.raises(UnknownCampaign, match="there is no campaign 'nope'"):
            ask()
    with pytest.raises(
        UnknownCampaign, match="no campaign 'sale' yet at 1970-01-01T00:00:00Z: it was drafted at 2"
    ):
        read_report_as_of(sale, EPOCH, "recorded")
    with pytest.raises(UnknownCampaign, match="yet at 1970-01-01T00:00:00Z"):
        read_difference(sale, Instants(EPOCH, EPOCH), "recorded", 1)
