"""The history of a campaign and its days: what the pages say is what the ledger recorded."""

import csv
from collections.abc import Iterator
from io import StringIO

import pytest

from domain.campaigns.evidence import Comparison, Count, WinnerEvidence
from infrastructure.access.operator import stamp
from infrastructure.web import history
from tests.infrastructure.web.shops import HOSTILE, OTHER, SALE, Shop, bought, received
from tests.support.serving import Api, serving


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests; each of them has an app group of its own."""
    with serving(tmp_path_factory.mktemp("history")) as api:
        yield api


def test_each_event_is_a_sentence_with_who_did_it(api: Api) -> None:
    """In order: drafted with its rules, launched, renamed, weights; each by the key that sent the command."""
    shop = Shop.open(api, SALE)
    shop.client.patch("/v1/campaigns/sale", json={"name": "Summer sale"}).raise_for_status()
    weights = [
        {"id": "A", "weight": 3},
        {"id": "B", "weight": 1},
        {"id": "holdout", "weight": 1, "control": True},
    ]
    shop.client.patch("/v1/campaigns/sale", json={"variants": weights}).raise_for_status()
    shop.client.post("/v1/campaigns/sale/stop").raise_for_status()
    shop.client.post("/v1/campaigns/sale/launch").raise_for_status()
    said = shop.page(shop.of("history")).text
    sentences = [
        "Drafted as the campaign Spring sale for the channel email.",
        "Variants A, B and holdout, the control group.",
        "Event A (primary): makes a purchase of any product within 3 days of receiving, both ends included.",
        "Event B: opens ios within 1 day of receiving, both ends included.",
        "Launched: variants and conversion events are fixed from now on.",
        "Renamed from Spring sale to Summer sale.",
        "Somebody set the weights.",
        "Stopped: it goes out no more, and open windows run on.",
        "Launched again.",
    ]
    places = [said.index(each) for each in sentences]
    assert places == sorted(places)
    key_id = shop.client.headers["Authorization"].split("_")[1]
    assert said.count(f"By key {key_id}") == 6
    assert said.count("Weights of variants") == 2


def test_the_twins_have_what_the_api_answers(api: Api) -> None:
    """As JSON the events of `/v1/campaigns/{id}/history`; as CSV a row for each, with the sentence."""
    shop = Shop.open(api, SALE)
    told = shop.client.get("/v1/campaigns/sale/history").json()
    given = shop.get(shop.of("history", ".json")).json()
    assert given["events"] == told["events"]
    answer = shop.get(shop.of("history", ".csv"))
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [(row["version"], row["topic"], row["position"]) for row in rows] == [
        (str(each["version"]), each["topic"], each["position"]) for each in told["events"]
    ]
    assert rows[0]["weights"] == "A 45; B 45; holdout 10"
    assert f"-at-{rows[-1]['position']}.csv" in answer.headers["content-disposition"]


def test_a_long_history_has_pages(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an event changed follows from those before it, on whichever page they are; a page too far says so."""
    monkeypatch.setattr(history, "PAGE", 2)
    shop = Shop.open(api, SALE)
    for name in ("Second", "Third"):
        shop.client.patch("/v1/campaigns/sale", json={"name": name}).raise_for_status()
    first, second = shop.page(shop.of("history")), shop.page(shop.of("history"), page=2)
    assert "Drafted" in first.text
    assert "Third" not in first.text.partition("events, the oldest first")[2]
    assert "Renamed from Second to Third." in second.text
    assert "Drafted" not in second.text
    assert first.links["Later"] == f"{shop.of('history')}?page=2"
    assert "Page 2 of 2" in second.text
    assert "This page has no event." in shop.page(shop.of("history"), page=3).text
    for bad in ("0", "x", "1e3", "-1", "٣"):
        assert "A page is a number from 1" in shop.page(shop.of("history"), 400, page=bad).text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_only_text(api: Api, text: str) -> None:
    """Markup, right-to-left, line ends, 255 characters: as the id, the name, and the variant."""
    campaign = SALE | {
        "id": text,
        "name": text,
        "variants": [{"id": text, "name": text}],
        "channel": text[:50],
    }
    shop = Shop.open(api, campaign)
    page = shop.page(shop.of("history", campaign=text))
    assert "Drafted as the campaign" in page.text
    assert not page.find(lambda tag, _: tag == "script" and "alert" in str(_))
    assert " ".join(text.split()) in page.text
    assert shop.get(shop.of("history", ".json", campaign=text)).json()["campaign_id"] == text
    assert shop.get(shop.of("series", ".csv", campaign=text)).headers["content-type"].startswith("text/csv")
    assert shop.get(page.links["CSV"]).status_code == 200


