"""Results, winners and intelligent selection: over HTTP and by commands, from facts to events (R21)."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from application.commands.definitions import read_campaigns
from application.queries import results, selection
from domain.campaigns.campaign import Campaign
from domain.campaigns.events import WeightsAdjusted, WinnerDeclared
from domain.campaigns.evidence import DecidingTest
from domain.errors import BadDefinition
from infrastructure.access.keys import Scope
from infrastructure.access.operator import stamp
from infrastructure.cli import result_tables
from infrastructure.cli.console import out
from infrastructure.composition import Service
from infrastructure.serving import scheduling
from infrastructure.serving.scheduling import Selecting
from projections.campaign_report import CAMPAIGN_REPORT
from projections.engine.tables import stream
from tests.infrastructure.http.test_http import problem
from tests.support.commands import run
from tests.support.ledgers import GROUP, ask_about, open_ledger, take
from tests.support.serving import Api, serving

pytestmark = pytest.mark.usefixtures("each_database")

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
BUYS = {"type": "makes_purchase", "deadline": "3d"}
VARIANTS = [
    {"id": "A", "weight": 45},
    {"id": "B", "weight": 45},
    {"id": "holdout", "weight": 10, "control": True},
]
SALE = {"id": "sale", "variants": VARIANTS, "conversion_events": [BUYS]}
NEWS = {"id": "news", "variants": [{"id": "only"}], "conversion_events": []}
CLOSE = {"id": "close", "variants": [{"id": "A"}, {"id": "B"}], "conversion_events": [BUYS]}
CLOSER = {"A": 0.15, "B": 0.12, "holdout": 0.1}
RATES = {"A": 0.3, "B": 0.12, "holdout": 0.1}


def facts(campaign: str, of: dict[str, int], rates: dict[str, float]) -> Iterator[dict[str, Any]]:
    """Users of each variant, of whom the first ones buy; two more received both A and B."""
    for variant, users in of.items():
        for number in range(users):
            user, at = f"{campaign}-{variant}-{number}", AT + timedelta(minutes=number)
            yield {
                "type": "received",
                "id": f"r-{user}",
                "user_id": user,
                "campaign_id": campaign,
                "variant_id": variant,
                "at": at.isoformat(),
            }
            if number < round(users * rates[variant]):
                bought = at + timedelta(hours=1 + number % 40)
                yield {"type": "purchase", "id": f"p-{user}", "user_id": user, "product_id": "sku", "price": "10", "currency": "EUR", "at": bought.isoformat()}  # fmt: skip
    for number, variant in enumerate(("A", "B", "A", "B")):
        user = f"{campaign}-both-{number // 2}"
        yield {
            "type": "received",
            "id": f"r-{user}-{variant}",
            "user_id": user,
            "campaign_id": campaign,
            "variant_id": variant,
            "at": AT.isoformat(),
        }


def told(service: Service, *campaigns: dict[str, Any]) -> None:
    service.campaigns.apply(
        read_campaigns({"app_group": GROUP, "apps": ["ios"], "campaigns": list(campaigns)}), stamp()
    )


def sale(service: Service, rates: dict[str, float] = RATES, **more: Any) -> None:
    """A sale of which A is clearly the best, unless other rates are given."""
    told(service, SALE | more)
    take(service, list(facts("sale", {"A": 400, "B": 400, "holdout": 90}, rates)))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_ledger(tmp_path) as opened:
        yield opened


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with serving(tmp_path, [SALE, NEWS, CLOSE]) as api:
        take(api.service, list(facts("sale", {"A": 400, "B": 400, "holdout": 90}, RATES)))
        yield api


def test_results_over_http(api: Api) -> None:
    """R18, R21: of users of one variant, beside control; a winner where the test says so."""
    with api.client(Scope.READ) as client:
        found = client.get("/v1/campaigns/sale/results").raise_for_status().json()
        (event,), winner = found["conversion_events"], found["winner"]
        counts = {each["variant_id"]: (each["converted"], each["recipients"]) for each in event["variants"]}
        assert counts == {"A": (120, 400), "B": (48, 400), "holdout": (9, 90)}
        assert (found["against"], found["test"], found["health"]["users_in_several_variants"]) == (
            "holdout",
            "anytime",
            2,
        )
        assert [each["variant_id"] for each in event["comparisons"]] == ["A", "B"]
        assert event["comparisons"][0]["uplift"] == pytest.approx(2)
        assert winner["leader"] == "A"
        assert winner["declared"] is None
        (revenue,) = found["revenue"]
        assert {each["variant_id"]: each["mean"] for each in revenue["variants"]} == {
            "A": 3.0,
            "B": 1.2,
            "holdout": 1.0,
        }
        assert (winner["variant_id"], winner["level"]) == ("A", [])
        for test in ("fixed", "sequential"):
            other = client.get("/v1/campaigns/sale/results", params={"test": test}).json()
            assert (other["test"], other["winner"]["leader"]) == (test, "A")


def test_what_results_cannot_be_asked(api: Api) -> None:
    """With a code and a place each."""
    with api.client(Scope.READ) as client:
        asked = client.get("/v1/campaigns/sale/results", params={"test": "gut"})
        problem(asked, 400, "bad_test")
        for uplift in ("0", "inf", "nan", "-1"):
            problem(client.get("/v1/campaigns/sale/results", params={"uplift": uplift}), 400, "bad_uplift")
        problem(client.get("/v1/campaigns/none/results"), 404, "unknown_campaign")
        assert client.post("/v1/campaigns/sale/winner").status_code == 403
        without = client.get("/v1/campaigns/news/results").raise_for_status().json()
        assert without["winner"]["why"] == "no_conversion_event"


def test_a_winner_is_declared_over_http_once(api: Api) -> None:
    """R21: with its evidence; where the test does not say so, there is none, and why."""
    with api.client(Scope.MANAGE) as client:
        none = client.post("/v1/campaigns/close/winner").raise_for_status().json()
        assert (none["variant_id"], none["declared"], none["why"]) == (None, None, "nothing_to_compare")
        found: dict[str, Any] = {}
        for _ in range(2):
            found = (
                client.post("/v1/campaigns/sale/winner", params={"test": "fixed"}).raise_for_status().json()
            )
            assert found["declared"]["variant_id"] == "A"
        assert found["too_little"] == ["holdout"]
        assert found["health"]["with_control"] == 0
        evidence = found["declared"]["evidence"]
        assert evidence["test"] == "fixed"
        assert evidence["periods"] == [
            [
                {"variant_id": "A", "recipients": 400, "converted": 120},
                {"variant_id": "B", "recipients": 400, "converted": 48},
                {"variant_id": "holdout", "recipients": 90, "converted": 9},
            ]
        ]


def test_a_declaration_is_made_again_from_its_position(service: Service) -> None:
    """R21: whatever came since."""
    sale(service)
    found = results.read_results(ask_about(service, "sale"), DecidingTest.FIXED)
    results.declare_winner(service.experiments, found, stamp())
    later = {**RATES, "A": 0.0, "B": 1.0}
    told(service, SALE | {"id": "other"})
    take(service, [each | {"id": "x" + each["id"]} for each in facts("sale", {"A": 50, "B": 300}, later)])
    found_again = results.check_declaration(ask_about(service, "sale"))
    assert found_again.declared == found_again.again
    assert found_again.is_same


def test_windows_that_are_open_are_not_counted_and_a_declaration_says_as_of_when(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R21: by the test that decides unless another is set; it is made again as of the same hour, however late it is."""
    sale(service)

    def decided(after: timedelta) -> results.ExperimentResults:
        monkeypatch.setattr(service, "now", lambda: AT + after)
        return results.read_results(ask_about(service, "sale"), DecidingTest.ANYTIME)

    def counted(after: timedelta) -> int:
        periods = decided(after).evidence().periods
        return sum(each.recipients for period in periods for each in period)

    # The first receipts are of 9:00, their windows of three days; the 60 of that hour are counted from 10:00 on.
    hour, days = timedelta(hours=1), timedelta(days=3)
    assert [counted(days), counted(days + hour), counted(10 * days)] == [0, 3 * 60, 890]
    found = decided(10 * days)
    results.declare_winner(service.experiments, found, stamp())
    monkeypatch.setattr(service, "now", lambda: AT + days + hour)
    checked = results.check_declaration(ask_about(service, "sale"))
    assert (checked.declared, checked.declared.variant_id) == (checked.again, "A")


