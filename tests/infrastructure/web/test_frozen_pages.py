"""Frozen links: a page at a position stays as it is, whatever is recorded later, and says what has changed since."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from infrastructure.http.problems import Problem
from infrastructure.web import campaign_pages
from infrastructure.web.links import with_query
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
"""Every page and twin that takes a position."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests; each of them has an app group of its own."""
    with serving(tmp_path_factory.mktemp("frozen"), wait_seconds=5) as api:
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
    names = [name for _, name in before if name]
    position = at.partition(",")[0]
    assert names
    assert all(f"-at-{position}.csv" in name for name in names)


def test_the_frozen_twins_are_the_live_ones_of_that_time(shop: Shop) -> None:
    """What a page showed live is what its frozen link shows."""
    at = read_at(freeze(shop))
    paths = [shop.of(page, kind) for page in ("", "series", "history") for kind in (".json", ".csv")]
    live = [shop.get(path).content for path in paths]
    come_late(shop)
    assert [shop.get(path, at=at).content for path in paths] == live
    assert [shop.get(path).content for path in paths] != live


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
    for name in ("History", "Compare", "CSV", "JSON"):
        assert read_at(page.links[name]) == read_at(link)
    assert freeze(shop, link) == link
    assert "Frozen" not in shop.page(shop.of()).text.replace("frozen", "").replace("Frozen link", "")


def test_it_says_what_has_changed_since_and_by_which_facts(shop: Shop) -> None:
    """The facts that changed figures, each to its explanation as it is now, and changes of the campaign itself."""
    link = freeze(shop)
    position = read_at(link).partition(",")[0]
    shop.take(refund("u1", "8.00"))
    page = Shop.page(shop, link)
    assert "Since then: 2 figures changed, by 1 change." in page.text
    assert "restated from 20.00 EUR to 12.00 EUR" in page.text
    assert "because of refund back-u1" in page.text
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
    for page in ("", "history", "compare"):
        assert code in shop.page(shop.of(page), status, at=at).text
    for page in ("", "series", "history"):
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
