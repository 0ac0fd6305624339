"""Frozen links: a page at a position stays as it is, whatever is recorded later, and says what has changed since."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import delete

from infrastructure.database.schema import identities
from infrastructure.http.problems import Problem
from infrastructure.web import campaign_pages, users
from infrastructure.web.links import user_path, with_query
from tests.infrastructure.web.shops import HOSTILE, OTHER, SALE, Page, Shop, bought, received
from tests.support.serving import Api, serving

ASKED: list[tuple[str, str, dict[str, str]]] = [
    ("", kind, asked)
    for kind in ("", ".json", ".csv")
    for asked in ({}, {"from": "2026-03-01", "to": "2026-03-01"})
]
ASKED += [(page, kind, {}) for page in ("series", "history") for kind in (".json", ".csv")]
ASKED += [("series", ".json", {"clock": "receipt"}), ("history", "", {})]
ASKED += [
    ("compare", kind, asked)
    for kind in ("", ".json", ".csv")
    for asked in (
        {"with": "other"},
        {"from": "0"},
        {"from": "0", "to": "2999-01-01"},
        {"from": "2026-01-01", "as_of_clock": "occurred", "to": "2026-04-01"},
    )
]
ASKED += [
    ("people", kind, asked)
    for kind in ("", ".json", ".csv")
    for asked in (
        {},
        {"list": "conversions"},
        {"converted": "A", "without_control": "true"},
        {"not_converted": "A"},
        {"open": "A"},
        {"from": "2026-03-01", "to": "2026-03-01"},
        {"user_id": "u1"},
    )
]
ASKED += [(f"users/{user}", kind, {}) for user in ("u1", "u2", "u4") for kind in ("", ".json")]
"""Every page and twin of a campaign that takes a position."""

JOURNEYS: list[tuple[str, dict[str, str]]] = [
    (kind, asked)
    for kind, asked in (
        ("", {}),
        ("", {"density": "full"}),
        ("", {"density": "json"}),
        ("", {"clock": "recorded"}),
        (".json", {}),
        (".json", {"clock": "recorded"}),
    )
]
"""Everything of a user that takes a position."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests; each of them has an app group of its own."""
    with serving(tmp_path_factory.mktemp("frozen"), wait_seconds=20) as api:
        yield api


@pytest.fixture
def shop(api: Api) -> Shop:
    """Two campaigns that share a conversion."""
    shop = Shop.open(api, SALE, OTHER)
    shop.take(
        received("u1", "A"),
        received("u2", "B"),
        received("u3", "holdout"),
        received("u1", "only", "other"),
        bought("u1"),
    )
    return shop


def freeze(shop: Shop, path: str | None = None, **asked: str) -> str:
    """The frozen link of a page, as it is now."""
    page = shop.page(path or shop.of(), **asked)
    (link,) = page.find(lambda tag, given: tag == "a" and "data-copy" in given)
    return str(link["href"])


def read_at(link: str) -> str:
    """The parameter `at` of a link."""
    return parse_qs(urlsplit(link).query)["at"][0]


def refund(user: str, amount: str) -> dict[str, Any]:
    """A late fact that takes back a part of the purchase."""
    return {
        "type": "refund",
        "id": f"back-{user}"[:255],
        "user_id": user,
        "purchase_id": "p1",
        "amount": amount,
        "at": "2026-03-05T09:00:00Z",
    }


def come_late(shop: Shop) -> None:
    """Facts about the days that were frozen, and another name."""
    shop.take(
        refund("u1", "8.00"),
        received("u4", "A", at="2026-03-01T08:00:00Z"),
        bought("u4", "3.00", fact_id="p4"),
        received("u2", "only", "other"),
        bought("u2", "4.00", fact_id="p2"),
    )
    shop.client.patch("/v1/campaigns/sale", json={"name": "Summer sale"}).raise_for_status()


def without_notice(html: str) -> str:
    """A page without what it says about later."""
    rest, number = re.subn(r'<div class="note frozen".*?</div>', "", html, flags=re.DOTALL)
    assert number == 1
    return rest


