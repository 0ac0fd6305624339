"""The list of campaigns: the figures of the reports, sorted, filtered, searched, by pages."""

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from application.queries import headlines
from infrastructure.web import campaigns
from infrastructure.web.links import campaign_path, with_query
from tests.infrastructure.web.shops import HOSTILE, OTHER, SALE, Shop, bought, received
from tests.support.serving import Api, serving


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests; each of them has an app group of its own."""
    with serving(tmp_path_factory.mktemp("list")) as api:
        yield api


@pytest.fixture
def shop(api: Api) -> Shop:
    """A shop with two campaigns: one has a control group, and a recipient in each variant."""
    shop = Shop.open(api, SALE, OTHER)
    shop.take(received("u1", "A"), received("u2", "holdout"), received("u3", "B"))
    shop.take(bought("u1"), bought("u3", fact_id="p3"))
    return shop


def ids(shop: Shop, **asked: Any) -> list[str]:
    """The campaigns that the list has, in its order."""
    return [
        each["campaign_id"] for each in shop.get(with_query("/campaigns.json", asked)).json()["campaigns"]
    ]


def test_the_list_has_the_figures_of_the_reports(shop: Shop) -> None:
    """R18, R20: every figure of a campaign's totals, with what it caused beside what is credited."""
    given = shop.get("/campaigns.json").json()
    assert (given["matching"], given["all"]) == (2, 2)
    for each in given["campaigns"]:
        totals = shop.client.get(f"/v1/campaigns/{each['campaign_id']}/report").json()["totals"]
        assert {name: each[name] for name in totals} == totals
    caused = next(each["caused"] for each in given["campaigns"] if each["campaign_id"] == "sale")
    results = shop.client.get("/v1/campaigns/sale/results").json()
    assert caused == results["conversion_events"][0]["caused"]
    assert caused["conversions"] == 2
    assert next(each["caused"] for each in given["campaigns"] if each["campaign_id"] == "other") is None


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/?zone=Mars", "zone"),
        ("/?zone=UTC", "zone"),
        ("/campaigns/sale?zone=Mars", "zone"),
        ("/campaigns/sale/people?zone=Mars", "zone"),
        ("/users?zone=Mars", "zone"),
        ("/about?zone=Mars", "zone"),
        ("/campaigns.csv?zone=Mars", "zone"),
        ("/?status=zz", "status"),
        ("/?kind=zz", "kind"),
        ("/?sort=zz", "sort"),
        ("/?order=zz", "order"),
    ],
)
def test_a_parameter_that_no_page_has_is_refused_by_its_name(shop: Shop, path: str, place: str) -> None:
    """Figures of something else would pass for those that were asked for."""
    refused = shop.get(path, 400)
    assert "bad_question" in refused.text
    assert place in refused.text


def test_the_page_shows_the_same_and_leads_on(shop: Shop) -> None:
    """Names lead to results, and a campaign without a control group says so."""
    page = shop.page("/")
    assert page.links["Spring sale"] == campaign_path("sale")
    assert "100.00 %" in page.text
    assert "40.00 EUR" in page.text
    assert "no control group" in page.text
    assert shop.browser.get("/campaigns?status=draft").headers["location"] == "/?status=draft"


def test_it_is_sorted_filtered_and_searched(shop: Shop) -> None:
    """By the URL alone, and what makes no sense is refused at its place."""
    assert ids(shop, sort="recipients", order="down") == ["sale", "other"]
    assert ids(shop, sort="recipients") == ["other", "sale"]
    for sort in headlines.SORTS:
        assert sorted(ids(shop, sort=sort)) == ["other", "sale"]
    assert ids(shop, q="SPRING") == ["sale"]
    assert ids(shop, q="oth") == ["other"]
    assert ids(shop, status="draft") == []
    assert ids(shop, kind="campaign", status="launched") == ["other", "sale"]
    assert "No campaign fits." in shop.page("/", q="nothing").text
    for place in ("sort", "status", "kind"):
        refused = shop.get(f"/campaigns.json?{place}=odd", 400).json()
        assert (refused["code"], refused["place"]) == ("bad_question", place)


def test_revenue_is_sorted_in_the_currency_that_most_campaigns_have(api: Api) -> None:
    """However many yen another one brought; the page says which currency that is."""
    shop = Shop.open(api, SALE, OTHER, OTHER | {"id": "third"})
    for campaign_id, user in (("sale", "u1"), ("other", "u2"), ("third", "u3")):
        variant = "A" if campaign_id == "sale" else "only"
        shop.take(received(user, variant) | {"campaign_id": campaign_id, "id": f"r-{user}"})
    shop.take(bought("u1", "1.00"), bought("u2", "5.00", fact_id="p2"))
    shop.take(bought("u3", "900", fact_id="p3") | {"currency": "JPY"})
    assert ids(shop, sort="revenue") == ["third", "sale", "other"]
    assert ids(shop, sort="revenue", order="down") == ["other", "sale", "third"]
    assert "Sorted by revenue in EUR." in shop.page("/", sort="revenue").text


def test_as_csv_it_has_a_row_for_each_currency(shop: Shop) -> None:
    """The position is in the file's name, and no name can name a file elsewhere."""
    answer = shop.get("/campaigns.csv")
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [(row["campaign_id"], row["currency"], row["revenue"]) for row in rows] == [
        ("other", "", ""),
        ("sale", "EUR", "40.00"),
    ]
    position = shop.get("/campaigns.json").json()["position"]
    name = f"campaigns-of-{shop.app_group}-at-{position}.csv"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'


def test_a_long_list_has_pages(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each campaign is on one page."""
    monkeypatch.setattr(campaigns, "PAGE", 1)
    first, second = shop.page("/"), shop.page("/", page=2)
    assert "Page 1 of 2" in first.text
    assert "Other campaign" in first.links
    assert "Other campaign" not in second.links
    assert "Spring sale" in second.links


def test_an_app_group_without_campaigns_is_shown_the_ways_to_the_first_one(api: Api) -> None:
    """Not an empty table."""
    assert "No campaign yet" in Shop.open(api).page("/").text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_only_text(api: Api, name: str) -> None:
    """As id and name; the link leads to the campaign's own page."""
    shop = Shop.open(api, OTHER | {"id": name, "name": name})
    page = shop.page("/")
    shown = " ".join(name.split())
    assert page.links[shown] == campaign_path(name)
    assert "Nobody" in shop.page(page.links[shown]).text or "nobody" in shop.page(page.links[shown]).text
