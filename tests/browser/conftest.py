"""A browser, and a service that it looks at. Debian's Chromium is needed: without it these tests are skipped."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser import world
from tests.browser.watched import Window
from tests.support.begun import begun

# As long as it takes on a busy machine: what is expected comes in a moment on another.
expect.set_options(timeout=60_000)

_LISTENING = r"Listening at (http://\S+);"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium. Who must not leave these tests out sets CI: without Chromium they fail then."""
    path = shutil.which("chromium")
    if path is None:
        reason = "pages are tested in Chromium: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    # It ends with the last of these tests: until then no other test of the process could run an event loop.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass(frozen=True)
class Site:
    """A service, and who may log in."""

    origin: str
    directory: Path
    logins: dict[str, dict[str, str]]

    def token(self, app_group: str, kind: str = "manage") -> str:
        """The token of a session."""
        return self.logins[app_group][kind]

    def key(self, app_group: str, kind: str = "manage") -> str:
        """A key."""
        return self.logins[app_group][f"{kind}_key"]


@pytest.fixture(scope="package")
def made(browser: Browser, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The ledger, made once for all processes of a run, if there is a browser to look at it."""
    assert browser.is_connected()
    place = tmp_path_factory.getbasetemp()
    return world.make((place.parent if hasattr(request.config, "workerinput") else place) / "world")


@pytest.fixture(scope="package")
def site(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service for tests that change nothing."""
    yield from _serve(made, tmp_path_factory.mktemp("site"))


@pytest.fixture
def own_site(made: Path, tmp_path: Path) -> Iterator[Site]:
    """A service of the test's own, over a copy of the same ledger."""
    yield from _serve(made, tmp_path)


def _serve(made: Path, directory: Path) -> Iterator[Site]:
    shutil.copy(made / "conversions.db", directory)
    with begun(directory, "serve", "--port", "0") as said:
        yield Site(said.wait_for(_LISTENING)[1], directory, world.logins(made))


Open = Callable[..., Window]


@pytest.fixture
def open_window(browser: Browser) -> Iterator[Open]:
    """Opens windows at a site; a test fails if anything goes wrong in one of them."""
    windows: list[Window] = []

    def open_one(
        site: Site, app_group: str | None = world.DEMO, kind: str = "manage", **options: Any
    ) -> Window:
        token = None if app_group is None else site.token(app_group, kind)
        windows.append(Window.open(browser, site.origin, token, **options))
        return windows[-1]

    yield open_one
    try:
        for window in windows:
            window.check()
    finally:
        for window in windows:
            window.context.close()