def test_what_is_decided_again_is_alike_where_estimates_differ_by_rounding_alone() -> None:
    """Two machines, two libraries: the counts are the same, and a p is to 1e-9."""
    one = {"a": [1, 0.1 + 0.2], "b": None}
    assert results.is_alike(one, {"a": [1, 0.3], "b": None})
    for other in (
        {"a": [1, 0.301], "b": None},
        {"a": [2, 0.3], "b": None},
        {"a": [1], "b": None},
        {"a": [1, 0.3]},
    ):
        assert not results.is_alike(one, other)


def test_no_declaration_no_check(service: Service) -> None:
    sale(service)
    with pytest.raises(results.NoWinnerDeclared):
        results.check_declaration(ask_about(service, "sale"))


def test_the_commands(tmp_path: Path) -> None:
    """`conversions results`, a picture of them, and `conversions winner`: its exit status says whether there is one."""
    with open_ledger(tmp_path) as service:
        sale(service)
        told(service, CLOSE)
    shown = run(tmp_path, "results", "sale", "--svg", "intervals.svg", "--test", "fixed")
    assert shown.returncode == 0, shown.stderr
    assert "A is the winner" in shown.stdout
    assert "2 users received several variants" in shown.stdout
    drawn = ET.parse(tmp_path / "intervals.svg").getroot()  # noqa: S314 - our own
    assert "A is the winner" in (drawn.findtext("{http://www.w3.org/2000/svg}desc") or "")
    assert json.loads(run(tmp_path, "results", "sale", "--json").stdout)["against"] == "holdout"
    close = run(tmp_path, "winner", "close")
    assert (close.returncode, "fewer than two variants" in close.stdout) == (1, True)
    declared = run(tmp_path, "winner", "sale", "--test", "fixed", "--declare", "--json")
    assert json.loads(declared.stdout)["declared"]["variant_id"] == "A"
    assert "winner declared: A" in run(tmp_path, "campaigns", "show", "sale").stdout
    checked = run(tmp_path, "winner", "sale", "--check")
    assert (checked.returncode, "the same winner" in checked.stdout) == (0, True), checked.stderr
    assert "no_winner_declared" in run(tmp_path, "winner", "close", "--check").stderr
    assert "bad_option" in run(tmp_path, "results", "sale", "--uplift", "0").stderr
    assert "bad_option" in run(tmp_path, "winner", "sale", "--check", "--declare").stderr


