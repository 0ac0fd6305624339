"""A window of a browser that notes everything that should not happen while somebody looks at pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Download,
    Page,
    Request,
    Response,
    WebError,
)

_TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`securitypolicyviolation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
_FAILED_TO_LOAD = "Failed to load resource"
_PATIENCE_MS = 120_000  # also on a busy machine
_LEFT_BEHIND = {"eventsource", "image", "script", "stylesheet"}
"""What a page need not have read to its end when it is left."""
_LOUD = {"error", "warning"}


@dataclass
class Window:
    """A window, at the service's origin. `check` says what went wrong in it."""

    context: BrowserContext
    origin: str
    wrong: list[str] = field(default_factory=list)
    _failed: list[tuple[str, str, str]] = field(default_factory=list)
    _downloads: set[str] = field(default_factory=set)
    _expected: set[int] = field(default_factory=set)

    @classmethod
    def open(cls, browser: Browser, origin: str, token: str | None = None, **options: object) -> "Window":
        """Open a window, logged in by the token of a session if one is given."""
        context = browser.new_context(**{"locale": "en-GB", "base_url": origin} | options)  # type: ignore[arg-type] # as Playwright names them
        context.set_default_timeout(_PATIENCE_MS)
        if token is not None:
            context.add_cookies([{"name": "conversions", "value": token, "url": origin, "httpOnly": True}])
        window = cls(context, origin)
        window._watch()
        return window

    def _watch(self) -> None:
        self.context.add_init_script(_TELL_VIOLATIONS)
        self.context.on("console", self._hear)
        self.context.on("weberror", self._catch)
        self.context.on("requestfailed", self._note_failure)
        self.context.on("response", self._judge)
        self.context.on("dialog", self._dismiss)
        self.page: Page = self.context.new_page()
        self.page.on("download", self._note_download)

    def go(self, path: str, status: int = 200) -> Page:
        """Open a page, which is answered with this status."""
        with self.expecting(status):
            response = self.page.goto(path)
        assert response is not None
        assert response.status == status, f"{path}: {response.status}"
        return self.page

    @contextmanager
    def expecting(self, *statuses: int) -> Iterator[None]:
        """Within this, answers with these statuses are what the test is about."""
        self._expected |= set(statuses)
        yield
        self.settle()
        self._expected -= set(statuses)

    def settle(self) -> None:
        """Hear what the browser has said until now."""
        self.page.title()

    def check(self) -> None:
        """Assert that nothing went wrong in the window."""
        if not self.page.is_closed():
            self.settle()
        lost = [
            f"failed request: {url} {failure}"
            for kind, url, failure in self._failed
            # What the browser itself breaks off: a page is left, or an address turns out to be a download.
            if not (failure == "net::ERR_ABORTED" and (kind in _LEFT_BEHIND or url in self._downloads))
        ]
        assert not self.wrong + lost, "\n".join(self.wrong + lost)

    def _hear(self, message: ConsoleMessage) -> None:
        # What could not be loaded is judged by its answer.
        if message.type in _LOUD and not message.text.startswith(_FAILED_TO_LOAD):
            self.wrong.append(f"console: {message.text} {message.location}")

    def _catch(self, error: WebError) -> None:
        self.wrong.append(f"script: {error.error}")

    def _note_failure(self, request: Request) -> None:
        self._failed.append((request.resource_type, request.url, request.failure or ""))

    def _note_download(self, download: Download) -> None:
        self._downloads.add(download.url)

    def _judge(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self._expected:
            self.wrong.append(f"answer: {response.status} {response.url}")

    def _dismiss(self, dialog: Dialog) -> None:
        self.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()