def test_what_is_frozen_stays_as_it_is_to_the_byte(shop: Shop) -> None:
    """Every page but for its notice, every twin, and the names of the files, before and after late facts."""
    at = read_at(freeze(shop))

    def read_all() -> list[tuple[str, str | None]]:
        found = []
        for page, kind, asked in ASKED:
            answer = shop.get(shop.of(page, kind), at=at, **asked)
            said = answer.text if kind else without_notice(answer.text)
            found.append((said, answer.headers.get("content-disposition")))
        return found

    before = read_all()
    come_late(shop)
    for asked, was, now in zip(ASKED, before, read_all(), strict=True):
        assert was == now, asked
    assert "u4" not in str(before[ASKED.index(("people", "", {}))])
    names = [name for _, name in before if name]
    position = at.partition(",")[0]
    assert names
    assert all(f"-at-{position}.csv" in name for name in names)


def test_the_frozen_twins_are_the_live_ones_of_that_time(shop: Shop) -> None:
    """What a page showed live is what its frozen link shows."""
    at = read_at(freeze(shop))
    paths = [
        shop.of(page, kind) for page in ("", "series", "history", "people") for kind in (".json", ".csv")
    ]
    paths += [shop.of("users/u1", ".json"), user_path("u1", ".json")]
    live = [shop.get(path).content for path in paths]
    come_late(shop)
    assert [shop.get(path, at=at).content for path in paths] == live
    for path, was in zip(paths, live, strict=True):
        assert shop.get(path).content != was, path


def test_a_frozen_page_says_so_and_leads_back_to_live(shop: Shop) -> None:
    """With its position and instant; all links of the page keep them; it follows no stream."""
    link = freeze(shop, zone="utc")
    position, _, instant = read_at(link).partition(",")
    page = Shop.page(shop, link)
    assert f"Frozen at position {position}, " in page.text
    assert instant.startswith("20")
    assert "Nothing of this campaign has changed since." in page.text
    assert page.links["Show it live"] == with_query(shop.of(), {"zone": "utc"})
    assert not page.find(lambda _, given: "data-live" in given)
    for name in ("People", "History", "Compare", "CSV", "JSON", "Explain a user", "u1"):
        assert read_at(page.links[name]) == read_at(link)
    assert freeze(shop, link) == link
    assert "Frozen" not in shop.page(shop.of()).text.replace("frozen", "").replace("Frozen link", "")


def test_every_link_to_people_keeps_the_position(shop: Shop) -> None:
    """From the results by a list, an explanation and a journey, and back; only the live page leaves it."""
    at = read_at(freeze(shop))
    pages = [shop.of(), shop.of("people"), shop.of("users/u1"), "/users/u1", shop.of("compare")]
    for path in pages:
        page = shop.page(path, at=at, **({"with": "other"} if path.endswith("compare") else {}))
        found = [(text, link) for text, link in page.all_links if "/people" in link or "users/" in link]
        assert found, path
        for text, link in found:
            assert text == "Show it live" or read_at(link) == at, (path, link)
    form = shop.page(shop.of("people"), at=at).find(lambda _, given: given.get("name") == "at")
    assert [each.get("value") for each in form] == [at]
    assert read_at(shop.page(shop.of("people"), at=at, user_id="u9").links["look for ids like it"]) == at


def test_each_page_of_people_has_a_frozen_link_of_its_own(shop: Shop) -> None:
    """A list keeps its filters, and a journey how much it shows."""
    for path, asked in (
        (shop.of("people"), {"list": "conversions", "variant": "A"}),
        (shop.of("users/u1"), {}),
        ("/users/u1", {"density": "full"}),
    ):
        link = freeze(shop, path, **asked)
        assert {name: value[0] for name, value in parse_qs(urlsplit(link).query).items()} == {
            "at": read_at(link),
            **asked,
        }
        assert "Frozen at position" in shop.page(link).text
        assert shop.page(link).links["Show it live"] == with_query(path, asked)
        assert freeze(shop, link) == link


def test_a_frozen_journey_stays_as_it_is_and_counts_what_came_later(shop: Shop) -> None:
    """Facts about a day before it are not in it; open windows are judged as of the link."""
    at = read_at(freeze(shop))

    def read_all() -> list[str]:
        answers = [(kind, shop.get(user_path("u1", kind), at=at, **asked)) for kind, asked in JOURNEYS]
        return [answer.text if kind else without_notice(answer.text) for kind, answer in answers]

    before = read_all()
    assert "Nothing more of this user was recorded since." in shop.page("/users/u1", at=at).text
    shop.take(
        {"type": "session_started", "id": "s", "user_id": "u1", "app_id": "ios", "at": "2026-03-01T10:00:00Z"}
    )
    assert read_all() == before
    added = len(shop.get("/users/u1.json").json()["events"]) - len(
        shop.get("/users/u1.json", at=at).json()["events"]
    )
    assert added == 2
    assert "Since then: 2 events more of this user." in shop.page("/users/u1", at=at).text
    assert shop.page("/users/u1", at=at, page="2").links["Show it live"] == "/users/u1"