def test_finding_14_p_of_revenue_is_headed_one_look_and_one_p_decides(tmp_path: Path) -> None:
    """Finding 5, too: the screen says which p decides, what it counts, and needs no more recipients once one is found."""
    with open_ledger(tmp_path) as service:
        sale(service)
    shown = run(tmp_path, "results", "sale").stdout
    assert "A is the winner" in shown
    assert "(anytime test, valid on any day)" in shown
    assert "p, one look" in shown
    assert "counts recipients whose window is over" in shown
    found = json.loads(run(tmp_path, "results", "sale", "--json").stdout)
    of_a, of_b = found["conversion_events"][0]["comparisons"]
    assert (of_a["recipients_needed"], of_b["recipients_needed"] > 0) == (None, True)
    before = json.loads(run(tmp_path, "results", "sale", "--test", "sequential", "--json").stdout)
    assert before["conversion_events"][0]["comparisons"][0]["p"] == of_a["sequential"]


def test_s3_a_campaign_that_does_harm_is_said_to_with_its_comparisons(tmp_path: Path) -> None:
    """The code is what it was; fields are added."""
    with open_ledger(tmp_path) as service:
        sale(service, {"A": 0.02, "B": 0.03, "holdout": 0.3})
    shown = run(tmp_path, "winner", "sale").stdout
    assert "None: A and B are worse than control." in shown
    assert "holdout against A: better, p < 0.0001" in shown
    found = json.loads(run(tmp_path, "winner", "sale", "--json").stdout)
    assert (found["why"], found["leader"], found["compared"], found["worse"]) == (
        "no_variant_beats_control",
        "holdout",
        "holdout",
        ["A", "B"],
    )


def test_s2_comparisons_of_variants_that_are_level_say_whose_they_are(tmp_path: Path) -> None:
    """Nobody leads; the first of those in front is compared."""
    with open_ledger(tmp_path) as service:
        sale(service, {"A": 0.2, "B": 0.2, "holdout": 0.1})
        told(service, CLOSE)
        take(service, list(facts("close", {"A": 100, "B": 100}, {"A": 0.2, "B": 0.2})))
    shown = run(tmp_path, "winner", "close", "--test", "sequential").stdout
    assert "A and B are level: nobody leads." in shown
    assert "A against B: not found better, p = 1.0000" in shown


