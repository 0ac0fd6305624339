"""How soon a browser shows a page: first contentful paint in Chromium, on this machine."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.page_ledgers import Visit
from infrastructure.http.origins import LOOPBACK_COOKIE

LOADS: Final = 7
CHROMIUM: Final = Path("/usr/bin/chromium")

# Playwright's own waiting evaluates text, which the policy of the pages forbids; an observer needs none.
_PAINTED: Final = """() => new Promise(found => new PerformanceObserver(seen => seen.getEntries()
    .filter(each => each.name === "first-contentful-paint").forEach(each => found(each.startTime))
  ).observe({type: "paint", buffered: true}))"""


class NoBrowser(Exception):
    """There is no browser to measure with; the text says what is missing."""


def paint(visit: Visit, paths: Sequence[str]) -> dict[str, tuple[float, float]]:
    """By path the median and the largest milliseconds of a few loads, each with an empty cache; raises NoBrowser."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - it may be missing
    except ImportError:
        raise NoBrowser("playwright is not installed") from None
    if not CHROMIUM.exists():
        raise NoBrowser(f"there is no {CHROMIUM}")
    base, found = f"http://127.0.0.1:{visit.server.port}", {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for path in paths:
            taken = []
            for _ in range(LOADS + 1):
                context = browser.new_context()
                context.add_cookies([{"name": LOOPBACK_COOKIE, "value": visit.token, "url": base}])
                page = context.new_page()
                answer = page.goto(base + path)
                assert answer is not None, path
                assert answer.status == 200, path
                taken.append(float(page.evaluate(_PAINTED)))
                context.close()
            # The first load also warms the browser and the server.
            found[path] = (median(taken[1:]), max(taken[1:]))
        browser.close()
    return found
