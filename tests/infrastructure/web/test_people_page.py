"""The people of a campaign: lists with filters and pages, each person with an explanation, and sheets of them all."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from http import HTTPStatus
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import delete

from application.queries import lists
from domain.instants import printed
from infrastructure.database.schema import identities
from infrastructure.http.pages import make_cursor
from infrastructure.http.problems import Problem
from infrastructure.http.turns import Turns
from infrastructure.web import people
from infrastructure.web.links import user_path, with_query
from tests.infrastructure.web.shops import HOSTILE, OTHER, SALE, Page, Shop, bought, received
from tests.support.serving import Api, serving

PEOPLE = ("u1", "A"), ("u2", "B"), ("u3", "holdout"), ("u4", "A"), ("u4", "B")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests; each of them has an app group of its own."""
    with serving(tmp_path_factory.mktemp("people")) as api:
        yield api


@pytest.fixture(scope="module")
def filled(api: Api) -> Shop:
    """A shop whose campaign has four recipients, one of them of two variants, and three conversions."""
    shop = Shop.open(api, SALE)
    shop.take(*(received(user, variant) | {"id": f"r-{user}-{variant}"} for user, variant in PEOPLE))
    shop.take(bought("u1"), bought("u3", "5.00"), bought("u4", "7.50"))
    return shop


def users(page: Page) -> list[str]:
    """The users of a list, each of whom is a link to an explanation."""
    return sorted(
        text for text, link in page.links.items() if re.fullmatch(r"/campaigns/sale/users/u[0-9]+", link)
    )


def rows(shop: Shop, **given: str) -> list[dict[str, str]]:
    """The rows of the sheet."""
    return list(csv.DictReader(StringIO(shop.get(shop.of("people", ".csv"), **given).text)))


FILTERS: list[tuple[dict[str, str], list[str], str]] = [
    ({}, ["u1", "u2", "u3", "u4"], "4 recipients"),
    ({"variant": "A"}, ["u1", "u4"], "2 recipients"),
    ({"without_control": "true"}, ["u1", "u2", "u4"], "3 recipients"),
    ({"several_variants": "true"}, ["u4"], "1 recipient"),
    ({"converted": "A"}, ["u1", "u3", "u4"], "3 recipients"),
    ({"converted": "a", "without_control": "true"}, ["u1", "u4"], "2 recipients"),
    ({"not_converted": "A"}, ["u2"], "1 recipient"),
    ({"not_converted": "B", "variant": "holdout"}, ["u3"], "1 recipient"),
    ({"open": "A"}, [], "0 recipients"),
    ({"open": "A", "without_control": "true"}, [], "0 recipients"),
    ({"user_id": "u2"}, ["u2"], "1 recipient"),
    (
        {"from": "2026-03-01", "to": "2026-03-01", "without_control": "true"},
        ["u1", "u2", "u4"],
        "3 recipients",
    ),
    ({"from": "2026-03-02"}, [], "0 recipients"),
    ({"list": "conversions"}, ["u1", "u3", "u4"], "3 conversions"),
    ({"list": "conversions", "event": "A", "without_control": "true"}, ["u1", "u4"], "2 conversions"),
    ({"list": "conversions", "event": "B"}, [], "0 conversions"),
    ({"list": "conversions", "variant": "holdout"}, ["u3"], "1 conversion"),
    ({"list": "conversions", "to": "2026-02-28"}, [], "0 conversions"),
]


@pytest.mark.parametrize(("given", "expected", "counted"), FILTERS)
def test_page_sheet_and_json_have_the_same_people(
    filled: Shop, given: dict[str, str], expected: list[str], counted: str
) -> None:
    """Each filter in the address; the heading counts them."""
    page = filled.page(filled.of("people"), **given)
    assert users(page) == expected
    assert page.find_text("h2", "list") == counted
    name = given.get("list", "recipients")
    told = filled.get(filled.of("people", ".json"), **given).json()
    assert sorted(each["user_id"] for each in told[name]) == expected
    assert sorted(row["user_id"] for row in rows(filled, **given)) == expected


