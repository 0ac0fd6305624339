"""The results of a campaign: what the page says is what report and results say."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest

from application.queries import results as queries
from application.queries.overlap import read_overlap
from application.queries.reads import AskedCampaign
from domain.experiment import comparing
from infrastructure.access.keys import Scope
from infrastructure.web import results
from infrastructure.web.links import with_query
from projections.engine.projection import ProjectionStopped
from projections.overlap.reading import Overlap
from tests.infrastructure.web.shops import OTHER, SALE, Shop, bought, log_in, received
from tests.support.serving import Api, serving


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests; each of them has an app group of its own."""
    with serving(tmp_path_factory.mktemp("results")) as api:
        yield api


@pytest.fixture
def shop(api: Api) -> Shop:
    """A shop whose sale was received by four users, one of them twice; two bought."""
    shop = Shop.open(api, SALE)
    shop.take(
        received("u1", "A"),
        received("u2", "holdout"),
        received("u3", "B", at="2026-03-05T09:00:00Z"),
        received("u4", "A"),
        received("u4", "B", at="2026-03-02T09:00:00Z") | {"id": "second"},
    )
    shop.take(bought("u1"), bought("u3", at="2026-03-06T09:00:00Z", fact_id="p3"))
    return shop


def test_the_lead_over_another_variant_is_that_of_the_winner(shop: Shop) -> None:
    """R21: with control there are differences from control alone in the table; the others are below it."""
    shop.take(
        *(received(f"{each}{n}", each) for each in ("A", "B") for n in range(60)),
        *(received(f"h{n}", "holdout") for n in range(13)),
        *(bought(f"B{n}", fact_id=f"b{n}") for n in range(50)),
        *(bought(f"A{n}", fact_id=f"a{n}") for n in range(20)),
    )
    page = shop.page(shop.of())
    results = shop.client.get("/v1/campaigns/sale/results").json()
    assert (results["winner"]["variant_id"], results["winner"]["compared"]) == ("B", "B")
    rates = {each["variant_id"]: each["rate"] for each in results["conversion_events"][0]["variants"]}
    assert f"B against A : +{(rates['B'] - rates['A']) * 100:.2f} points" in page.text.replace("A:", "A :")
    assert "B against holdout" not in page.text
    assert "Look at the evidence and declare it" not in page.links, "who only reads declares nothing"
    shop = replace(shop, browser=log_in(shop.api, shop.app_group, Scope.READ, Scope.MANAGE))
    page = shop.page(shop.of())
    link = page.links["Look at the evidence and declare it"]
    assert link == shop.of("winner")
    assert f"{(rates['B'] - rates['A']) * 100:.2f}" in Shop.page(shop, link).text
    days = {"from": "2026-03-01", "to": "2026-03-05"}
    assert "B against A" not in shop.page(shop.of(), **days).text
    form = shop.browser.post(link, data={"variant": "B", "test": "anytime"})
    assert form.status_code == 303
    assert "Look at the evidence and declare it" not in shop.page(shop.of()).links


def test_periods_are_days_of_the_app_groups_zone_up_to_the_page_itself(shop: Shop) -> None:
    """At 23:30 UTC of a Sunday it is Monday in Berlin: last week has just ended, whatever zone the page has."""
    position = shop.get(shop.of(kind=".json")).json()["position"]
    asked = {"at": f"{position},2026-03-08T23:30:00Z"}
    for zone in ({}, {"zone": "utc"}):
        page = shop.page(shop.of(), **asked, **zone)
        for label, first, last in (
            ("Last 7 days", "2026-03-03", "2026-03-09"),
            ("Last week", "2026-03-02", "2026-03-08"),
            ("Last 30 days", "2026-02-08", "2026-03-09"),
        ):
            link = page.links[label]
            assert link == with_query(shop.of(), {**asked, **zone, "from": first, "to": last})
            assert "of the days that are asked for" in Shop.page(shop, link).text


def test_as_json_it_is_report_and_results(shop: Shop) -> None:
    """With the same parameters the same figures."""
    given = shop.get(shop.of(kind=".json")).json()
    assert given.pop("results") == shop.client.get("/v1/campaigns/sale/results").json()
    assert given == shop.client.get("/v1/campaigns/sale/report").json()
    fixed = shop.get(shop.of(kind=".json"), test="fixed").json()["results"]
    assert fixed == shop.client.get("/v1/campaigns/sale/results", params={"test": "fixed"}).json()
    rows = list(csv.DictReader(StringIO(shop.get(shop.of(kind=".csv")).text)))
    assert [row["value"] for row in rows if (row["figure"], row["variant_id"]) == ("receipts", "")] == ["4"]


