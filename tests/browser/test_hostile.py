"""Ids and names that wish no good: markup, right to left, newlines, 255 characters, addresses."""

import pytest

from tests.browser.conftest import Open, Site
from tests.browser.places import HOSTILE_PLACES
from tests.infrastructure.web.shops import HOSTILE


@pytest.mark.parametrize("name", HOSTILE_PLACES)
def test_a_page_is_none_the_worse(site: Site, open_window: Open, name: str) -> None:
    """It shows them as they are, runs nothing of them, and does not scroll sideways, narrow or wide."""
    place = HOSTILE_PLACES[name]
    window = open_window(site, place.app_group, viewport={"width": 320, "height": 800})
    page = window.go(place.path)
    for width in (320, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width
    number = name.rpartition("-")[2]
    if number.isdigit():
        assert HOSTILE[int(number)] in (page.text_content("main") or "")
    assert page.locator("main script, main [onclick], main iframe").count() == 0


def test_links_of_hostile_campaigns_lead_to_them(site: Site, open_window: Open) -> None:
    """From the list to each campaign and back, by clicking."""
    window = open_window(site, "hostile-shop")
    for text in HOSTILE:
        page = window.go("/")
        rows = page.locator("tbody th a")
        index = [each.text_content() for each in rows.all()].index(text)
        rows.nth(index).click()
        page.wait_for_url("**/campaigns/**")
        assert page.text_content("h1") == text
        page.get_by_role("link", name="Campaigns").first.click()
        page.wait_for_url(f"{site.origin}/")