def test_a_count_of_the_results_is_as_many_rows(filled: Shop) -> None:
    """Every count is a link to its rows: as many as it says."""
    results = filled.page(filled.of())
    links = {link: text for text, link in results.all_links if "/people" in link and text.isdigit()}
    assert len(links) >= 8
    for link, text in links.items():
        given = {name: value[0] for name, value in parse_qs(urlsplit(link).query).items()}
        assert len(rows(filled, **given)) == int(text), link


def test_the_json_is_what_the_api_answers(filled: Shop) -> None:
    """The same rows, with cursors both ways."""
    given = filled.get(filled.of("people", ".json"), list="conversions").json()
    assert given.pop("previous_cursor") is None
    assert given == filled.client.get("/v1/campaigns/sale/conversions").json()


def test_sums_of_a_sheet_are_those_of_the_report(filled: Shop) -> None:
    """Each currency is a column; the variant of each conversion too. The position is in the file's name."""
    answer = filled.get(filled.of("people", ".csv"))
    found = list(csv.DictReader(StringIO(answer.text)))
    told = filled.client.get("/v1/campaigns/sale/report").json()
    control = next(each for each in told["variants"] if each["control"])
    revenue = float(told["totals"]["revenue"]["EUR"]) + float(control["revenue"]["EUR"])
    assert sum(float(row["revenue_EUR"] or 0) for row in found) == revenue
    assert sorted(row["converted_a"] for row in found)[1:] == ["A", "B", "holdout"]
    assert {row["user_id"]: row["variants"] for row in found}["u4"] == "A x 1; B x 1"
    disposition = answer.headers["content-disposition"]
    assert disposition == f'attachment; filename="recipients-of-sale-at-{told["position"]}.csv"'


@pytest.fixture(scope="module")
def returning(api: Api) -> Shop:
    """A shop whose recipients come back: what they did is credited to receipts of two days, nine days apart."""
    shop = Shop.open(api, SALE)
    came = [("u1", "A", 1), ("u1", "A", 10), ("u2", "B", 1), ("u2", "A", 10), ("u3", "holdout", 1)]
    came += [("u3", "B", 10), ("u4", "B", 10), ("u5", "A", 1), ("u6", "holdout", 10), ("u6", "A", 1)]
    shop.take(
        *(
            received(user, variant, at=f"2026-03-{day:02}T09:00:00Z") | {"id": f"r-{user}-{day}"}
            for user, variant, day in came
        )
    )
    bought_on = [("u1", 2), ("u1", 11), ("u2", 11), ("u3", 2), ("u3", 12), ("u4", 11), ("u6", 11), ("u5", 8)]
    for number, (user, day) in enumerate(bought_on):
        fact = bought(user, f"{2**number}.25", f"2026-03-{day:02}T10:00:00Z", f"p-{day}")
        shop.take(fact, fact | {"id": f"usd-{day}", "currency": "USD", "price": f"{3**number}.10"})
    return shop


