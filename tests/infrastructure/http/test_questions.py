"""Questions over HTTP: other times, days of receipts, mature rates, lists, overlap and histories, as on the terminal."""

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from sqlalchemy import text

from application.queries import lists, report
from application.queries.lists import Cut
from application.queries.overlap import read_overlap
from application.queries.reads import AskedCampaign, Days, Instants
from infrastructure.access.keys import Scope
from infrastructure.composition import Service
from infrastructure.http import reports
from projections.campaign_report import CAMPAIGN_REPORT
from tests.infrastructure.event_store.test_verification import tamper
from tests.infrastructure.http.test_http import PURCHASE, RECEIPT, SALE, post, problem
from tests.support.serving import Api, serving

LATE = {
    "type": "refund",
    "id": "x1",
    "user_id": "u1",
    "purchase_id": "p1",
    "amount": "9.99",
    "at": "2026-03-09T10:00:00Z",
}
AFTERWARDS = "2999-01-01T00:00:00Z"


def now() -> str:
    """This moment, as a parameter has it."""
    return datetime.now(UTC).isoformat()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server on SQLite for all tests; each of them has an app group of its own."""
    with serving(tmp_path_factory.mktemp("questions"), wait_seconds=5) as api:
        yield api


class Tenant(NamedTuple):
    """A caller of an app group of its own."""

    app_group: str
    client: httpx.Client
    service: Service

    def get(self, path: str, **params: Any) -> Any:
        """What a question about the campaign is answered."""
        answer = self.client.get(f"/v1/campaigns/sale{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, path: str, status: int, code: str, **params: Any) -> dict[str, Any]:
        """Why a question about the campaign is not answered."""
        return problem(self.client.get(f"/v1/campaigns/sale{path}", params=params), status, code)

    @property
    def asked(self) -> AskedCampaign:
        """The campaign as the terminal asks about it."""
        return AskedCampaign(self.service.reads_caught_up(), self.app_group, "sale")

    def take(self, *facts: dict[str, Any]) -> None:
        """Send facts that are all accepted."""
        assert post(self.client, *facts).json()["accepted"] == len(facts)


_NUMBERS = itertools.count()


def tenant(api: Api) -> Tenant:
    """A new app group with a campaign, and three recipients, one of whom converted and one of whom is in control."""
    group = f"group-{next(_NUMBERS)}"
    client = api.client(app_group=group)
    client.patch("/v1/app-group", json={"apps": ["ios"]}).raise_for_status()
    client.post("/v1/campaigns", json=SALE).raise_for_status()
    made = Tenant(group, client, api.service)
    others = [
        RECEIPT | {"id": f"r{user}", "user_id": f"u{user}", "variant_id": variant}
        for user, variant in ((2, "B"), (3, "holdout"))
    ]
    made.take(RECEIPT, *others, PURCHASE)
    return made


@pytest.fixture
def shop(api: Api) -> Tenant:
    """An app group with a campaign of its own."""
    return tenant(api)


def test_a_report_has_the_mature_rates_of_the_terminal(shop: Tenant) -> None:
    """R18: as JSON; a table of figures has no rates of another instant."""
    found = shop.get("/report")
    assert found == report.read_report(shop.asked).as_json()
    assert found["mature"]["totals"][0] == {
        "index": 0,
        "letter": "A",
        "recipients": 2,
        "converted": 1,
        "rate": 0.5,
        "open": 0,
    }
    rows = shop.client.get("/v1/campaigns/sale/report", headers={"Accept": "text/csv"}).text.splitlines()
    assert "sale,A,false,mature_rate,A,,1.0" not in rows


def test_r14_as_of_an_instant_a_report_is_what_it_said(shop: Tenant) -> None:
    """R14: what was recorded later changes nothing of it; the position is that of the instant."""
    said = {name: each for name, each in shop.get("/report").items() if name not in {"mature", "position"}}
    before = now()
    shop.take(LATE)
    found = shop.get("/report", as_of=before)
    assert found.pop("as_of") == {"instant": before.replace("+00:00", "Z"), "clock": "recorded"}
    position = found.pop("position")
    assert found == said
    after = shop.get("/report", as_of=AFTERWARDS)
    assert after["totals"]["revenue"] == {"USD": "9.99"}
    assert int(after["position"]) > int(position)
    assert (
        after == report.read_report_as_of(shop.asked, datetime(2999, 1, 1, tzinfo=UTC), "recorded").as_json()
    )


def test_r7_what_was_true_of_an_instant_is_answered_as_known_now(shop: Tenant) -> None:
    """R7, R12: by the clock `occurred` the purchase of the next day had not happened at noon."""
    noon = shop.get("/report", as_of="2026-03-01T13:00:00+01:00", as_of_clock="occurred")
    assert noon["as_of"] == {"instant": "2026-03-01T12:00:00Z", "clock": "occurred"}
    assert (noon["totals"]["receipts"], noon["totals"]["conversions"]) == (2, [0, 0])
    asked = report.read_report_as_of(shop.asked, datetime(2026, 3, 1, 12, tzinfo=UTC), "occurred")
    assert noon | {"position": ""} == asked.as_json() | {"position": ""}


def test_r14_a_difference_names_figures_changes_and_causes(shop: Tenant) -> None:
    """R14: the same as on the terminal; `limit` bounds the changes, and their number is there."""
    before = now()
    shop.take(LATE)
    found = shop.get("/diff", **{"from": before, "to": AFTERWARDS})
    assert [(each["variant_id"], each["figure"], each["difference"]) for each in found["figures"]] == [
        (None, "revenue", "-9.99"),
        ("A", "revenue", "-9.99"),
    ]
    [change] = found["changes"]
    assert (change["user_id"], change["change"], change["because"]["id"]) == ("u1", "restated", "x1")
    last = datetime(2999, 1, 1, tzinfo=UTC)
    assert (
        found
        == report.read_difference(
            shop.asked, Instants(datetime.fromisoformat(before), last), "recorded"
        ).as_json()
    )
    none = shop.get("/diff", **{"from": before, "to": AFTERWARDS, "limit": 0})
    assert (none["changes"], none["changes_total"]) == ([], 1)
    happened = shop.get(
        "/diff", **{"from": "2026-03-02T00:00:00Z", "to": AFTERWARDS, "as_of_clock": "occurred"}
    )
    assert {(each["what"], each["change"]) for each in happened["changes"]} == {
        ("conversion", "occurred"),
        ("revenue", "occurred"),
    }


def test_r20_a_report_may_be_of_the_receipts_of_some_days(shop: Tenant) -> None:
    """R20: with what is credited to them, whenever it happened; either end may be open."""
    shop.take(RECEIPT | {"id": "r9", "user_id": "u9", "at": "2026-03-20T09:00:00Z"})
    found = shop.get("/report", received_from="2026-03-01", received_to="2026-03-02")
    assert (found["totals"]["receipts"], found["totals"]["revenue"]) == (2, {"USD": "19.98"})
    assert found == report.read_report_of_days(shop.asked, Days(date(2026, 3, 1), date(2026, 3, 2))).as_json()
    assert shop.get("/report", received_from="2026-03-03")["totals"]["conversions"] == [0, 0]
    assert shop.get("/report", received_to="2026-12-31")["totals"]["receipts"] == 3


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/report", {}),
        ("/report", {"as_of": AFTERWARDS}),
        ("/report", {"received_from": "2026-03-01"}),
        ("/diff", {"from": "2026-01-01T00:00:00Z", "to": AFTERWARDS}),
    ],
)
def test_reports_of_other_times_come_as_csv_and_are_not_sent_again(
    shop: Tenant, path: str, params: dict[str, str]
) -> None:
    """By content negotiation, with an entity tag of its own; without mature rates, which are no rows of a report."""
    rows = shop.client.get(f"/v1/campaigns/sale{path}", params=params, headers={"Accept": "text/csv"})
    assert rows.headers["content-type"].startswith("text/csv")
    assert any(line.startswith("sale,A,false,receipts,,,") for line in rows.text.splitlines())
    assert rows.headers["x-position"]
    known = {"If-None-Match": shop.client.get(f"/v1/campaigns/sale{path}", params=params).headers["etag"]}
    assert shop.client.get(f"/v1/campaigns/sale{path}", params=params, headers=known).status_code == 304


def pages(shop: Tenant, path: str, name: str, **params: Any) -> list[dict[str, Any]]:
    """All rows of a list, one on a page."""
    rows, cursor = [], None
    while True:
        page = shop.get(path, limit=1, **params, **({} if cursor is None else {"cursor": cursor}))
        rows += page[name]
        cursor = page["next_cursor"]
        if cursor is None:
            return rows


def test_conversions_are_listed_by_pages_and_filters(shop: Tenant) -> None:
    """R9: control's too; each with its behaviour and the receipt that it is credited to."""
    shop.take(PURCHASE | {"id": "p3", "user_id": "u3"})
    whole = shop.get("/conversions")
    assert whole == lists.read_conversions(shop.asked, Cut(100)).as_json()
    assert pages(shop, "/conversions", "conversions") == whole["conversions"]
    assert {each["user_id"]: each["control"] for each in whole["conversions"]} == {"u1": False, "u3": True}

    def of(**wanted: str) -> list[str]:
        return [each["user_id"] for each in shop.get("/conversions", **wanted)["conversions"]]

    assert of(variant_id="A") == of(user_id="u1") == ["u1"]
    assert of(event="b") == of(user_id="nobody") == []
    assert sorted(of(event="A")) == ["u1", "u3"]


