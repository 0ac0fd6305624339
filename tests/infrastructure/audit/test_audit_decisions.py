"""`audit --decisions`: today's code decides what was recorded, and where it does not, both stories are told."""

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from application.commands.definitions import read_campaigns
from application.ledger import UnknownCampaign
from domain.campaigns import conversion_events
from domain.journey.lookups import JourneySoFar
from domain.journey.rules import conversions, upgrades
from infrastructure import composition
from infrastructure.access.operator import stamp
from infrastructure.audit.decision_differences import DecisionAudit, Difference
from infrastructure.audit.decisions import audit_decisions
from infrastructure.cli import decision_tables
from infrastructure.composition import Service
from infrastructure.replay import streams
from tests.domain.journey.test_journey_laws import plans
from tests.infrastructure.event_store.test_verification import tamper
from tests.support.ledgers import GROUP, open_ledger, rows, take
from tests.support.strategies import APP_GROUP

pytestmark = pytest.mark.usefixtures("each_database")

CAMPAIGNS: list[dict[str, Any]] = [
    {
        "id": "spring",
        "variants": [{"id": "A"}, {"id": "B"}, {"id": "holdout", "control": True}],
        "conversion_events": [
            {"type": "makes_purchase", "deadline": "3d"},
            {"type": "upgrades_app", "deadline": "30d"},
            {"type": "starts_session", "deadline": "1h"},
        ],
    },
    {"id": "summer", "conversion_events": [{"type": "makes_purchase", "deadline": "1d"}]},
]

MONEY = {"product_id": "tea", "currency": "EUR"}


def fact(kind: str, name: str, at: str, **fields: Any) -> dict[str, Any]:
    """A fact of March 2024."""
    return {"type": kind, "id": name, "at": f"2024-03-{at}Z"} | fields


RECEIPT = fact("received", "r1", "01T09:00:00", campaign_id="spring", variant_id="A")
REVENUE_CHANGED = (
    """UPDATE events SET state = replace(state, '"20"', '"20.01"') WHERE topic LIKE '%revenue%'"""
)
STORY = [
    RECEIPT,
    fact("received", "r2", "10T09:00:00", campaign_id="spring", variant_id="B"),
    fact("app_version", "v2", "02T09:00:00", app_id="ios", version="1.3"),
    fact("app_version", "v1", "01T08:00:00", app_id="ios", version="1.2"),
    fact("purchase", "p2", "11T10:00:00", price="20.00", **MONEY),
    fact("purchase", "p1", "03T10:00:00", price="9.99", **MONEY),
    fact("received", "s1", "03T09:30:00", campaign_id="summer"),
    fact("refund", "x1", "12T09:00:00", purchase_id="p1", amount="5.00"),
    fact("session_started", "o1", "01T10:00:00", app_id="ios"),
    fact("void", "x2", "13T09:00:00", fact_id="p1"),
    fact("received", "r3", "02T09:00:00", campaign_id="spring", variant_id="holdout"),
    fact("void", "x3", "13T09:00:00", fact_id="v1"),
]
"""Late, restated, refunded, upgraded, voided; a conversion exactly at its deadline."""

