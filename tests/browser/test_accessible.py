"""Every page can be read by everybody: axe finds nothing, light and dark, on a phone and on a desk."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.browser.conftest import Open, Site
from tests.browser.places import PLACES

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
ASK = "tags => axe.run({runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})"
WIDE, NARROW = 1440, 320


def violations(page: Page) -> list[str]:
    """What axe finds on the page as it is shown now."""
    return [
        f"{each['id']}: {node['target']} {node['html'][:200]} {node['failureSummary']}"
        for each in page.evaluate(ASK, RULES)["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("name", PLACES)
def test_everybody_can_read_it(site: Site, open_window: Open, name: str) -> None:
    """WCAG 2.2 AA as far as axe can tell, in both colour schemes; a narrow page does not scroll sideways."""
    place = PLACES[name]
    window = open_window(site, place.app_group)
    page = window.go(place.path, place.status)
    page.evaluate(AXE_SCRIPT)
    found = []
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == width, f"scrolls sideways at {width}"
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found += [f"{width} {scheme} {each}" for each in violations(page)]
    assert not found, "\n".join(found)


def test_axe_does_find_what_is_wrong(site: Site, open_window: Open) -> None:
    """A field without a label, text that is too pale, and a picture without a word are found."""
    page = open_window(site, None).go("/login")
    page.evaluate(AXE_SCRIPT)
    page.evaluate(
        """() => {
          document.querySelector("label[for=key]").remove();
          const [text, picture] = [document.createElement("p"), document.createElement("img")];
          text.textContent = "pale";
          text.style.color = "#bbb";
          picture.src = document.querySelector("link[rel=icon]").href;
          document.querySelector("main").append(text, picture);
        }"""
    )
    found = {each.split(":")[0] for each in violations(page)}
    assert found >= {"label", "color-contrast", "image-alt"}
