"""Two campaigns side by side, and one at two times: the figures are those of the reports and of the difference."""

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from infrastructure.web import compare
from infrastructure.web.links import campaign_path, with_query
from tests.infrastructure.web.shops import HOSTILE, OTHER, SALE, Shop, bought, received
from tests.support.serving import Api, serving


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests; each of them has an app group of its own."""
    with serving(tmp_path_factory.mktemp("compare"), wait_seconds=20) as api:
        yield api


@pytest.fixture
def shop(api: Api) -> Shop:
    """Two campaigns that share a conversion; three recipients of the first, one of whom is in control."""
    shop = Shop.open(api, SALE, OTHER)
    shop.take(
        received("u1", "A"),
        received("u2", "B"),
        received("u3", "holdout"),
        received("u1", "only", "other"),
        received("u4", "only", "other"),
        bought("u1"),
        bought("u2", "5.00"),
    )
    return shop


def test_two_campaigns_side_by_side(shop: Shop) -> None:
    """Both reports, both rules in words, and the one conversion that counts for both."""
    page = shop.page(shop.of("compare"), **{"with": "other"})
    for said in (
        "They share 1 conversion: what one user did once counts for both.",
        "Event A (primary): makes a purchase of any product within 3 days of receiving, both ends included.",
        "Event A (primary): makes a purchase of any product within 7 days of receiving, both ends included.",
        "Conversions, primary event, credited 2 purchase in 3 d 1 purchase in 7 d",
        "Rate, primary event 100.00 % 50.00 %",
        "Conversions, second event 0 app ios opened in 1 d no second event",
        "Revenue, credited 25.00 EUR 20.00 EUR",
        "Revenue a recipient 12.5000 EUR 10.0000 EUR",
        "no control group",
    ):
        assert said in page.text
    people = campaign_path("other", "people")
    assert page.find(lambda tag, given: tag == "a" and given.get("href") == people)
    converted = with_query(people, {"list": "conversions", "event": "A"})
    assert page.find(lambda tag, given: tag == "a" and given.get("href") == converted)


def test_its_twins_are_the_reports(shop: Shop) -> None:
    """JSON has both reports as the API has them; CSV has their rows under one head."""
    given = shop.get(shop.of("compare", ".json"), **{"with": "other"}).json()
    assert given["shared_behaviours"] == 1
    for found, campaign_id in zip(given["campaigns"], ("sale", "other"), strict=True):
        report = shop.client.get(f"/v1/campaigns/{campaign_id}/report").json()
        assert {name: found[name] for name in ("totals", "variants", "position")} == {
            name: report[name] for name in ("totals", "variants", "position")
        }
    assert given["campaigns"][0]["caused"]["conversions"] == pytest.approx(2.0)
    assert given["campaigns"][1]["caused"] is None
    rows = list(csv.DictReader(StringIO(shop.get(shop.of("compare", ".csv"), **{"with": "other"}).text)))
    revenue = {
        row["campaign_id"]: row["value"]
        for row in rows
        if row["figure"] == "revenue" and not row["variant_id"]
    }
    assert revenue == {"sale": "25.00", "other": "20.00"}


def test_where_nothing_is_shared_it_says_so(api: Api) -> None:
    """Drafts and campaigns without conversion events are compared too."""
    shop = Shop.open(api, SALE, {"id": "plain"}, OTHER | {"id": "draft", "status": "draft"})
    assert "They share no conversion." in shop.page(shop.of("compare"), **{"with": "plain"}).text
    said = shop.page(shop.of("compare", campaign="plain"), **{"with": "draft"}).text
    assert "It has no conversion event." in said
    assert "There is no conversion event, so nobody converts." in said
    assert "no recipients" in said


def test_without_a_question_both_forms_are_there(shop: Shop) -> None:
    """The other campaigns to choose from, those that share conversions first; twins say what is missing."""
    page = shop.page(shop.of("compare"))
    options = [given["value"] for given in page.find(lambda tag, _: tag == "option")]
    assert options[:2] == ["", "other"]
    assert "sale" not in options
    assert "Share conversions with this one" in [
        given["label"] for given in page.find(lambda tag, _: tag == "optgroup")
    ]
    assert shop.get(shop.of("compare", ".json"), 400).json()["place"] == "with"


def test_among_very_many_campaigns_an_id_is_typed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list to choose from would be too long."""
    monkeypatch.setattr(compare, "_MOST_OFFERED", 0)
    page = shop.page(shop.of("compare"), **{"with": "other"})
    (field,) = page.find(lambda tag, given: tag == "input" and given.get("name") == "with")
    assert field["value"] == "other"