USERS = ("u1", "u2", "\N{SNOWMAN}")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A ledger in which all that can be decided was decided, of three users; facts came one by one, and again."""
    with open_ledger(tmp_path, CAMPAIGNS) as service:
        for each in [*STORY, *STORY[:3]]:
            for user in USERS:
                assert not any(answer.code for answer in take(service, [each | {"user_id": user}]).answers)
        yield service


def audit(service: Service, **options: Any) -> DecisionAudit:
    """An audit of the decisions of a ledger."""
    elsewhere = partial(composition.open_for_reading, service.database.url)
    return audit_decisions((service.database, service.ledger), elsewhere, **options)


def only(found: DecisionAudit) -> Difference:
    """The one difference that was found."""
    assert found.found.differences_total == 1, found.as_json()
    (difference,) = found.found.differences
    return difference


def at_position_of(service: Service, topic: str, part: str = "") -> int:
    """The first position at which an event of the topic says so."""
    return next(row.position for row in rows(service) if row.topic == topic and part in row.state)


def test_a_ledger_with_everything_in_it_is_decided_again_as_it_was(service: Service) -> None:
    """R14: nothing differs; every event is read, and every fact and decision counted."""
    log = rows(service)
    of_journeys = [row for row in log if row.topic.startswith("journey.")]
    found = audit(service)
    assert found.equal
    assert found.position == found.found.events == len(log)
    assert found.found.journeys == len(USERS)
    assert found.found.facts == len(USERS) * len(STORY)
    assert found.found.decisions == len(of_journeys) - found.found.facts
    assert {"journey.upgrade_withdrawn", "journey.revenue_restated", "journey.conversion_withdrawn"} <= {
        row.topic for row in of_journeys
    }


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans())
def test_r14_whatever_arrived_however_is_decided_again_as_it_was(plan: Any) -> None:
    """Late, repeated, restated, refunded, voided and upgraded, in any batches; also about each campaign alone."""
    campaigns, _, batches = plan
    with tempfile.TemporaryDirectory() as directory, open_ledger(Path(directory), campaigns) as service:
        for batch in batches:
            take(service, batch)
        whole = audit(service)
        assert whole.equal, whole.as_json()
        for campaign in campaigns:
            found = audit(service, app_group=GROUP, campaign_id=campaign["id"])
            assert found.equal
            assert found.found.decisions <= whole.found.decisions


def test_a_decision_that_was_changed_in_the_database_is_told_with_both_stories(service: Service) -> None:
    """The row is named, what it says and what follows from the facts; its hash says that it is to blame."""
    position = at_position_of(service, "journey.conversion_recorded", '"index":2')
    tamper(
        service,
        f'UPDATE events SET state = replace(state, \'"variant_id":"A"\', \'"variant_id":"B"\') WHERE position = {position}',
    )
    difference = only(audit(service))
    assert (difference.kind, difference.user_id, difference.app_group) == ("decided_otherwise", "u1", GROUP)
    assert difference.fact is not None
    assert (difference.fact.id, difference.fact.type) == ("o1", "session_started")
    assert difference.tampered == (position,)
    told = difference.as_json()
    assert [each["position"] for each in told["recorded"]] == [str(position)]
    assert [each["event"]["now"]["receipt"]["variant_id"] for each in told["recorded"]] == ["B"]
    assert [each["event"]["now"]["receipt"]["variant_id"] for each in told["now"]] == ["A"]
    assert {each["topic"] for each in told["recorded"] + told["now"]} == {"journey.conversion_recorded"}


def test_the_identity_of_an_erased_user_is_told_as_null(service: Service) -> None:
    """What is left names the journey alone."""
    tamper(service, "DELETE FROM identities WHERE user_id = 'u1'")
    position = at_position_of(service, "journey.revenue_attributed")
    tamper(service, f"{REVENUE_CHANGED} AND position = {position}")
    difference = only(audit(service))
    assert difference.as_json()["user_id"] is None
    assert difference.journey_id == rows(service)[position - 1].originator_id


def test_a_number_written_otherwise_is_the_same_decision(service: Service) -> None:
    """Decisions are compared by value: 20.00 is 20; that the row was changed is for `verify` to say."""
    as_other_digits = """state = replace(state, '"20"', '"20.00"')"""
    position = at_position_of(service, "journey.revenue_attributed")
    tamper(service, f"UPDATE events SET {as_other_digits} WHERE position = {position}")
    assert '"20.00"' in rows(service)[position - 1].state
    assert audit(service).equal


def ends_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Change R6: a window's end is outside, which is a deadline of a microsecond less."""
    sooner = property(lambda event: timedelta(seconds=event.deadline_seconds, microseconds=-1))
    monkeypatch.setattr(conversion_events._Base, "deadline", sooner)