def test_recipients_are_listed_by_pages_and_filters(shop: Tenant) -> None:
    """R18: everyone who received it, with what they converted on and earned."""
    shop.take(RECEIPT | {"id": "r10", "user_id": "u2", "at": "2026-03-04T09:00:00Z"})
    whole = shop.get("/recipients")
    assert whole == lists.read_recipients(shop.asked, Cut(100)).as_json()
    assert pages(shop, "/recipients", "recipients") == whole["recipients"]
    assert len(whole["recipients"]) == 3
    [several] = shop.get("/recipients", several_variants=True)["recipients"]
    assert (several["user_id"], several["receipts"]) == ("u2", 2)
    [converted] = shop.get("/recipients", converted="A")["recipients"]
    assert (converted["user_id"], converted["revenue"]) == ("u1", {"USD": "19.98"})
    assert shop.get("/recipients", user_id="u3")["recipients"][0]["variants"][0]["control"] is True


def test_lists_take_the_filters_of_the_pages(shop: Tenant) -> None:
    """R6, R9, R20: variants, control left out, not converted, open windows, and days of receipts."""
    shop.take(PURCHASE | {"id": "p3", "user_id": "u3"})
    shop.take(RECEIPT | {"id": "r10", "user_id": "u4", "at": "2026-03-04T23:30:00Z"})
    shop.take(RECEIPT | {"id": "r11", "user_id": "u5", "at": shop.service.now().isoformat()})

    def who(path: str, **wanted: Any) -> list[str]:
        rows = shop.get(path, **wanted)[path.strip("/")]
        return sorted(each["user_id"] for each in rows)

    assert who("/recipients", variant_id="A") == ["u1", "u4", "u5"]
    assert who("/recipients", without_control=True) == ["u1", "u2", "u4", "u5"]
    assert who("/recipients", not_converted="a", variant_id="A") == ["u4", "u5"]
    assert who("/recipients", open="A") == ["u5"]
    assert who("/recipients", received_from="2026-03-04", received_to="2026-03-04") == ["u4"]
    assert who("/recipients", received_from="2026-03-05", received_to="2026-03-05") == []
    assert who("/conversions", without_control=True) == ["u1"]
    assert who("/conversions", received_from="2026-03-01", received_to="2026-03-01") == ["u1", "u3"]
    assert who("/conversions", received_from="2026-03-02") == []
    shop.refused("/recipients", 400, "bad_conversion_event", open="D")
    shop.refused("/recipients", 404, "unknown_variant", variant_id="Z")
    refused = shop.refused(
        "/conversions", 400, "bad_date", received_from="2026-03-02", received_to="2026-03-01"
    )
    assert refused["place"] == "received_from"
    assert shop.refused("/recipients", 400, "bad_date", received_to="yesterday")["place"] == "received_to"