def test_as_json_the_report_of_some_days_says_that_the_results_are_of_all_receipts(shop: Shop) -> None:
    """What is tested is of all time; a report of all receipts needs no such word."""
    given = shop.get(shop.of(kind=".json"), **{"from": "2026-03-05", "to": "2026-03-05"}).json()
    assert given.pop("results_of") == "all_receipts"
    assert given.pop("results") == shop.client.get("/v1/campaigns/sale/results").json()
    days = {"received_from": "2026-03-05", "received_to": "2026-03-05"}
    assert given == shop.client.get("/v1/campaigns/sale/report", params=days).json()
    assert "results_of" not in shop.get(shop.of(kind=".json")).json()


def test_the_page_has_their_figures(shop: Shop) -> None:
    """Credited beside caused, counts under rates, and who was left out of the comparison."""
    page = shop.page(shop.of())
    for text in (
        "Purchase in 3 d (primary) Event A: a recipient makes a purchase of any product within 3 days of receiving",
        "Primary conversions, credited 2 purchase in 3 d; 66.67 % of 3 recipients",
        "66.67 % of 3 recipients",
        "2/3",
        "40.00 EUR",
        "Users in several variants: 1.",
        "too little",
        "First receipt 1 Mar 2026, 10:00:00 CET",
    ):
        assert text in page.text, text
    assert "in UTC" in shop.page(shop.of(), zone="utc").text