@pytest.mark.parametrize(
    "days",
    [
        {"from": "2026-03-01", "to": "2026-03-01"},
        {"from": "2026-03-02", "to": "2026-03-09"},
        {"to": "2026-03-09"},
        {"from": "2026-03-10"},
        {"from": "2026-03-01", "to": "2026-03-10"},
    ],
    ids=lambda days: "to".join(days.values()),
)
def test_sums_of_a_sheet_of_days_are_those_of_the_report_of_these_days(
    returning: Shop, days: dict[str, str]
) -> None:
    """R18: whatever else these people did; recipients, conversions by variant, and revenue by currency."""
    asked = {f"received_{name}": day for name, day in days.items()}
    told = returning.client.get("/v1/campaigns/sale/report", params=asked).json()
    found = rows(returning, **days)
    people = returning.get(returning.of("people", ".json"), **days).json()["recipients"]
    revenue: Counter[str] = Counter()
    for each in told["variants"]:
        name = each["variant_id"]
        assert len(rows(returning, variant=name, **days)) == each["unique_recipients"]
        assert sum(row["converted_a"] == name for row in found) == each["conversions"][0]
        assert len(rows(returning, variant=name, converted="A", **days)) == each["conversions"][0]
        missed = rows(returning, variant=name, not_converted="A", **days)
        assert len(missed) == each["unique_recipients"] - each["conversions"][0]
        revenue.update({currency: cents(amount) for currency, amount in each["revenue"].items()})
    assert len(rows(returning, without_control="true", **days)) == told["totals"]["unique_recipients"]
    for currency in ("EUR", "USD"):
        assert sum(cents(row.get(f"revenue_{currency}")) for row in found) == revenue[currency]
        assert sum(cents(each["revenue"].get(currency)) for each in people) == revenue[currency]


@pytest.mark.parametrize("days", [{}, {"to": "2026-03-09"}, {"from": "2026-03-10"}], ids=str)
def test_sums_of_a_variant_are_those_of_its_row_in_the_report(returning: Shop, days: dict[str, str]) -> None:
    """R9, R11: of one variant and of any but control, also where the same people bought for another one."""
    asked = {f"received_{name}": day for name, day in days.items()}
    stated = returning.client.get("/v1/campaigns/sale/report", params=asked).json()
    lists_of: list[tuple[dict[str, str], Any]] = [({"without_control": "true"}, stated["totals"])]
    lists_of += [({"variant": each["variant_id"]}, each) for each in stated["variants"]]
    assert any(figures["revenue"] for _, figures in lists_of)
    for filters, figures in lists_of:
        found = rows(returning, **filters, **days)
        assert sum(bool(row["converted_a"]) for row in found) == figures["conversions"][0], filters
        people = returning.get(returning.of("people", ".json"), **filters, **days).json()["recipients"]
        for currency in ("EUR", "USD"):
            earned = cents(figures["revenue"].get(currency))
            assert sum(cents(row.get(f"revenue_{currency}")) for row in found) == earned, filters
            assert sum(cents(each["revenue"].get(currency)) for each in people) == earned, filters


def test_a_list_of_a_variant_says_whose_conversions_and_revenue_it_has(returning: Shop) -> None:
    """A user who bought for control alone has not converted for the variant that came first."""
    page = returning.page(returning.of("people"), variant="A", user_id="u6")
    assert "Conversions and revenue are those credited to variant A ." in page.text
    assert "✓ yes" not in page.text
    page = returning.page(returning.of("people"), without_control="true", user_id="u6")
    assert "leave out those credited to the control group" in page.text
    assert "✓ yes" in returning.page(returning.of("people"), variant="holdout", user_id="u6").text
    assert "credited to" not in returning.page(returning.of("people")).text.partition("on this page")[2]


def cents(amount: str | None) -> int:
    """An amount in hundredths; nothing is 0."""
    return int(Decimal(amount or 0) * 100)


def test_the_days_tell_apart_what_the_same_people_did(returning: Shop) -> None:
    """Who converted for the first receipt is no conversion of the second; a filter and its count agree."""
    first, second = {"to": "2026-03-09"}, {"from": "2026-03-10"}
    assert {row["user_id"]: row["revenue_EUR"] for row in rows(returning, user_id="u1", **first)} == {
        "u1": "1.25"
    }
    [row] = rows(returning, user_id="u1", **second)
    assert (row["revenue_EUR"], row["converted_a"]) == ("2.25", "")
    page = returning.page(returning.of("people"), converted="A", without_control="true", **second)
    assert users(page) == ["u2", "u4"]
    assert page.find_text("h2", "list") == "2 recipients"
    page = returning.page(returning.of("people"), not_converted="A", without_control="true", **second)
    assert users(page) == ["u1", "u3"]
    assert page.find_text("h2", "list") == "2 recipients"


