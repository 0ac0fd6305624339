"""Walk 2: does variant B beat control, by how much, how sure is that; and a link that shows the same for ever."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from infrastructure.web.links import campaign_path, with_query
from tests.browser import world
from tests.browser.conftest import Open, Site
from tests.browser.crawling import client_of
from tests.browser.hands import WAYS, hands_of
from tests.browser.reading import table_of, whole
from tests.support.commands import run_process

SALE = campaign_path("spring-sale")


def figures(page: Page) -> list[str]:
    """All figures of a results page: the sentence, the cards, the tables, and what pictures say of themselves."""
    shown: list[str] = page.locator("main").evaluate(
        """main => {
          for (const each of main.querySelectorAll("details")) each.open = true;
          return [...main.querySelectorAll("#said ~ .verdict, .card, table, svg title, svg desc")]
            .map((each) => each.innerText || each.textContent);
        }"""
    )
    return shown


def people(site: Site, **asked: str) -> list[Mapping[str, Any]]:
    """Recipients of the spring sale, each of one variant."""
    with client_of(site, world.DEMO) as client:
        found = client.get(with_query(campaign_path("spring-sale", "people", ".json"), asked)).json()
    return [row for row in found["recipients"] if len(row["variants"]) == 1]


def bought(row: Mapping[str, Any], fact_id: str, **after: float) -> dict[str, Any]:
    """A purchase so long after a user first received the campaign."""
    at = datetime.fromisoformat(row["first_received_at"]) + timedelta(**after)
    return {
        "type": "purchase", "id": fact_id, "user_id": row["user_id"], "at": at.isoformat(),
        "product_id": "matcha-30", "price": "22.90", "currency": "EUR",
    }  # fmt: skip


def import_late(site: Site) -> set[str]:
    """Import facts that come late: three new conversions of B, and two that are restated; returns the users."""
    new = people(site, variant="B", not_converted="A")[:3]
    restated = people(site, variant="B", converted="A")[:2]
    facts = [bought(row, "late", hours=1) for row in new] + [
        bought(row, "late", seconds=1) for row in restated
    ]
    path = site.directory / "late.jsonl"
    path.write_text("".join(json.dumps(fact) + "\n" for fact in facts))
    done = run_process(site.directory, "import", str(path), "--app-group", world.DEMO)
    assert done.returncode == 0, done.stderr
    return {row["user_id"] for row in (*new, *restated)}


def converted(page: Page, variant: str) -> int:
    """How many users of a variant the page says converted."""
    rows = table_of(page, "^Purchase in 3 d")
    return next(whole(row["Converted"]) for row in rows if row["Variant"].split()[0] == variant)


def test_one_page_says_whether_b_beats_control(site: Site, open_window: Open) -> None:
    """By how much, how sure that is, what speaks against it, and what to do: without a click, above all tables."""
    page = open_window(site).go(SALE)
    said = page.locator("section", has=page.locator("#said"))
    expect(said.locator(".verdict")).to_contain_text("B converted 21.17 %")
    expect(said.locator(".verdict")).to_contain_text("12.89 points more (9.91 to 15.74)")
    expect(said).to_contain_text("Declare B the winner")
    expect(said).to_contain_text("375 users received several variants")
    top = said.bounding_box()
    assert top is not None
    assert top["y"] + top["height"] < 720, "one needs to scroll for it"
    row = page.get_by_role("row", name="B winner").first
    expect(row).to_contain_text("< 0.0001")
    expect(page.get_by_role("row", name="holdout control").first).to_contain_text("compared with")


def test_a_frozen_link_shows_the_same_after_late_facts(own_site: Site, open_window: Open) -> None:
    """It is copied, facts come late, and the link shows what it showed: it says so, and what changed, and why."""
    window = open_window(own_site)
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = window.go(SALE)
    before, before_b = figures(page), converted(page, "B")
    page.get_by_role("link", name="Copy frozen link").click()
    expect(page.get_by_role("link", name="Copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert "at=" in link
    assert link.startswith(own_site.origin)
    page.goto(link)
    expect(page.get_by_text("Nothing of this campaign has changed since.")).to_be_visible()
    assert figures(page) == before

    users = import_late(own_site)
    page.goto(link)
    notice = page.locator(".frozen")
    expect(notice).to_contain_text("Frozen at position")
    expect(notice).to_contain_text("Since then:")
    assert figures(page) == before
    assert set(notice.locator("li a").all_inner_texts()) <= users

    notice.get_by_role("link", name="See what changed").click()
    changed = page.locator("section", has=page.locator("#facts"))
    expect(changed).to_be_visible()
    assert set(changed.locator("li a").all_inner_texts()) == users
    page.go_back()
    notice.get_by_role("link", name="Show it live").click()
    expect(page.locator(".frozen")).to_have_count(0)
    assert converted(page, "B") == before_b + 3


@pytest.mark.parametrize("way", [way for way in WAYS if way != "mouse"])
def test_the_link_needs_neither_script_nor_mouse(site: Site, open_window: Open, way: str) -> None:
    """It is a link, so that it can be followed and taken from the address; `y` copies it too."""
    window = open_window(site, **WAYS[way])
    page = window.go(SALE)
    before = figures(page)
    if way == "no script":
        hands_of(way, page).press(page.get_by_role("link", name="Frozen link"))
        page.wait_for_url("**at=**")
    else:
        window.context.grant_permissions(["clipboard-read", "clipboard-write"])
        if way == "keyboard":
            page.keyboard.press("y")
        else:
            hands_of(way, page).press(page.get_by_role("link", name="Copy frozen link"))
        expect(page.get_by_text("The frozen link is copied.")).to_be_attached()
        page.goto(page.evaluate("navigator.clipboard.readText()"))
    expect(page.locator(".frozen")).to_contain_text("Frozen at position")
    assert figures(page) == before