def test_r6_a_rule_that_was_changed_is_told_once_for_each_fact_that_it_touches(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conversion at its deadline is not repeated; nor is its withdrawal, when the session was voided."""
    void = fact("void", "x4", "14T09:00:00", fact_id="o1") | {"user_id": "u2"}
    take(service, [void])
    ends_outside(monkeypatch)
    found = audit(service)
    differences = found.found.differences
    assert [(each.user_id, each.fact and each.fact.id) for each in differences] == [
        *((user, "o1") for user in USERS),
        ("u2", "x4"),
    ]
    assert {each.kind for each in differences} == {"decided_otherwise"}
    assert [each.topic for each in differences[-1].recorded] == ["journey.conversion_withdrawn"]
    assert not any(each.now for each in differences)
    assert audit(service, app_group=GROUP, campaign_id="summer").equal
    of_spring = audit(service, app_group=GROUP, campaign_id="spring").found
    assert of_spring.differences == differences


def test_a_rule_that_was_changed_is_listed_with_both_stories(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R10 turned into "no version is an upgrade": upgrades, and conversions by them, would not be repeated."""
    monkeypatch.setattr(upgrades, "is_upgrade", lambda _before, _after: False)
    found = audit(service)
    topics = {topic: (recorded, now) for topic, recorded, now in found.by_topic()}
    assert topics["journey.upgrade_recorded"] == (len(USERS), 0)
    assert topics["journey.conversion_recorded"][0] == len(USERS)
    assert found.found.journeys_differing == len(USERS)
    first = found.found.differences[0]
    assert first.fact is not None
    assert first.fact.id == "v1"
    assert not first.now
    assert not first.tampered


def test_the_same_decisions_in_another_order_are_told_whole(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stand in the stream in an order that today's code would not give them."""
    backwards = JourneySoFar.campaigns_around
    monkeypatch.setattr(JourneySoFar, "campaigns_around", lambda *given: backwards(*given)[::-1])
    summer = fact("received", "s2", "20T09:00:00", campaign_id="summer")
    spring = fact("received", "r9", "20T09:00:00", campaign_id="spring", variant_id="A")
    bought = fact("purchase", "p9", "20T10:00:00", price="1", **MONEY)
    take(service, [each | {"user_id": "u9"} for each in (summer, spring, bought)])
    monkeypatch.undo()
    difference = only(audit(service))
    assert difference.reason == "the same decisions in another order"
    assert [each.payload for each in difference.recorded] != [each.payload for each in difference.now]
    assert sorted(each.payload for each in difference.recorded) == sorted(
        each.payload for each in difference.now
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("topic = 'journey.teleported'", "unknown topic 'journey.teleported'"),
        ("topic = 'campaign.launched', state = '{}'", "campaign.launched is no event of a journey"),
        ("state = '{}'", "journey.purchase: "),
        ("topic = 'journey.revenue_withdrawn', state = 'no JSON'", "journey.revenue_withdrawn: "),
    ],
)
def test_what_cannot_be_read_is_told_and_the_other_journeys_are_compared(
    service: Service, change: str, reason: str
) -> None:
    """A topic that no one knows, one of another stream, and payloads of no use: no crash, whatever was asked for."""
    position = at_position_of(service, "journey.purchase", '"p1"')
    tamper(service, f"UPDATE events SET {change} WHERE position = {position}")
    for campaign_id in (None, "spring"):
        found = audit(service, app_group=GROUP, campaign_id=campaign_id)
        first = found.found.differences[0]
        assert first.kind == "unreadable"
        assert first.user_id == "u1"
        assert str(first.reason).startswith(reason)
        assert position in first.tampered
        assert found.found.journeys == len(USERS)
        assert found.found.journeys_differing == 1
        assert first.as_json()["reason"] == first.reason


def test_a_missing_event_ends_the_comparison_of_its_stream(service: Service) -> None:
    """The version that is missing is named, and the fact after which it is."""
    position = at_position_of(service, "journey.recipient_counted")
    tamper(service, f"DELETE FROM events WHERE position = {position}")
    difference = only(audit(service))
    assert difference.reason == "version 2 of the stream is missing"
    assert difference.fact is not None
    assert difference.fact.id == "r1"


def test_a_stream_that_begins_with_a_decision_is_told(service: Service) -> None:
    """No fact led to it."""
    position = at_position_of(service, "journey.received")
    tamper(service, f"UPDATE events SET topic = 'journey.upgrade_withdrawn' WHERE position = {position}")
    difference = only(audit(service))
    assert (difference.kind, difference.fact) == ("unreadable", None)
    assert difference.reason == "no fact precedes the decision"
    assert difference.as_json()["fact"] is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("replace(state, 'summer', 'autumn')", "there is no campaign 'autumn'"),
        (
            "replace(state, '\"s1\"', '\"r1\"')",
            "the id 'r1' is taken by a fact of the same type and other content: at, campaign_id, variant_id",
        ),
    ],
)
def test_r13_r16_a_fact_that_is_refused_now_is_told_and_the_journey_goes_on(
    service: Service, change: str, reason: str
) -> None:
    """What was decided from it is not repeated; the facts after it are judged as if it had not been."""
    position = at_position_of(service, "journey.received", "summer")
    tamper(service, f"UPDATE events SET state = {change} WHERE position = {position}")
    found = audit(service)
    first = found.found.differences[0]
    assert (first.kind, first.reason, first.now) == ("not_taken", reason, ())
    assert {each.topic for each in first.recorded} >= {"journey.recipient_counted"}
    assert found.found.facts == len(USERS) * len(STORY)


def test_r13_a_fact_that_stands_twice_is_told(service: Service) -> None:
    """The stream was made to hold the same fact again."""
    log = rows(service)
    first, second = (at_position_of(service, "journey.received", each) for each in ('"r1"', '"r2"'))
    state = log[first - 1].state
    tamper(service, f"UPDATE events SET state = '{state}' WHERE position = {second}")
    found = audit(service).found.differences[0]
    assert (found.kind, found.reason) == ("not_taken", "a fact of the same id and content precedes it")


