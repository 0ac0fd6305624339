"""Walk 3: why did customer-06002 not convert? The same answer from the campaign, the list, and the user's page."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, Site
from tests.browser.hands import WAYS, Hands, hands_of

USER = "customer-06002"
BECAUSE = (
    "The nearest is purchase p-900003 (earl-grey-100) of 2026-03-13 09:30:00 CET, 30 minutes after the window of "
    "receipt r-900003 ended (2026-03-10 09:00:00 CET to 2026-03-13 09:00:00 CET)."
)


def answer(page: Page) -> list[str]:
    """What the page says of each conversion event of the spring sale: the verdict, and why."""
    expect(page.get_by_text(BECAUSE)).to_be_visible()
    place = page.locator("article", has=page.get_by_role("heading", name="Spring sale"))
    if not place.count():
        place = page.locator("main")
    verdicts = place.locator(".badge", has_text="onverted").all_inner_texts()
    reasons = place.get_by_text("of receipt r-900003").all_inner_texts()
    return [" ".join(each.split()) for each in verdicts + reasons]


def from_the_campaign(page: Page, hands: Hands) -> None:
    """By "Explain a user", and the user's id."""
    hands.press(page.get_by_role("link", name="Spring sale"))
    hands.press(page.get_by_role("link", name="Explain a user"))
    hands.write(page.get_by_label("User id", exact=True), USER)
    hands.press(page.get_by_role("button", name="Show", exact=True))
    hands.press(page.get_by_role("main").get_by_role("link", name=USER))


def from_the_list(page: Page, hands: Hands) -> None:
    """From the recipients of B who did not convert on A."""
    hands.press(page.get_by_role("link", name="Spring sale"))
    hands.press(page.get_by_role("link", name="People", exact=True))
    hands.pick(page.get_by_label("Did not convert on"), "purchase in 3 d (event A)")
    hands.write(page.get_by_label("User id", exact=True), USER)
    hands.press(page.get_by_role("button", name="Show", exact=True))
    expect(page.get_by_role("rowheader")).to_have_text([USER])
    hands.press(page.get_by_role("main").get_by_role("link", name=USER))


def from_the_user(page: Page, hands: Hands) -> None:
    """By the search of every page."""
    hands.write(page.get_by_label("Find a user by id"), USER)
    hands.press(page.get_by_role("button", name="Find"))
    expect(page.get_by_role("heading", level=1)).to_contain_text(USER)


@pytest.mark.parametrize("way", WAYS)
def test_the_same_answer_wherever_somebody_asks(site: Site, open_window: Open, way: str) -> None:
    """From the list of campaigns on, three times."""
    answers = []
    for go in (from_the_campaign, from_the_list, from_the_user):
        page = open_window(site, **WAYS[way]).go("/")
        go(page, hands_of(way, page))
        answers.append(answer(page))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][:2] == ["✗ Not converted", "✓ Converted"] or answers[0][:2] == [
        "✗Not converted",
        "✓Converted",
    ]
    assert len(answers[0]) == 4
