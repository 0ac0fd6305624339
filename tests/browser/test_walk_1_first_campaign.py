"""Walk 1: from an empty ledger to the first conversion, by the pages alone and one line of curl."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.hands import WAYS, Hands, hands_of
from tests.browser.reading import table_of, whole
from tests.browser.watched import Window
from tests.support.begun import LINK, begun


def send(url: str, key: str, *facts: dict[str, Any]) -> None:
    """Send facts as a service does."""
    answer = httpx.post(f"{url}/v1/facts", json={"facts": facts}, headers={"Authorization": f"Bearer {key}"})
    assert answer.json()["accepted"] == len(facts), answer.text


def make_app_group(page: Page, hands: Hands) -> str:
    """Make the app group on the page that the link leads to; returns the key that sends facts."""
    expect(page.get_by_role("heading", level=1)).to_contain_text("make the app group")
    hands.write(page.get_by_label("Name of the app group"), "tea-shop")
    hands.write(page.get_by_label("Time zone"), "Europe/Berlin")
    hands.press(page.get_by_role("button", name="Make it"))
    key = page.locator("#ingest-key").inner_text()
    hands.press(page.get_by_role("link", name="I have kept"))
    return key


def make_campaign(page: Page, hands: Hands) -> None:
    """The campaign of example 3 of the rules: variants A and B, a purchase within 3 days; then launch it."""
    expect(page.get_by_role("heading", name="No campaign yet")).to_be_visible()
    hands.press(page.get_by_role("link", name="New campaign"))
    hands.write(page.get_by_label("Id", exact=True).first, "example-3")
    hands.write(page.get_by_label("Name", exact=True), "Example 3")
    for number, variant in enumerate("AB", 1):
        row = page.get_by_role("group", name=f"Variant {number}")
        if not row.count():
            hands.press(page.get_by_role("button", name="Add a variant"))
        hands.write(row.get_by_label("Id"), variant)
    hands.press(page.get_by_label("No control group"))
    hands.press(page.get_by_role("button", name="Save and go on").last)
    expect(page.get_by_role("heading", name="Step 2")).to_be_visible()
    hands.press(page.get_by_role("button", name="Makes a purchase"))
    hands.press(page.get_by_role("radiogroup", name="Deadline of event A").get_by_label("3 days"))
    hands.press(page.get_by_role("button", name="Save and go on").last)
    expect(page.get_by_role("heading", name="Step 3")).to_be_visible()
    rule = "makes a purchase of any product within 3 days of receiving, both ends included"
    expect(page.get_by_role("main")).to_contain_text(rule)
    hands.press(page.get_by_role("button", name="Launch"))
    expect(page.get_by_text("The campaign is launched, and nobody has received it yet.")).to_be_visible()


def rows(page: Page) -> dict[str, tuple[int, int]]:
    """By variant the recipients and the conversions that the page shows."""
    *found, _ = table_of(page, "^Purchase in 3 d")
    return {row["Variant"].split()[0]: (whole(row["Recipients"]), whole(row["Converted"])) for row in found}


def fact(kind: str, fact_id: str, day: int, **more: str) -> dict[str, Any]:
    """A fact of the user of example 3, at nine o'clock on a day of March."""
    return {"type": kind, "id": fact_id, "user_id": "u1", "at": f"2026-03-{day:02}T09:00:00Z"} | more


def received(fact_id: str, day: int, variant: str) -> dict[str, Any]:
    """A receipt."""
    return fact("received", fact_id, day, campaign_id="example-3", variant_id=variant)


def bought(fact_id: str, day: int) -> dict[str, Any]:
    """A purchase."""
    return fact("purchase", fact_id, day, product_id="tea", price="20.00", currency="EUR")


@pytest.mark.parametrize("way", ["mouse", "no script", "keyboard"])
def test_from_nothing_to_a_conversion(browser: Browser, tmp_path: Path, way: str) -> None:
    """The first link, the app group, the wizard, the line that sends a receipt, and the conversion; R7, R9, R14."""
    curl = shutil.which("curl")
    assert curl is not None, "the page gives a line of curl"
    with begun(tmp_path, "serve", "--port", "0") as said:
        link = said.wait_for(LINK.pattern)
        window = Window.open(browser, link[1], **WAYS[way])
        page = window.page
        hands = hands_of(way, page)
        try:
            page.goto(link[0])
            key = make_app_group(page, hands)
            make_campaign(page, hands)

            def look(what: Locator) -> None:
                """The page shows this: by itself with script, and when it is loaded again without."""
                if way == "no script":
                    page.reload()
                expect(what.first).to_be_visible()

            line = page.locator("#receipt").inner_text()
            sent = subprocess.run(
                ["bash", "-c", line],
                env={"KEY": key, "PATH": str(Path(curl).parent)},
                capture_output=True,
                check=True,
                text=True,
            )
            assert json.loads(sent.stdout)["accepted"] == 1, sent
            look(page.get_by_text(re.compile("^1 receipts?")))
            expect(page.get_by_text("No conversion yet: the first window ends at")).to_be_visible()

            send(link[1], key, received("r1", 1, "A"), received("r2", 10, "B"), bought("p1", 11))
            look(page.get_by_text(re.compile("^3 receipts")))
            shown = rows(page)
            assert shown["B"][1] == 1
            assert shown["A"][1] == 0

            # A purchase that is reported afterwards restates the conversion.
            send(link[1], key, bought("p0", 3))
            look(page.get_by_role("row", name=re.compile("^A 50[.]00 % 1.2 ")))
            shown = rows(page)
            assert (shown["A"][1], shown["B"][1]) == (1, 0)
            window.check()
        finally:
            window.context.close()