def test_s4_control_without_recipients_is_said_to_have_none(tmp_path: Path) -> None:
    """And is no candidate for the best."""
    with open_ledger(tmp_path) as service:
        told(service, SALE)
        take(service, list(facts("sale", {"A": 300, "B": 300}, {"A": 0.2, "B": 0.07})))
    shown = run(tmp_path, "results", "sale").stdout
    assert "The control group (holdout) has no recipients" in shown
    assert "or where nothing can be said yet" in " ".join(shown.split())
    found = json.loads(run(tmp_path, "results", "sale", "--json").stdout)
    variants = found["conversion_events"][0]["variants"]
    assert [each["probability_best"] is None for each in variants] == [False, False, True]
    assert sum(each["probability_best"] for each in variants[:2]) == pytest.approx(1)


def test_s5_caused_stands_with_its_interval_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the width of the window; where Best names another than the leader, a sentence says why both can be."""
    with open_ledger(tmp_path) as service:
        sale(service)
        found = results.read_results(ask_about(service, "sale"), DecidingTest.ANYTIME)
    decision = found.results.decision
    other = replace(found, results=replace(found.results, decision=decision._replace(winner="B", leader="B")))
    for width, caused in ((200, True), (112, False), (80, False)):
        monkeypatch.setattr(out, "width", width)
        with out.capture() as capture:
            result_tables.show(found)
        shown = capture.get()
        assert ("Caused" in shown) == caused
        assert ("+80 (+" in shown) == caused
        assert "Best counts" not in shown
    with out.capture() as capture:
        result_tables.show(other)
    assert (
        "A is most likely the best by Best, and B is the winner: Best counts every recipient and does not allow for "
        "looking every day."
    ) in capture.get()


def chosen(service: Service) -> selection.Adjustment:
    (campaign,) = due(service)
    return selection.choose_weights(service.reads_caught_up(), campaign)


def due(service: Service) -> list[Campaign]:
    reads = service.reads_caught_up()
    with reads.up_to_date(CAMPAIGN_REPORT) as (connection, _):
        return list(selection.find_due(reads, connection))


def test_weights_follow_conversions_and_are_chosen_again_alike(service: Service) -> None:
    """R5: control keeps its share, and two workers at once adjust once."""
    sale(service, CLOSER, intelligent_selection={"floor": 0.1})
    found = chosen(service)
    assert found.weights["holdout"] * 10 == sum(found.weights.values())
    assert found.weights["A"] > 2 * found.weights["B"] > 0
    assert [selection.adjust(service.experiments, found, stamp()) for _ in range(2)] == [True, False]
    assert due(service) == []
    assert service.ledger.existing_campaign(GROUP, "sale").weights == found.weights
    ((recorded, again),) = selection.check_adjustments(ask_about(service, "sale")).adjustments
    assert recorded == again


def together(*works: Callable[[], object]) -> list[object]:
    """What they come to, begun at the same time in threads."""
    ready = threading.Barrier(len(works))

    def begun(work: Callable[[], object]) -> object:
        ready.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(begun, works))


def test_two_workers_at_once_adjust_once_and_declare_once(service: Service) -> None:
    """R5, R21: each on what it read itself, at the same time."""
    sale(service, CLOSER, intelligent_selection=True)
    adjusting = [partial(selection.adjust, service.experiments, chosen(service), stamp()) for _ in range(4)]
    assert sorted(together(*adjusting), key=bool) == [False, False, False, True]
    told(service, SALE | {"id": "other"})
    sale_of_a = [each | {"id": "x" + each["id"]} for each in facts("other", {"A": 400, "B": 400}, RATES)]
    take(service, sale_of_a)
    found = results.read_results(ask_about(service, "other"), DecidingTest.FIXED)
    together(*[partial(results.declare_winner, service.experiments, found, stamp()) for _ in range(4)])
    with service.database.reading() as connection:
        log, last = service.log, service.log.last_position(connection)
        for campaign_id, event in (("sale", WeightsAdjusted), ("other", WinnerDeclared)):
            events = [each.event for each in log.of_stream(connection, stream(GROUP, campaign_id), last)]
            assert sum(isinstance(each, event) for each in events) == 1


def test_weights_that_were_set_while_others_were_chosen_stay(service: Service) -> None:
    """R5: control's share, too; the next look chooses from what is in force."""
    sale(service, CLOSER, intelligent_selection=True)
    found = chosen(service)
    changed = [each | {"weight": weight} for each, weight in zip(VARIANTS, (40, 40, 20), strict=True)]
    told(service, SALE | {"variants": changed})
    assert not selection.adjust(service.experiments, found, stamp())
    assert selection.adjust(service.experiments, chosen(service), stamp())
    weights = service.ledger.existing_campaign(GROUP, "sale").weights
    assert weights["holdout"] * 5 == sum(weights.values())
    ((recorded, again),) = selection.check_adjustments(ask_about(service, "sale")).adjustments
    assert recorded == again