def test_an_unknown_other_campaign_is_asked_for_again(shop: Shop) -> None:
    """With what was typed, the field marked, and ids that look like it; 404 for a program."""
    page = shop.page(shop.of("compare"), 404, **{"with": "othr"})
    assert "There is no campaign 'othr'" in page.text
    assert page.links["other"] == f"{shop.of('compare')}?with=other"
    (field,) = page.find(lambda _, given: given.get("aria-invalid") == "true")
    assert (field["id"], field["aria-describedby"]) == ("other", "error")
    assert shop.get(shop.of("compare", ".json"), 404, **{"with": "othr"}).json()["code"] == "unknown_campaign"
    assert "not with itself" in shop.page(shop.of("compare"), 400, **{"with": "sale"}).text
    assert (
        shop.get(shop.of("compare", ".csv"), 400, **{"with": "x" * 256}).json()["code"] == "unknown_campaign"
    )


def test_r14_what_late_facts_changed_since_a_position(shop: Shop) -> None:
    """R14: from a frozen link's position until now, with the fact behind each change, linked to the explanation."""
    before = shop.client.get("/v1/campaigns/sale/report").json()["position"]
    shop.take(
        {
            "type": "refund",
            "id": "back",
            "user_id": "u1",
            "purchase_id": "p1",
            "amount": "8.00",
            "at": "2026-03-05T09:00:00Z",
        }
    )
    given = {"from": f"{before},2026-03-09T09:00:00Z"}
    page = shop.page(shop.of("compare"), **given)
    assert "2 figures changed, by 1 change." in page.text
    assert "Revenue, EUR 25.00 EUR 17.00 EUR \N{MINUS SIGN}8.00 EUR" in page.text
    assert "Variant A Revenue, EUR 20.00 EUR 12.00 EUR \N{MINUS SIGN}8.00 EUR" in page.text
    assert "changed from 20.00 EUR to 12.00 EUR, credited to variant A; because of refund back" in page.text
    assert page.links["u1"] == "/campaigns/sale/users/u1"
    told = shop.get(shop.of("compare", ".json"), **given).json()
    assert (told["from_position"], told["changes_total"]) == (before, 1)
    assert told["changes"][0]["because"]["id"] == "back"
    rows = list(csv.DictReader(StringIO(shop.get(shop.of("compare", ".csv"), **given).text)))
    assert [(row["variant_id"], row["difference"]) for row in rows] == [("", "-8.00"), ("A", "-8.00")]


def test_its_json_is_the_difference_of_the_api(shop: Shop) -> None:
    """Between two instants, under both clocks."""
    between = {"from": "2000-01-01T12:00:00Z", "to": "2999-01-01T00:00:00Z"}
    for clock in ("recorded", "occurred"):
        asked = between | {"as_of_clock": clock}
        told = shop.client.get("/v1/campaigns/sale/diff", params=asked | {"limit": 50}).json()
        given = shop.get(shop.of("compare", ".json"), **asked).json()
        assert given == told
        figures = {
            (each["variant_id"], each["figure"], each["letter"], each["currency"]): each["difference"]
            for each in given["figures"]
        }
        assert figures[None, "revenue", None, "EUR"] == "25.00"


def test_a_day_is_one_of_the_app_group(shop: Shop) -> None:
    """From its first moment in Berlin to its last; a time without an offset is of Berlin too."""
    asked = {"from": "2026-03-01", "to": "2026-03-01", "as_of_clock": "occurred"}
    told = shop.get(shop.of("compare", ".json"), **asked).json()
    assert (told["from"], told["to"]) == ("2026-02-28T23:00:00Z", "2026-03-01T22:59:59.999999Z")
    page = shop.page(shop.of("compare"), **asked)
    assert "What had happened, as known now" in page.text
    assert "receipts, conversions and purchases" in page.text
    asked = {"from": "2026-07-01 09:30", "to": "2026-07-02T09:30:01Z", "as_of_clock": "occurred"}
    assert shop.get(shop.of("compare", ".json"), **asked).json()["from"] == "2026-07-01T07:30:00Z"
    assert shop.get(shop.of("compare", ".json"), zone="utc", **asked).json()["from"] == "2026-07-01T09:30:00Z"