def test_windows_are_open_in_a_frozen_journey_as_of_its_instant(shop: Shop) -> None:
    """u2 has not bought, and the window of A ends three days after the receipt."""
    position = read_at(freeze(shop)).partition(",")[0]
    for instant, is_open in (("2026-03-02T00:00:00Z", True), ("2026-03-09T00:00:00Z", False)):
        at = f"{position},{instant}"
        assert ("still open" in shop.page("/users/u2", at=at).text) is is_open
        found = shop.get(shop.of("people", ".json"), at=at, open="A", variant="B").json()["recipients"]
        assert [each["user_id"] for each in found] == ["u2"] * is_open


def test_who_came_later_was_not_there(shop: Shop) -> None:
    """The list has no row, an explanation no receipt, and there is no journey; an id leads to what was so then."""
    at = read_at(freeze(shop))
    come_late(shop)
    assert "is not in this list" in shop.page(shop.of("people"), at=at, user_id="u4").text
    explained = shop.get(shop.of("users/u4", ".json"), at=at).json()
    assert (explained["known"], explained["receipts"]) == (False, [])
    page = shop.page("/users/u4", 404, at=at)
    assert f"was recorded in this app group up to position {at.partition(',')[0]}." in page.text
    assert shop.page(page.links["Show it live"]).find_text("h1", None) == "User u4"
    assert "up to position" in shop.get("/users/u4.json", 404, at=at).json()["detail"]
    answer = shop.browser.get("/users", params={"id": "u1", "at": at})
    assert answer.headers["location"] == with_query("/users/u1", {"at": at})
    assert read_at(shop.page("/users", 404, id="U1", at=at).links["u1"]) == at


def test_the_name_of_an_erased_person_is_gone_from_a_frozen_page(shop: Shop) -> None:
    """R23: the row stays, and leads to nobody; with the name there is no journey, as if nobody had it."""
    at = read_at(freeze(shop))
    pages = [(shop.of("people"), {}), (shop.of("people"), {"list": "conversions"}), (shop.of(), {})]
    assert all("u1" in shop.page(path, at=at, **asked).links for path, asked in pages)
    with shop.api.service.database.writing() as connection:
        of_group = identities.c.app_group == shop.app_group
        connection.execute(delete(identities).where(of_group, identities.c.user_id == "u1"))
    for path, asked in pages:
        page = shop.page(path, at=at, **asked)
        assert "erased person" in page.text
        assert "u1" not in page.links
    assert shop.get(shop.of("users/u1", ".json"), at=at).json()["receipts"] == []
    assert shop.get("/users/u1.json", 404, at=at).json()["code"] == "unknown_user"