def test_overlap_comes_whole_or_by_pages(shop: Tenant) -> None:
    """R9: the campaigns that share most come first; one may be asked for alone."""
    for other in ("x", "y", "z"):
        shop.client.post("/v1/campaigns", json=SALE | {"id": other}).raise_for_status()
        shop.take(RECEIPT | {"id": f"{other}1", "user_id": "u8", "campaign_id": other})
    shop.take(RECEIPT | {"id": "s8", "user_id": "u8"}, PURCHASE | {"id": "p8", "user_id": "u8"})
    whole = shop.get("/overlap")
    assert whole.pop("next_cursor") is None
    assert whole == read_overlap(shop.asked).as_json()
    assert [each["campaign_id"] for each in pages(shop, "/overlap", "with")] == ["x", "y", "z"]
    assert shop.get("/overlap", other_campaign_id="y")["with"] == [{"campaign_id": "y", "behaviours": 1}]


def test_a_campaign_has_a_history_with_who_changed_it(shop: Tenant) -> None:
    """R4: every change, oldest first, with the key that gave the command."""
    shop.client.patch("/v1/campaigns/sale", json={"name": "Sale"}).raise_for_status()
    shop.client.post("/v1/campaigns/sale/stop").raise_for_status()
    found = shop.get("/history")
    assert [each["topic"] for each in found["events"]] == [
        "campaign.drafted",
        "campaign.launched",
        "campaign.renamed",
        "campaign.stopped",
    ]
    assert [each["version"] for each in found["events"]] == [1, 2, 3, 4]
    assert len({each["actor"] for each in found["events"]}) == 1
    assert found["events"][0]["actor"].startswith("key:")
    assert found["events"][2]["event"] == {"name": "Sale"}
    assert pages(shop, "/history", "events") == found["events"]


