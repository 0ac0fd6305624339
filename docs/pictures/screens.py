"""Takes the pictures of docs/dashboard.md: the running dashboard, in Debian's Chromium. `make pictures` runs it."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent / "screens"
COMMAND = [sys.executable, "-c", "from infrastructure.cli import main; main()"]
WIDTH, QUALITY = 1280, 75
MOST_BYTES = 100_000
PATIENCE = 300_000
"""Milliseconds that a page may take on a busy machine."""
LINK = re.compile(r"http://\S+/login/once/\S+")

SALE = "/campaigns/spring-sale"
FROZEN_AT = "2026-04-01T07:00:00Z"
"""The frozen page is judged as of this instant, so that its picture is the same on every day."""

LATE = (
    {"type": "purchase", "id": "p-910001", "user_id": "customer-04104", "at": "2026-03-12T18:00:00Z"},
    {"type": "purchase", "id": "p-910002", "user_id": "customer-04062", "at": "2026-03-11T18:00:00Z"},
)
"""Facts that arrive after the link was copied: one makes a conversion, one changes what another is credited with."""
BOUGHT = {"product_id": "sencha-100", "price": "10.90", "currency": "EUR"}

Settings = dict[str, str]


class Camera:
    """Takes pictures of what a page shows, from its top down to an element or to its end."""

    def __init__(self, page: Page, base: str) -> None:
        self._page = page
        self._base = base
        self._session = page.context.new_cdp_session(page)

    def open(self, path: str) -> Page:
        """Go to a page of the dashboard."""
        answer = self._page.goto(self._base + path)
        if answer is None or not answer.ok:
            raise SystemExit(f"{path} was not answered as it should be")
        return self._page

    def take(self, name: str, last: str | None = None) -> None:
        """Keep a picture of the page, down to the end of the last element that is to be in it."""
        self._page.mouse.move(0, 0)
        self._page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
        last = last or "body > footer"
        found = self._page.locator(last).first.bounding_box()
        if found is None:
            raise SystemExit(f"{name}: the page has no {last}")
        height = found["y"] + found["height"]
        taken = self._session.send(
            "Page.captureScreenshot",
            {
                "format": "webp",
                "quality": QUALITY,
                "captureBeyondViewport": True,
                "clip": {"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": 1},
            },
        )
        picture = base64.b64decode(taken["data"])
        if len(picture) > MOST_BYTES:
            raise SystemExit(f"{name}.webp has {len(picture):,} bytes: leave out something")
        (HERE / f"{name}.webp").write_bytes(picture)
        sys.stderr.write(f"{name}.webp\n")


def main() -> None:
    """Serve the demo, go through its pages, and take the pictures."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.stderr.write("The pictures of the dashboard stay as they are: there is no Chromium here.\n")
        return
    HERE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        own = os.environ | {"CONVERSIONS_LOG_LEVEL": "error", "CONVERSIONS_WEB": "on"}
        own |= {"CONVERSIONS_DATABASE_URL": f"sqlite:///{directory}/conversions.db"}
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--lang=en-GB"],
            env=os.environ | {"LANGUAGE": "en_GB"},
        )
        with _serve(Path(directory), own) as link:
            page = browser.new_page(
                viewport={"width": WIDTH, "height": 800},
                color_scheme="light",
                locale="en-GB",
                reduced_motion="reduce",
            )
            page.set_default_timeout(PATIENCE)
            page.goto(link)
            camera = Camera(page, link.partition("/login/")[0])
            _take_what_is_there(camera)
            _take_frozen(camera, Path(directory), own)
            _take_wizard(camera)
            run(["audit"], own)
            camera.open("/audit")
            camera.take("audit")
        browser.close()


@contextmanager
def _serve(directory: Path, own: Settings) -> Iterator[str]:
    """Start the demo's dashboard; gives the link that logs in once."""
    process = subprocess.Popen(  # noqa: S603 - the project's own command
        [*COMMAND, "demo", "--serve", "--directory", str(directory), "--port", "0"],
        env=own,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        found = next((found for line in process.stderr or [] if (found := LINK.search(line))), None)
        if found is None:
            raise SystemExit("the demo was not served")
        yield found[0]
    finally:
        process.terminate()
        process.wait()


def run(arguments: list[str], own: Settings) -> None:
    """Run another command on the same ledger."""
    subprocess.run([*COMMAND, *arguments], env=own, check=True, capture_output=True)  # noqa: S603 - our own


def _take_what_is_there(camera: Camera) -> None:
    camera.open("/")
    camera.take("campaigns")
    camera.open(SALE)
    camera.take("results", ".cards")
    camera.open(f"{SALE}/people?variant=B&not_converted=A")
    camera.take("people", "tbody tr:nth-child(8)")
    camera.open(f"{SALE}/users/customer-06002")
    camera.take("explanation")
    camera.open("/users/customer-06001")
    camera.take("journey", "section:nth-of-type(2)")
    camera.open(f"{SALE}/compare?with=win-back")
    camera.take("compare", "table.pair tbody tr:nth-child(10)")
    camera.open("/about")
    camera.take("about")


def _take_frozen(camera: Camera, directory: Path, own: Settings) -> None:
    """Copy the frozen link, let facts arrive late, and open the link."""
    page = camera.open(SALE)
    link = page.locator("[data-copy]").first.get_attribute("href") or ""
    position = re.search(r"at=(\d+)", link)
    if position is None:
        raise SystemExit(f"{link} is no frozen link")
    late = directory / "late.jsonl"
    late.write_text("".join(json.dumps(fact | BOUGHT) + "\n" for fact in LATE))
    run(["import", str(late)], own)
    camera.open(f"{SALE}?at={position[1]},{FROZEN_AT}")
    camera.take("frozen", ".verdict")


def _take_wizard(camera: Camera) -> None:
    """Make a draft in the three steps of the wizard."""
    page = camera.open("/campaigns/new")
    page.get_by_label("Id", exact=True).first.fill("summer-sale")
    page.get_by_label("Name", exact=True).fill("Summer sale")
    page.get_by_label("Channel").fill("email")
    page.get_by_role("button", name="Add a control group").click()
    for number, weight in enumerate(("45", "45", "10"), 1):
        page.get_by_role("group", name=f"Variant {number}").get_by_label("Weight").fill(weight)
    page.get_by_role("button", name="Draw the shares again").or_(page.locator("#channel")).first.click()
    page.locator("#shares").get_by_text("10 (10.0 %)", exact=True).wait_for()
    camera.take("wizard-1")
    page.get_by_role("button", name="Save and go on").last.click()
    page.get_by_role("button", name="Makes a purchase").click()
    page.get_by_role("radiogroup", name="Deadline of event A").get_by_label("3 days").check()
    page.get_by_role("button", name="Opens app").click()
    page.get_by_role("radiogroup", name="Deadline of event B").get_by_label("7 days").check()
    page.locator("#rules-said").get_by_text("within 7 days").first.wait_for()
    camera.take("wizard-2")
    page.get_by_role("button", name="Save and go on").last.click()
    page.get_by_role("heading", name="Step 3").wait_for()
    camera.take("wizard-3", "section:has(> #launching)")


if __name__ == "__main__":
    main()