def test_what_was_recorded_later_of_a_user_may_fail_alone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frozen journey is there without it."""
    at = read_at(freeze(shop))

    async def fail(*_: object) -> None:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too_busy", "too many others ask")

    monkeypatch.setattr(users, "_count_later", fail)
    page = shop.page("/users/u1", at=at)
    assert "What has changed since is not known now: too many others ask" in page.text
    assert "Spring sale" in page.links


@pytest.mark.parametrize("at", ["x", "1,", "9" * 18])
def test_a_journey_at_no_position_is_refused(shop: Shop, at: str) -> None:
    """With the place, for people and for programs."""
    assert shop.get("/users/u1.json", 400, at=at).json()["place"] == "at"
    assert "Bad Request" in shop.page("/users/u1", 400, at=at).text


def test_it_says_what_has_changed_since_and_by_which_facts(shop: Shop) -> None:
    """The facts that changed figures, each to its explanation as it is now, and changes of the campaign itself."""
    link = freeze(shop)
    position = read_at(link).partition(",")[0]
    shop.take(refund("u1", "8.00"))
    page = Shop.page(shop, link)
    assert "Since then: 2 figures changed, by 1 change." in page.text
    assert "changed from 20.00 EUR to 12.00 EUR" in page.text
    assert "because of refund back-u1" in page.text
    assert "not listed here" not in page.text
    assert page.find(lambda tag, given: tag == "a" and given.get("href") == "/campaigns/sale/users/u1")
    compared = page.links["See what changed, and the facts that changed it"]
    assert compared == with_query(shop.of("compare"), {"from": position})
    assert "2 figures changed, by 1 change." in Shop.page(shop, compared).text
    assert "The campaign itself" not in page.text

    shop.client.patch("/v1/campaigns/sale", json={"name": "Summer sale"}).raise_for_status()
    page = Shop.page(shop, link)
    assert "Spring sale" in page.text
    assert "Summer sale" not in page.text
    assert page.links["1 event more in its history"] == shop.of("history")
    assert "Summer sale" in Shop.page(shop, page.links["Show it live"]).text


def test_it_says_what_follows_otherwise_now(shop: Shop) -> None:
    """The headline and what was caused are no figures of the report: they are counted by themselves."""
    link = freeze(shop)
    caused, headline = (shop.get(shop.of(kind=".json")).json()["results"], shop.page(shop.of()).text)
    shop.take(*(received(f"late{n}", "A") for n in range(4)), received("held-back", "holdout"))
    page = Shop.page(shop, link)
    now = shop.get(shop.of(kind=".json")).json()["results"]["conversion_events"][0]["caused"]
    then = caused["conversion_events"][0]["caused"]
    assert then != now
    assert "The headline is now:" in page.text
    said = page.text.partition("The headline is now: ")[2][:40]
    assert said not in headline
    assert said in shop.page(shop.of()).text
    other = shop.page(shop.of("history"), at=read_at(link))
    assert "such as the headline and what was caused, may differ too." in other.text


def test_it_says_how_many_further_changes_it_does_not_list(shop: Shop) -> None:
    """The notice lists three, and the comparison has them all."""
    link = freeze(shop)
    shop.take(*(received(user, "A") for user in ("late1", "late2", "late3", "late4")))
    page = Shop.page(shop, link)
    assert ", by 4 changes." in page.text
    assert "1 further change not listed here." in page.text


def test_where_only_the_campaign_changed_its_figures_have_not(shop: Shop) -> None:
    """A new name changes no figure."""
    link = freeze(shop, shop.of("history"))
    shop.client.patch("/v1/campaigns/sale", json={"name": "Summer sale"}).raise_for_status()
    page = Shop.page(shop, link)
    assert "None of its figures has changed since." in page.text
    assert "1 event more in its history" in page.links
    assert "Summer sale" not in page.text


def test_a_position_alone_is_judged_when_it_was_recorded(shop: Shop) -> None:
    """The shorter form of a link."""
    position = read_at(freeze(shop)).partition(",")[0]
    come_late(shop)
    found = shop.get(shop.of(kind=".json"), at=position).json()
    assert found["position"] == position
    assert found["totals"]["revenue"] == {"EUR": "20.00"}
    assert f"Frozen at position {position}, " in shop.page(shop.of(), at=position).text


@pytest.mark.parametrize(
    "asked", [{"from": "0"}, {"from": "2026-03-01", "as_of_clock": "occurred"}, {"with": "other"}]
)
def test_a_comparison_with_now_can_be_frozen_too(shop: Shop, asked: dict[str, str]) -> None:
    """`to` is the time of the link then."""
    link = freeze(shop, shop.of("compare"), **asked)
    path, _, query = link.partition("?")
    twin = f"{path}.json?{query}"
    before = shop.get(twin).content
    come_late(shop)
    assert shop.get(twin).content == before
    assert shop.get(shop.of("compare", ".json"), **asked).content != before
    assert without_notice(shop.get(link).text)


def test_a_time_after_the_frozen_position_is_that_position(shop: Shop) -> None:
    """Nothing that was recorded later gets into a comparison, and a later position is refused."""
    at = read_at(freeze(shop))
    come_late(shop)
    asked = {"at": at, "from": "0", "to": "2999-01-01"}
    assert shop.get(shop.of("compare", ".json"), **asked).json()["to_position"] == at.partition(",")[0]
    newest = shop.get(shop.of(kind=".json")).json()["position"]
    refused = shop.get(shop.of("compare", ".json"), 400, **(asked | {"to": newest})).json()
    assert (refused["code"], refused["place"]) == ("position_beyond_log", "to")


def test_what_has_changed_since_may_fail_alone(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The frozen figures are there without it."""
    link = freeze(shop)

    async def fail(*_: object) -> None:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too_busy", "too many others ask")

    monkeypatch.setattr(campaign_pages, "read_since", fail)
    page = Shop.page(shop, link)
    assert "What has changed since is not known now: too many others ask ( too_busy )." in page.text.replace(
        "(too_busy)", "( too_busy )"
    )
    assert "20.00 EUR" in page.text