def test_a_name_that_begins_a_formula_is_guarded(api: Api) -> None:
    """A sheet takes it for text."""
    shop = Shop.open(api, OTHER | {"id": "=1+1", "variants": [{"id": "+x"}]})
    shop.take(received("u1", "+x", "=1+1"))
    rows = list(csv.DictReader(StringIO(shop.get(shop.of("series", ".csv", campaign="=1+1")).text)))
    assert {row["campaign_id"] for row in rows} == {"'=1+1"}
    assert {row["variant_id"] for row in rows} == {"", "'+x"}
    history_rows = csv.DictReader(StringIO(shop.get(shop.of("history", ".csv", campaign="=1+1")).text))
    assert next(history_rows)["weights"] == "'+x 1"


def test_another_app_groups_campaign_is_not_there(api: Api) -> None:
    """404 for every page and twin, as for a campaign that never was."""
    Shop.open(api, SALE)
    other = Shop.open(api)
    for path in [other.of("history", kind) for kind in ("", ".json", ".csv")] + [
        other.of("series", kind) for kind in (".json", ".csv")
    ]:
        assert "there is no campaign" in other.get(path, 404).text.lower()


def test_without_a_session_a_page_leads_to_the_login_and_a_twin_says_why(api: Api) -> None:
    """The URL is kept."""
    browser = api.browser()
    answer = browser.get("/campaigns/sale/history?page=1")
    assert answer.headers["location"] == "/login?next=%2Fcampaigns%2Fsale%2Fhistory%3Fpage%3D1"
    assert browser.get("/campaigns/sale/series.json").status_code == 401


def test_the_days_sum_up_to_the_report(api: Api) -> None:
    """R20: under both clocks, of some days alone, and as the API answers them."""
    shop = Shop.open(api, SALE)
    shop.take(received("u1", "A"), received("u2", "B", at="2026-03-02T09:00:00Z"), bought("u1"), bought("u2"))
    for clock in ("conversion", "receipt"):
        given = shop.get(shop.of("series", ".json"), clock=clock).json()
        assert given == shop.client.get("/v1/campaigns/sale/series", params={"clock": clock}).json()
        assert sum(day["totals"]["conversions"][0] for day in given["days"]) == 2
        rows = list(csv.DictReader(StringIO(shop.get(shop.of("series", ".csv"), clock=clock).text)))
        totals = [row for row in rows if not row["variant_id"] and row["figure"] == "revenue"]
        assert sum(float(row["value"]) for row in totals) == 40.0
    of_a_day = shop.get(shop.of("series", ".json"), **{"from": "2026-03-02", "to": "2026-03-02"}).json()
    assert [day["date"] for day in of_a_day["days"]] == ["2026-03-02"]
    refused = shop.get(shop.of("series", ".json"), 400, **{"from": "2026-3-2"}).json()
    assert (refused["code"], refused["place"]) == ("bad_date", "from")
    assert shop.get(shop.of("series", ".csv"), 400, clock="wall").json()["code"] == "bad_clock"


def test_evidence_stands_beside_the_decision(api: Api) -> None:
    """R21: the test, its level, each comparison, and the counts that it was decided on."""
    shop = Shop.open(api, SALE)
    counts = (Count("A", 1_000, 50), Count("B", 1_000, 90))
    evidence = WinnerEvidence(7, "anytime", 0.05, (counts, counts), (Comparison("A", 0.00001, 0.002),))
    api.service.experiments.declare(shop.app_group, "sale", "B", evidence, stamp())
    said = shop.page(shop.of("history")).text
    for sentence in (
        "Variant B was declared the winner.",
        "By the anytime test (valid on any day) at level 5 %, from the log up to position 7.",
        "B against A: p < 0.0001, adjusted for all comparisons p = 0.0020.",
        "A: 100 of 2,000 users of this variant alone converted.",
        "on the service's machine",
    ):
        assert sentence in said
