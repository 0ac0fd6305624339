"""Walk 5: two campaigns side by side, and how many conversions they share."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open, Site
from tests.browser.hands import WAYS, hands_of
from tests.browser.reading import amounts, read_table, whole
from tests.browser.test_figures import ask_command, money


@pytest.mark.parametrize("way", WAYS)
def test_two_campaigns_side_by_side(site: Site, open_window: Open, way: str) -> None:
    """From the results by "Compare": the figures of both reports, both rules, and what `overlap` counts."""
    page = open_window(site, **WAYS[way]).go("/")
    hands = hands_of(way, page)
    hands.press(page.get_by_role("link", name="Spring sale"))
    hands.press(page.get_by_role("link", name="Compare", exact=True))
    hands.pick(page.get_by_label("Other campaign", exact=True), "The glass teapot is back (glass-teapot)")
    hands.press(page.get_by_role("button", name="Compare").first)
    expect(page.locator("#pair")).to_have_text("Spring sale and The glass teapot is back")
    rows = {row["Figure"]: row for row in read_table(page.locator("table.pair"))}
    for campaign_id, name in (("spring-sale", "Spring sale"), ("glass-teapot", "The glass teapot is back")):
        totals = ask_command(site, "report", campaign_id)["totals"]
        assert whole(rows["Receipts"][name]) == totals["receipts"]
        assert whole(rows["Unique recipients, users"][name]) == totals["unique_recipients"]
        assert whole(rows["Conversions, primary event, credited"][name]) == totals["conversions"][0]
        assert amounts(rows["Revenue, credited"][name]) == money(totals["revenue"])
    assert "of any product within 3 days" in rows["A conversion is"]["Spring sale"]
    assert "of teapot-glass within 7 days" in rows["A conversion is"]["The glass teapot is back"]
    shared = next(
        each["behaviours"]
        for each in ask_command(site, "overlap", "spring-sale")["with"]
        if each["campaign_id"] == "glass-teapot"
    )
    said = page.locator("section", has=page.locator("#pair")).locator(".verdict").inner_text()
    found = re.search(r"They share ([\d,]+) conversion", said)
    assert found is not None, said
    assert whole(found[1]) == shared