def test_of_some_days_it_counts_their_receipts_alone(shop: Shop) -> None:
    """R20: as `/report?received_from=&received_to=` has them; the test is still of all time, and says so."""
    days = {"from": "2026-03-05", "to": "2026-03-05"}
    given = shop.get(shop.of(kind=".json"), **days).json()
    asked = {"received_from": days["from"], "received_to": days["to"]}
    expected = shop.client.get("/v1/campaigns/sale/report", params=asked).json()
    assert {name: given[name] for name in expected} == expected
    assert "what was caused are known of all receipts alone." in shop.page(shop.of(), **days).text


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"at": "x"}, "bad_position"),
        ({"clock": "wall"}, "bad_clock"),
        ({"test": "t"}, "bad_test"),
        ({"from": "1.3.2026"}, "bad_date"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "bad_date"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_its_place(
    shop: Shop, asked: dict[str, Any], code: str
) -> None:
    """As a page for people, and as a problem for programs."""
    refused = shop.get(shop.of(kind=".json"), 400, **asked).json()
    assert (refused["code"], refused["place"]) == (code, next(iter(asked)))
    page = shop.page(shop.of(), 400, **asked)
    assert code in page.text
    assert "Request" in page.text


def test_before_the_first_receipt_it_says_what_to_do(api: Api) -> None:
    """Launched, and a draft; neither is shown a verdict."""
    shop = Shop.open(api, SALE, OTHER | {"status": "draft"})
    assert "nobody has received it yet" in shop.page(shop.of()).text
    draft = shop.page(shop.of(campaign="other")).text
    assert "This campaign is a draft" in draft
    assert "without a control group" in draft


def test_without_a_conversion_it_says_when_the_first_window_ends(api: Api) -> None:
    """R6: the shortest deadline after the first receipt."""
    shop = Shop.open(api, SALE)
    shop.take(received("u1", "A"))
    assert "the first window ends at 2 Mar 2026, 10:00:00 CET" in shop.page(shop.of()).text


def test_one_thing_is_not_many(api: Api) -> None:
    """What a campaign of one recipient counts, and a control group of nobody and of one."""
    shop = Shop.open(api, SALE, OTHER)
    shop.take(received("u1", "A"), bought("u1"))
    said = shop.page(shop.of()).text
    assert "1 receipt; the control group has no users" in said
    assert "of 1 recipient" in said
    assert "1 recipients" not in said
    assert (
        "Purchase in 3\u00a0d: 0 of 1 conversion (0.00\u00a0%) count for another campaign too."
        in shop.get(shop.of()).text
    )
    shop.take(received("u2", "holdout"), received("u1", "only", "other"))
    said = shop.page(shop.of()).text
    assert "the control group has 1 user more" in said
    assert (
        "Purchase in 3\u00a0d: 1 of 1 conversion (100.00\u00a0%) counts for another campaign too."
        in shop.get(shop.of()).text
    )


def test_a_part_that_fails_fails_alone(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are complete."""

    def stop(*_: object) -> None:
        raise ProjectionStopped("overlap", 7, "a secret")

    monkeypatch.setattr(results, "read_overlap", stop)
    monkeypatch.setattr(results, "read_snapshot", stop)
    page = shop.page(shop.of())
    assert page.text.count("This part cannot be shown now") == 2
    assert "projection_stopped" in page.text
    assert "secret" not in page.text
    assert "40.00 EUR" in page.text
    assert shop.get(shop.of(kind=".json")).json()["results"] is None


def test_a_part_that_fails_beside_others_is_asked_once_more(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may lack nothing but a transaction of its own."""
    asked: list[AskedCampaign] = []

    def fail_first(campaign: AskedCampaign) -> Overlap:
        asked.append(campaign)
        if len(asked) == 1:
            raise ProjectionStopped("overlap", 7, "a secret")
        return read_overlap(campaign)

    monkeypatch.setattr(results, "read_overlap", fail_first)
    assert "This part cannot be shown now" not in shop.page(shop.of()).text
    assert len(asked) == 2


def test_a_campaign_that_is_not_there_offers_those_that_look_like_it(shop: Shop) -> None:
    """Of the viewer's app group alone."""
    page = shop.page(shop.of(campaign="sales"), 404)
    assert page.links["sale"] == shop.of()
    assert Shop.open(shop.api).page(shop.of(), 404).links.get("sale") is None


def test_a_page_that_has_not_changed_is_not_sent_again(shop: Shop) -> None:
    """By its entity tag; what is sent is packed, and differs by language."""
    answer = shop.get(shop.of())
    assert answer.headers["content-encoding"] == "gzip"
    again = shop.browser.get(shop.of(), headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert again.headers["vary"] == answer.headers["vary"] == "Accept-Language, Accept-Encoding, Cookie"
    german = shop.browser.get(shop.of(), headers={"Accept-Language": "de-DE, en;q=0.5"})
    assert "66,67" in german.text


def test_results_of_the_same_counts_are_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else is recorded; and no more of them than the bound."""
    computed = []

    def count(*asked: Any) -> Any:
        computed.append(asked)
        return compute(*asked)

    compute = comparing.results
    monkeypatch.setattr(queries, "results", count)
    first = shop.client.get("/v1/campaigns/sale/results", params={"uplift": "0.07"}).json()
    shop.client.post("/v1/campaigns", json=OTHER).raise_for_status()
    second = shop.client.get("/v1/campaigns/sale/results", params={"uplift": "0.07"}).json()
    assert len(computed) == 1
    assert first["conversion_events"] == second["conversion_events"]
    monkeypatch.setattr(queries, "_MOST_KEPT", 1)
    for uplift in ("0.08", "0.09", "0.08"):
        shop.client.get("/v1/campaigns/sale/results", params={"uplift": uplift}).raise_for_status()
    assert len(computed) == 4


def test_files_of_pages_are_kept_for_ever(api: Api) -> None:
    """Their URLs name their content; nobody needs to be logged in."""
    shop = Shop.open(api)
    page = shop.page("/")
    urls = [each["src"] for each in page.find(lambda tag, _: tag == "script")]
    urls += [each["href"] for each in page.find(lambda tag, _: tag == "link")]
    for url in urls:
        answer = api.browser().get(str(url))
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert api.browser().get("/static/site.css").status_code == 404


def test_days_without_receipts_change_what_is_said_of_the_campaign_in_nothing(shop: Shop) -> None:
    """Its first sentence is of all receipts, and the page says that nobody received it then."""
    said = shop.page(shop.of()).sentences[0]
    page = shop.page(shop.of(), **{"from": "2020-01-01", "to": "2020-01-02"})
    assert said in page.sentences
    assert "nobody received the campaign then" in page.text
    assert "nobody has received it yet" not in page.text


@pytest.mark.parametrize(
    ("step", "said"),
    [("stop", "Nobody has received this campaign, and it is stopped."), ("archive", "and it is archived.")],
)
def test_a_campaign_that_ended_before_anybody_received_it_asks_for_no_receipt(
    api: Api, step: str, said: str
) -> None:
    """It says how it is, and does not ask every few seconds."""
    shop = Shop.open(api, SALE)
    shop.client.post(f"/v1/campaigns/sale/{step}")
    page = shop.page(shop.of())
    assert said in page.text
    assert "Send a receipt" not in page.text
    assert not any("data-live-every" in attributes for _, attributes in page.elements)


def test_beside_figures_of_some_days_there_are_none_of_all_time(shop: Shop) -> None:
    """What was caused, intervals and comparisons would contradict them; what is of all time says so."""
    days = {"from": "2026-03-05", "to": "2026-03-05"}
    page = shop.page(shop.of(), **days)
    assert "Known of all time alone." in page.text
    assert "compared with" not in page.text
    assert "Newest conversions, of all time" in page.text
    assert "compared with" in shop.page(shop.of()).text
    file = shop.get(shop.of(kind=".csv"), **days).headers["content-disposition"]
    assert "sale-from-2026-03-05-to-2026-03-05-at-" in file


def test_revenue_that_was_caused_is_that_of_the_results(shop: Shop) -> None:
    """By currency and variant, against control; whole numbers with their sign."""
    (found,) = shop.get(shop.of(kind=".json")).json()["results"]["revenue"]
    page = shop.page(shop.of())
    assert "Revenue a recipient, and what was caused" in page.text
    caused = {each["variant_id"]: each["incremental"]["revenue"] for each in found["comparisons"]}
    assert set(caused) == {"A", "B"}
    for revenue in caused.values():
        assert f"+{round(revenue)}" in page.text