@pytest.mark.parametrize(
    ("at", "status", "code"),
    [
        ("x", 400, "bad_position"),
        ("-1", 400, "bad_position"),
        (",2026-03-01T00:00:00Z", 400, "bad_position"),
        ("1,", 400, "bad_time"),
        ("1,yesterday", 400, "bad_time"),
        ("9" * 18, 400, "position_beyond_log"),
        ("0", 404, "unknown_campaign"),
    ],
)
def test_a_link_that_makes_no_sense_is_refused(shop: Shop, at: str, status: int, code: str) -> None:
    """On every page, for people and for programs."""
    for page in ("", "history", "compare", "people", "users/u1"):
        assert code in shop.page(shop.of(page), status, at=at).text
    for page in ("", "series", "history", "people", "users/u1"):
        assert shop.get(shop.of(page, ".json"), status, at=at).json()["code"] == code


def test_another_app_groups_campaign_is_not_there_at_any_position(shop: Shop, api: Api) -> None:
    """A frozen link is no way around."""
    at = read_at(freeze(shop))
    stranger = Shop.open(api, {"id": "mine"})
    for page, kind, asked in ASKED:
        assert (
            "there is no campaign" in stranger.get(stranger.of(page, kind), 404, at=at, **asked).text.lower()
        )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_ids_are_only_text(api: Api, text: str) -> None:
    """In the link, and in what has changed since."""
    shop = Shop.open(api, SALE | {"id": text, "name": text, "variants": [{"id": text}]})
    shop.take(received(text, text, text))
    link = freeze(shop, shop.of(campaign=text))
    shop.take(bought(text))
    page = Shop.page(shop, link)
    shown = " ".join(text.split())
    assert shown in page.text
    assert "Since then: " in page.text
    assert not page.find(lambda tag, given: tag == "script" and "src" not in given)
    assert page.links[shown].startswith(f"{shop.of(campaign=text)}/users/")
    assert "Frozen at" not in Shop.page(shop, page.links["Show it live"]).text


def test_periods_have_one_before_and_one_after(shop: Shop) -> None:
    """As long as the period; the keys [ and ] follow these links. All time has neither."""
    page = shop.page(shop.of(), **{"from": "2026-03-01", "to": "2026-03-07"})
    assert page.links["Earlier"] == with_query(shop.of(), {"from": "2026-02-22", "to": "2026-02-28"})
    assert page.links["Later"] == with_query(shop.of(), {"from": "2026-03-08", "to": "2026-03-14"})
    for asked in ({}, {"from": "2026-03-01"}):
        assert "Earlier" not in shop.page(shop.of(), **asked).links
    last = shop.page(shop.of(), **{"from": "9999-12-31", "to": "9999-12-31"})
    assert "Later" not in last.links
    assert "Earlier" in last.links


def test_the_link_says_what_it_does_with_and_without_script(shop: Shop) -> None:
    """With script it copies, without script it opens the frozen page."""
    page: Page = shop.page(shop.of())
    assert "Copy frozen link Frozen link" in page.text
    assert page.find(lambda _, given: given.get("id") == "announced" and given.get("role") == "status")


@pytest.mark.parametrize("page", ["", "/people", "/history", "/compare"])
def test_an_instant_that_not_every_zone_has_is_refused(shop: Shop, page: str) -> None:
    """The last day of all, of which zones east of Greenwich lack some hours."""
    shop.client.patch("/v1/app-group", json={"time_zone": "Europe/Berlin"})
    position = shop.get(shop.of(kind=".json")).json()["position"]
    refused = shop.get(shop.of() + page, at=f"{position},9999-12-31T23:59:59Z", status=400)
    assert "of the years 2 to 9998" in refused.text
    assert shop.get(shop.of() + page, at=f"{position},9998-12-31T00:00:00Z").status_code == 200