@pytest.mark.parametrize("name", ["recipients", "conversions"])
def test_a_sheet_waits_for_a_turn_of_its_app_group(
    filled: Shop, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As any other question does, so that the sheets of one app group leave threads to others."""
    turns: list[str] = []

    async def refuse(_: Turns, app_group: str, __: object) -> None:
        turns.append(app_group)
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too_busy", "later")

    monkeypatch.setattr(Turns, "run", refuse)
    answer = filled.get(filled.of("people", ".csv"), list=name, status=503)
    assert turns == [filled.app_group]
    assert "later" in answer.text


def test_a_list_has_pages_forwards_and_back(filled: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Filters stay in the links; the way back leads to the same pages; a sheet has all of them."""
    monkeypatch.setattr(people, "PAGE", 1)
    monkeypatch.setattr(lists, "PAGE_ROWS", 1)
    link, forwards, seen = with_query(filled.of("people"), {"without_control": "true"}), [], []
    while True:
        page = filled.page(link)
        forwards.append(users(page))
        seen.append(page)
        if "Further" not in page.links:
            break
        link = page.links["Further"]
        assert "without_control=true" in link
    assert sorted(user for each in forwards for user in each) == ["u1", "u2", "u4"]
    back, page = [forwards[-1]], seen[-1]
    while "Earlier" in page.links:
        page = filled.page(page.links["Earlier"])
        back.append(users(page))
    assert back == forwards[::-1]
    assert "Earlier" not in seen[0].links
    assert len(rows(filled)) == 4


def test_a_filter_that_makes_no_sense_shows_the_form_again(filled: Shop) -> None:
    """422, with what was typed, and a link to the field that is at fault; a program gets the problem."""
    cases = [
        ({"from": "2026-03-02", "to": "2026-03-01"}, "from", "bad_date"),
        ({"to": "soon"}, "to", "bad_date"),
        ({"converted": "D", "user_id": "u7"}, "converted", "bad_conversion_event"),
        ({"variant": "Z"}, "variant", "unknown_variant"),
        ({"several_variants": "perhaps"}, "several_variants", "bad_question"),
    ]
    for given, place, code in cases:
        page = filled.page(filled.of("people"), 422, **given)
        assert code in page.text
        assert page.find(lambda tag, has: tag == "a" and has.get("href") == f"#filter-{place}")  # noqa: B023
        assert page.find(lambda _, has: has.get("id") == f"filter-{place}")  # noqa: B023
        values = {has.get("name"): has.get("value") for has in page.find(lambda tag, _: tag == "input")}
        assert values["user_id"] == given.get("user_id", "")
        refused = filled.get(filled.of("people", ".json"), 404 if place == "variant" else 400, **given)
        assert refused.json()["code"] == code
    for given in ({"list": "others"}, {"after": "!"}, {"list": "conversions", "before": "WzFd"}):
        assert filled.page(filled.of("people"), 422, **given).find_text("h2", None) is not None


def test_control_without_control_is_nobody_also_while_a_window_is_open(api: Api) -> None:
    """The heading counts what the list shows."""
    shop = Shop.open(api, SALE)
    shop.take(received("u1", "holdout", at=printed(api.service.now())))
    given = {"variant": "holdout", "open": "A"}
    assert shop.page(shop.of("people"), **given).find_text("h2", "list") == "1 recipient"
    page = shop.page(shop.of("people"), without_control="true", **given)
    assert page.find_text("h2", "list") == "0 recipients"
    assert "Nobody fits" in page.text


def test_nobody_fits_is_said_with_what_to_do_next(api: Api, filled: Shop) -> None:
    """A draft, a filter, a user who is not in the list, and rows that are gone are different things."""
    draft = Shop.open(api, SALE | {"status": "draft"})
    assert "nobody can receive it yet" in draft.page(draft.of("people")).text
    page = filled.page(filled.of("people"), user_id="nobody")
    assert page.links["See why"] == filled.of() + user_path("nobody")
    assert page.links["look for ids like it"] == "/users?id=nobody"
    assert filled.page(filled.of("people"), open="B").links["Show all"].startswith(filled.of("people"))
    gone = filled.get(filled.of("people", ".json")).json()
    last = filled.page(filled.of("people"), after=make_last(gone))
    assert "There are no rows here any more" in last.text


def make_last(page: dict[str, Any]) -> str:
    """A cursor after the last row of a page of recipients."""
    return str(make_cursor(page["recipients"][-1]["journey_id"]))


def test_an_erased_person_is_shown_as_such(api: Api) -> None:
    """R23: the row stays, and names and leads to nobody."""
    shop = Shop.open(api, SALE)
    shop.take(received("zoe-77", "A") | {"id": "r1"}, bought("zoe-77"))
    with api.service.database.writing() as connection:
        connection.execute(delete(identities).where(identities.c.app_group == shop.app_group))
    for name in ("recipients", "conversions"):
        page = shop.page(shop.of("people"), list=name)
        assert "erased person" in page.text
        assert "zoe-77" not in page.text
        assert rows(shop, list=name)[0]["user_id"] == ""
    assert "erased person" in shop.page(shop.of()).text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_ids_are_only_text(api: Api, text: str) -> None:
    """Of a campaign, a variant, a user and facts: shown as they are, and each link leads where it should."""
    campaign = SALE | {"id": text, "name": text, "variants": [{"id": text, "name": text}]}
    shop = Shop.open(api, campaign)
    shop.take(received(text, text, text) | {"id": text}, bought(text, fact_id="p" + text[:254]))
    for name in ("recipients", "conversions"):
        page = shop.page(shop.of("people", campaign=text), list=name, user_id=text, variant=text)
        assert not page.find(lambda tag, has: tag == "script" and "alert" in str(has))
        link = next(link for _, link in page.all_links if link.startswith(shop.of(campaign=text) + "/users/"))
        assert "Converted" in shop.page(link).text
        told = shop.get(shop.of("people", ".json", campaign=text), list=name).json()
        assert [each["user_id"] for each in told[name]] == [text]
        answer = shop.get(shop.of("people", ".csv", campaign=text), list=name)
        assert re.fullmatch(r'attachment; filename="[A-Za-z0-9._-]+"', answer.headers["content-disposition"])
        [row] = csv.DictReader(StringIO(answer.text))
        assert row["user_id"] == text


def test_a_user_id_that_begins_a_formula_is_guarded(api: Api) -> None:
    """A sheet takes it for text; so it does a column of its own."""
    shop = Shop.open(api, OTHER)
    shop.take(received("=1+1", "only", "other"))
    [row] = csv.DictReader(StringIO(shop.get(shop.of("people", ".csv", campaign="other")).text))
    assert row["user_id"] == "'=1+1"


def test_another_app_groups_people_are_not_there(api: Api, filled: Shop) -> None:
    """404 for the page and its twins, whatever they ask for."""
    other = Shop.open(api)
    for kind in ("", ".json", ".csv"):
        assert "there is no campaign" in other.get(filled.of("people", kind), 404, variant="Q").text.lower()


def test_the_results_name_the_newest_conversions(api: Api) -> None:
    """R14: the one that was decided last is the first, and what was decided again says so."""
    shop = Shop.open(api, SALE)
    shop.take(received("u1", "A"), received("u2", "A"), bought("u1", at="2026-03-03T09:00:00Z"))
    shop.take(bought("u2"))
    shop.take(bought("u1", fact_id="p0"))
    newest = shop.page(shop.of()).text.partition("Newest conversions")[2]
    assert newest.index("u1") < newest.index("decided again") < newest.index("u2")