def test_where_nothing_changed_it_says_so(shop: Shop) -> None:
    """No table of nothing."""
    page = shop.page(
        shop.of("compare"), **{"from": "2000-01-01", "to": "2000-01-02", "as_of_clock": "occurred"}
    )
    assert "Nothing changed." in page.text
    assert not page.find(lambda tag, _: tag == "table")


def test_more_changes_are_a_link_away(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few first, then all of them."""
    monkeypatch.setattr(compare, "_USUAL_CHANGES", 2)
    page = shop.page(shop.of("compare"), **{"from": "0"})
    assert "2 of 7 are shown." in page.text
    everything = Shop.page(shop, page.links["Show all"])
    assert "are shown" not in everything.text
    assert everything.text.count("credited to") == 4
    monkeypatch.setattr(compare, "_MOST_LISTED", 3)
    assert Shop.page(shop, page.links["Show all"].replace("limit=7", "limit=3")).links["JSON"]


@pytest.mark.parametrize(
    ("asked", "field", "said"),
    [
        ({"from": "yesterday"}, "from", "From is a day such as 2026-03-01"),
        ({"from": "2026-02-30"}, "from", "From is a day"),
        ({"from": "1969-12-31"}, "from", "From is a day"),
        ({"from": "0001-01-01"}, "from", "From is a day"),
        ({"from": "9" * 18}, "from", "No event has this position yet"),
        ({"from": "2026-03-02", "to": "x"}, "to", "To is a day"),
        ({"from": "1,x", "to": ""}, "from", "From is a day"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "from", "comes after"),
        ({"from": "2026-03-02", "as_of_clock": "wall"}, "as-of-clock", "'wall' is no clock"),
        ({"from": "2000-03-01", "to": "2000-03-02"}, "from", "There was no campaign 'sale' yet"),
    ],
)
def test_a_time_that_makes_no_sense_is_asked_for_again(
    shop: Shop, asked: dict[str, str], field: str, said: str
) -> None:
    """The form has what was typed; the summary leads to the field, which is marked; a program gets the problem."""
    path = shop.of("compare")
    answer = shop.browser.get(path, params=asked)
    assert answer.status_code in {400, 404}
    page = shop.page(path, answer.status_code, **asked)
    assert said in page.text
    (marked,) = page.find(lambda _, given: given.get("aria-invalid") == "true")
    assert marked["id"] == field
    assert page.find(
        lambda tag, given: tag == "a" and given.get("href") == f"#{field}" and given["id"] == "error"
    )
    (typed,) = page.find(lambda tag, given: tag == "input" and given.get("name") == "from")
    assert typed["value"] == asked["from"]
    assert shop.get(shop.of("compare", ".json"), answer.status_code, **asked).json()["code"]


def test_a_limit_that_is_none_is_refused(shop: Shop) -> None:
    """It is of the address, not of a form."""
    for limit in ("x", "-1", "10001", "1.5"):
        assert "Limit is 0 to 10,000" in shop.page(shop.of("compare"), 400, limit=limit, **{"from": "0"}).text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_ids_are_only_text(api: Api, text: str) -> None:
    """As ids of both campaigns, of variants and of users; the links lead where they say."""
    other = (text + "x")[-255:]
    one: dict[str, Any] = SALE | {"id": text, "name": text, "variants": [{"id": text}]}
    shop = Shop.open(api, one, OTHER | {"id": other, "name": other})
    shop.take(received(text, text, text), bought(text))
    path = shop.of("compare", campaign=text)
    pages = [shop.page(path, **asked) for asked in ({"with": other}, {"from": "0"})]
    for page in pages:
        assert " ".join(text.split()) in page.text
        assert not page.find(lambda tag, given: tag == "script" and "src" not in given)
        assert shop.get(page.links["JSON"]).status_code == 200
        assert shop.get(page.links["CSV"]).status_code == 200
    user = " ".join(text.split())
    assert pages[1].links[user].endswith(f"/users/{campaign_path(text).rpartition('/')[2]}")
    assert "There is no campaign" in shop.page(path, 404, **{"with": text[:200] + "?"}).text


def test_another_app_groups_campaigns_are_not_there(api: Api) -> None:
    """Neither as the first one nor as the other."""
    Shop.open(api, SALE)
    stranger = Shop.open(api, {"id": "mine"})
    for path in (stranger.of("compare"), stranger.of("compare", ".json")):
        assert "there is no campaign" in stranger.get(path, 404, **{"with": "mine"}).text.lower()
    given = {"with": "sale"}
    assert "There is no campaign" in stranger.page(stranger.of("compare", campaign="mine"), 404, **given).text
