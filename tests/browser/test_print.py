"""A page on paper: whole, with what was closed opened, and with its address, position and time zone."""

from playwright.sync_api import expect

from tests.browser.conftest import Open, Site

PAPER = {"width": 794, "height": 1123}
"""A4 in pixels."""
COUNT_CLOSED = """() => window.addEventListener("beforeprint", () => {
  document.body.dataset.closed = String(document.querySelectorAll("details:not([open])").length);
})"""


def test_results_are_printed_whole(site: Site, open_window: Open) -> None:
    """Details are open on paper and closed again afterwards; nothing is cut off at the edge."""
    window = open_window(site, viewport=PAPER)
    page = window.go("/campaigns/spring-sale")
    closed = page.locator("details:not([open])").count()
    assert closed > 0
    page.evaluate(COUNT_CLOSED)
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF-")
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") >= 2
    assert page.locator("body").get_attribute("data-closed") == "0"
    expect(page.locator("details:not([open])")).to_have_count(closed)


def test_paper_says_where_its_figures_are_from(site: Site, open_window: Open) -> None:
    """Address, position, and time zone; what only a screen needs is left out."""
    window = open_window(site, viewport=PAPER)
    page = window.go("/campaigns/spring-sale")
    expect(page.locator(".print-only")).to_be_hidden()
    page.emulate_media(media="print")
    expect(page.locator(".print-only")).to_be_visible()
    said = page.locator(".print-only").inner_text()
    assert f"{site.origin}/campaigns/spring-sale" in said
    assert "position 1" in said
    assert "Europe/Berlin" in said
    for hidden in ("nav >> nth=0", ".top form >> nth=0", ".actions >> nth=0"):
        expect(page.locator(hidden)).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= PAPER["width"]