@pytest.mark.parametrize("stated", [{"floor": 2}, {"floor": "abc"}, {"flor": 0.1}, 7], ids=str)
def test_what_selection_is_not_is_told(service: Service, stated: Any) -> None:
    """What may be written there, with its place."""
    with pytest.raises(BadDefinition, match=r"true, false, or \{floor") as refused:
        told(service, SALE | {"intelligent_selection": stated})
    assert refused.value.place == "campaigns[0].intelligent_selection"


def test_the_service_does_not_select_by_a_read_model_that_is_behind(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is recorded already would be missing for half a day."""
    sale(service, intelligent_selection=True)
    service.projector.catch_up(CAMPAIGN_REPORT)
    monkeypatch.setattr(scheduling, "_PATIENCE_SECONDS", 0.2)
    selecting_on_schedule = Selecting(service.reads_waiting, service.experiments, every_seconds=0.01)
    selecting_on_schedule.start()
    time.sleep(0.6)
    selecting_on_schedule.end()
    assert service.ledger.existing_campaign(GROUP, "sale").adjusted is None


def test_selection_ends_where_going_on_would_hardly_help(service: Service) -> None:
    """All that is not control's goes to the best then; the same file again does not begin it anew."""
    sale(service, intelligent_selection=True)
    found = chosen(service)
    assert (found.last, found.weights["B"]) == (True, 0)
    assert selection.adjust(service.experiments, found, stamp())
    told(service, SALE | {"intelligent_selection": True})
    campaign = service.ledger.existing_campaign(GROUP, "sale")
    assert (campaign.selection, campaign.weights) == (None, found.weights)


def test_weights_of_periods_count_by_period(service: Service) -> None:
    """What was received before an adjustment was shared by the weights of then: all users, those of both variants too."""
    sale(service, intelligent_selection=True)
    selection.adjust(service.experiments, chosen(service), stamp())
    found = results.read_results(ask_about(service, "sale"), DecidingTest.SEQUENTIAL)
    assert [each.expected for each in found.results.health.shared] == pytest.approx([401.4, 401.4, 89.2])


def test_the_service_selects_on_schedule(service: Service) -> None:
    """Beside the projector, once in twelve hours."""
    sale(service, intelligent_selection=True)
    service.projector.catch_up()
    selecting_on_schedule = Selecting(service.reads_waiting, service.experiments, every_seconds=0.02)
    selecting_on_schedule.start()
    give_up = datetime.now(UTC) + timedelta(seconds=30)
    while service.ledger.existing_campaign(GROUP, "sale").adjusted is None and datetime.now(UTC) < give_up:
        pass
    selecting_on_schedule.end()
    recorded = [
        type(event) for event, _ in selection.check_adjustments(ask_about(service, "sale")).adjustments
    ]
    assert recorded == [WeightsAdjusted]


def test_select_by_command(tmp_path: Path) -> None:
    """By hand for one or for all that are due; who does not follow conversions is told how to."""
    with open_ledger(tmp_path) as service:
        sale(service, CLOSER, intelligent_selection=True)
        told(service, CLOSE)
    assert "weights follow A, each variant keeps" in run(tmp_path, "campaigns", "show", "sale").stdout
    first = run(tmp_path, "select", "--due")
    assert (first.returncode, "Weights of sale" in first.stdout) == (0, True), first.stderr
    assert "No campaign is due" in run(tmp_path, "select", "--due").stdout
    assert "less than twelve hours ago; it is due again at" in run(tmp_path, "select", "sale").stdout
    assert "not_selected" in run(tmp_path, "select", "close").stderr
    checked = run(tmp_path, "select", "sale", "--check", "--json")
    assert json.loads(checked.stdout) == {"campaign_id": "sale", "adjustments": 1, "different_at": []}
    assert "bad_option" in run(tmp_path, "select").stderr