@pytest.mark.parametrize(
    ("path", "params", "code", "place"),
    [
        ("/report", {"as_of": "2026-03-01T12:00:00"}, "bad_time", "as_of"),
        ("/report", {"as_of": AFTERWARDS, "as_of_clock": "x"}, "bad_clock", "as_of_clock"),
        ("/report", {"as_of": AFTERWARDS, "received_to": "2026-03-01"}, "bad_question", "as_of"),
        ("/report", {"as_of_clock": "occurred"}, "bad_question", "as_of_clock"),
        (
            "/report",
            {"as_of": AFTERWARDS, "as_of_clock": "occurred", "wait_for": "x"},
            "bad_position",
            "wait_for",
        ),
        ("/diff", {"from": AFTERWARDS}, "malformed", "to"),
        ("/diff", {"from": AFTERWARDS, "to": "2026-01-01T00:00:00Z"}, "bad_time", "from"),
        ("/diff", {"from": AFTERWARDS, "to": AFTERWARDS, "limit": 10_001}, "bad_limit", "limit"),
        ("/diff", {"from": AFTERWARDS, "to": AFTERWARDS, "limit": -1}, "bad_limit", "limit"),
        ("/report", {"received_from": "yesterday"}, "bad_date", "received_from"),
        ("/report", {"received_to": "yesterday"}, "bad_date", "received_to"),
        (
            "/report",
            {"received_from": "2026-03-02", "received_to": "2026-03-01"},
            "bad_date",
            "received_from",
        ),
        ("/conversions", {"event": "E"}, "bad_conversion_event", "event"),
        ("/conversions", {"cursor": "Im5vIGtleSI"}, "bad_cursor", "cursor"),
        ("/conversions", {"limit": 1_001}, "bad_limit", "limit"),
        ("/conversions", {"user_id": "\0"}, "malformed", "user_id"),
        ("/recipients", {"converted": "C"}, "bad_conversion_event", "converted"),
        ("/recipients", {"cursor": "%"}, "bad_cursor", "cursor"),
        ("/recipients", {"limit": 0}, "bad_limit", "limit"),
        ("/overlap", {"cursor": "Im5vIGtleSI"}, "bad_cursor", "cursor"),
        ("/history", {"cursor": "Im5vIGtleSI"}, "bad_cursor", "cursor"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(
    shop: Tenant, path: str, params: dict[str, Any], code: str, place: str
) -> None:
    """400 with a code, and the parameter that is wrong."""
    assert shop.refused(path, 400, code, **params)["place"] == place


def test_before_it_was_drafted_there_is_no_report(shop: Tenant) -> None:
    """404 by the clock `recorded`, which says when it was drafted; by the clock `occurred` there is one."""
    early = {"as_of": "2026-01-01T00:00:00Z"}
    assert "it was drafted at" in shop.refused("/report", 404, "unknown_campaign", **early)["detail"]
    assert shop.get("/report", **early, as_of_clock="occurred")["totals"]["receipts"] == 0
    shop.refused("/conversions", 404, "unknown_variant", variant_id="nope")


QUESTIONS: list[tuple[str, dict[str, str]]] = [
    ("/report", {}),
    ("/report", {"as_of": AFTERWARDS}),
    ("/report", {"received_from": "2026-01-01"}),
    ("/diff", {"from": "2026-01-01T00:00:00Z", "to": AFTERWARDS}),
    ("/conversions", {}),
    ("/recipients", {}),
    ("/overlap", {}),
    ("/history", {}),
]


@pytest.mark.parametrize(("path", "params"), QUESTIONS)
def test_each_app_group_is_told_of_its_own_campaigns_only(
    api: Api, path: str, params: dict[str, str]
) -> None:
    """A campaign of the same id elsewhere is another; a key that only sends facts reads nothing."""
    one, other = tenant(api), tenant(api)
    other.take(
        RECEIPT | {"id": "secret", "user_id": "secret"}, PURCHASE | {"id": "secret-p", "user_id": "secret"}
    )
    told = one.client.get(f"/v1/campaigns/sale{path}", params=params).text
    assert "secret" not in told
    assert other.app_group not in told
    stranger = api.client(Scope.READ, app_group="nobody")
    problem(stranger.get(f"/v1/campaigns/sale{path}", params=params), 404, "unknown_campaign")
    sender = api.client(Scope.INGEST, app_group=one.app_group)
    problem(sender.get(f"/v1/campaigns/sale{path}", params=params), 403, "missing_scope")


def test_a_damaged_log_is_said_to_be_damaged(tmp_path: Path) -> None:
    """503 with a code and the position: no figure is made of events that were altered."""
    with serving(tmp_path, [SALE]) as api:
        client = api.client()
        post(client, RECEIPT)
        tamper(api.service, "UPDATE events SET actor = 'somebody else' WHERE topic = 'campaign.drafted'")
        answer = client.get("/v1/campaigns/sale/report", params={"as_of": AFTERWARDS})
        assert "position" in problem(answer, 503, "unreadable_log")["detail"]


def test_so_many_questions_read_the_log_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with Retry-After for the others of an app group, once they have waited; what else it asks is answered."""
    going, began = threading.Event(), threading.Semaphore(0)

    def read_slowly(*asked: Any) -> Any:
        began.release()
        going.wait(30)
        return report.read_report_as_of(*asked)

    monkeypatch.setattr(reports, "read_report_as_of", read_slowly)
    with serving(tmp_path, [SALE], wait_seconds=0.5) as api, ThreadPoolExecutor(2) as pool:
        client, path, params = api.client(), "/v1/campaigns/sale/report", {"as_of": AFTERWARDS}
        slow = [pool.submit(client.get, path, params=params) for _ in range(2)]
        try:
            assert all(began.acquire(timeout=20) for _ in slow)
            refused = client.get(path, params=params)
            problem(refused, 503, "too_busy")
            assert refused.headers["retry-after"] == "1"
            assert client.get("/v1/campaigns/sale/report").status_code == 200
        finally:
            going.set()
        assert [each.result().status_code for each in slow] == [200] * 2


def test_a_report_is_answered_without_mature_rates_where_recipients_stopped(tmp_path: Path) -> None:
    """Whoever needs the figures gets them; `mature` is null, and the list of recipients says why there is none."""
    with serving(tmp_path, [SALE], projecting=False) as api:
        client = api.client()
        post(client, RECEIPT)
        api.service.projector.catch_up()
        assert client.get("/v1/campaigns/sale/report").json()["mature"] is not None
        with api.service.database.writing() as connection:
            connection.execute(
                text("UPDATE projections SET problem = 'boom', position = 1 WHERE name = 'recipients'")
            )
        answer = client.get("/v1/campaigns/sale/report")
        assert (answer.status_code, answer.json()["mature"]) == (200, None)
        assert answer.json()["totals"]["receipts"] == 1
        problem(client.get("/v1/campaigns/sale/recipients"), 503, "projection_stopped")


def test_what_a_campaign_shows_can_be_sent_back_and_is_refused_where_it_differs(shop: Tenant) -> None:
    """PATCH takes fields that it cannot change only as they are."""
    path, client = "/v1/campaigns/sale", shop.client
    shown = client.get(path).json()
    assert client.patch(path, json=shown).status_code == 200
    for name, value in (("winner", "A"), ("campaign_id", "other"), ("selection_ended", True)):
        assert client.patch(path, json={name: value}).status_code == 422, name


def test_a_report_does_not_wait_long_for_recipients_that_are_behind(tmp_path: Path) -> None:
    """As after a large import: the report is there, and its position is what `wait_for` asks for."""
    with serving(tmp_path, [SALE], projecting=False) as api:
        client = api.client()
        post(client, RECEIPT)
        api.service.projector.catch_up(CAMPAIGN_REPORT)
        for params in ({}, {"wait_for": "1"}):
            found = client.get("/v1/campaigns/sale/report", params=params).json()
            assert (found["totals"]["receipts"], found["mature"]) == (1, None)
        api.service.projector.catch_up()
        assert client.get("/v1/campaigns/sale/report").json()["mature"] is not None