def test_where_todays_code_fails_it_is_told_and_the_journey_ends(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade that would fail at a fact is found before it is made."""

    def failing(*_: object, **__: object) -> None:
        raise KeyError("no such lane")

    monkeypatch.setattr(conversions, "judge", failing)
    found = audit(service)
    assert found.found.differences_total == len(USERS)
    assert {each.reason for each in found.found.differences} == {"KeyError: 'no such lane'"}
    assert {each.kind for each in found.found.differences} == {"not_taken"}


def test_as_of_every_position_nothing_differs(service: Service) -> None:
    """A fact whose decisions lie beyond the position is left out, whole."""
    newest = len(rows(service))
    for up_to in range(newest + 2):
        found = audit(service, up_to=up_to)
        assert found.equal
        assert found.position == found.found.events <= min(up_to, newest)
        assert up_to - found.position < 10


def test_what_lies_beyond_a_position_is_not_looked_at(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of R10 touches nothing before the first report of a version."""
    monkeypatch.setattr(upgrades, "is_upgrade", lambda _before, _after: False)
    first = at_position_of(service, "journey.upgrade_recorded")
    assert audit(service, up_to=first - 1).equal
    assert not audit(service, up_to=first + 1).equal


def test_an_empty_ledger_has_nothing_that_differs(tmp_path: Path) -> None:
    """No event, no journey; and no range of them."""
    with open_ledger(tmp_path) as service:
        found = audit(service)
    assert found.equal
    assert found.as_json()["position"] == "0"


def test_ranges_pages_and_processes_change_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same counts and differences, in the order of the log, however the journeys are cut and spread."""
    tamper(service, REVENUE_CHANGED)
    whole = audit(service).as_json() | {"seconds": 0}
    assert whole["differences_total"] >= len(USERS)
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(streams, "RANGE_EVENTS", 3)
    cut = audit(service, progress=lambda done, of: told.append((done, of)))
    assert cut.as_json() | {"seconds": 0} == whole
    assert told == sorted(told)
    assert len(told) > len(USERS)
    assert told[-1] == (cut.position, cut.position)
    assert audit(service, processes=2).as_json() | {"seconds": 0} == whole


def test_differences_are_kept_up_to_a_limit_and_all_counted(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are kept are the earliest."""
    monkeypatch.setattr(upgrades, "is_upgrade", lambda _before, _after: False)
    whole = audit(service).found
    for limit in (0, 1, 2):
        found = audit(service, limit=limit).found
        assert found.differences == whole.differences[:limit]
        assert found.differences_total == whole.differences_total > len(USERS)
        assert found.topics == whole.topics


def test_only_what_is_asked_for_is_compared(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Journeys that never name the campaign are passed over; upgrades are no campaign's; a wrong name is told."""
    take(service, [RECEIPT | {"user_id": "u7"}])
    summer = audit(service, app_group=GROUP, campaign_id="summer").found
    assert summer.journeys == len(USERS)
    assert 0 < summer.decisions < audit(service, app_group=GROUP).found.decisions
    monkeypatch.setattr(upgrades, "is_upgrade", lambda _before, _after: False)
    assert audit(service, app_group=GROUP, campaign_id="summer").equal
    topics = audit(service, app_group=GROUP, campaign_id="spring").found.topics
    assert {topic.partition("_")[0] for topic, _ in topics} == {"journey.conversion"}
    assert audit(service, app_group="other").found.journeys == 0
    for app_group, campaign_id in ((GROUP, "springs"), (None, "springs"), ("other", "spring")):
        with pytest.raises(UnknownCampaign):
            audit(service, app_group=app_group, campaign_id=campaign_id)


def test_a_campaign_is_looked_for_in_all_app_groups_where_none_is_named(service: Service) -> None:
    """Ids of campaigns are an app group's own: two groups may have the same one, and facts of each."""
    other = APP_GROUP | {"app_group": "other", "campaigns": CAMPAIGNS}
    service.campaigns.apply(read_campaigns(other), stamp())
    take(service, [RECEIPT | {"user_id": "u1"}], "other")
    for app_group, journeys in (("other", 1), (GROUP, len(USERS)), (None, len(USERS) + 1)):
        found = audit(service, app_group=app_group, campaign_id="spring")
        assert found.equal
        assert found.found.journeys == journeys


def test_people_read_the_verdict_and_both_stories(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence where nothing differs; counts, users, facts and decisions where something does."""
    decision_tables.show(audit(service))
    assert (
        "Today's code decides all of it as it was recorded: 36 facts of 3 journeys" in capsys.readouterr().out
    )
    tamper(service, REVENUE_CHANGED)
    tamper(service, "UPDATE events SET topic = 'journey.[red]' WHERE topic = 'journey.session_started'")
    found = audit(service)
    decision_tables.show(found, limit=found.found.differences_total - 1)
    told = capsys.readouterr().out
    assert "u1 of shop (journey " in told
    assert "purchase p2 of 2024-03-11 10:00:00 UTC" in told
    assert "revenue attributed: campaign_id spring" in told
    assert "now net 20.01" in told
    assert "now net 20," in told
    assert "because: unknown topic 'journey.[red]'" in told
    assert "not what was recorded, by their hash" in told
    assert "and 1 more" in told
