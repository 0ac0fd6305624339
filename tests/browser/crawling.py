"""Follows the links of pages, as somebody would who has much time: a few addresses of every shape."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx

from tests.browser.conftest import Site
from tests.browser.routes import route_of
from tests.infrastructure.web.shops import Page

_OF_A_SHAPE = 2
_MOST = 400


@dataclass(frozen=True)
class Found:
    """An address that a page leads to, and what is answered there."""

    path: str
    on: str
    status: int
    kind: str
    sent: int
    """Bytes, as sent: compressed where it is text."""

    def __str__(self) -> str:
        return f"{self.path} (on {self.on}): {self.status}, {self.sent} bytes"


def client_of(site: Site, app_group: str, kind: str = "manage") -> httpx.Client:
    """Somebody with a session who sends what the service's own pages would."""
    return httpx.Client(
        base_url=site.origin,
        cookies={"conversions": site.token(app_group, kind)},
        headers={"Sec-Fetch-Site": "same-origin"},
        timeout=120,
    )


def crawl(client: httpx.Client, start: str = "/") -> Iterator[Found]:
    """Every kind of address that can be reached by links and forms from a page."""
    waiting, seen, shapes = deque([(start, "")]), {start}, Counter[tuple[str, str]]()
    while waiting:
        path, on = waiting.popleft()
        new = [each for each in _shapes(path) if shapes[each] < _OF_A_SHAPE]
        if not new:
            continue
        shapes.update(new)
        assert shapes.total() <= _MOST, "more shapes of addresses than a dashboard can have"
        answer, sent = _ask(client, path)
        kind = answer.headers.get("content-type", "").partition(";")[0]
        yield Found(path, on, answer.status_code, kind, sent)
        for link in _links(answer, kind):
            if link not in seen:
                seen.add(link)
                waiting.append((link, path))


def _shapes(path: str) -> Iterator[tuple[str, str]]:
    """What an address shows that another need not: its route without parameters, or with each of its own."""
    parts = urlsplit(path)
    is_file = parts.path.startswith("/static/")
    route = parts.path if is_file else route_of(parts.path) or parts.path
    for name in {name for name, _ in parse_qsl(parts.query)} or {""}:
        yield route, name


def _ask(client: httpx.Client, path: str) -> tuple[httpx.Response, int]:
    with client.stream("GET", path) as answer:
        answer.read()
        return answer, answer.num_bytes_downloaded


def _links(answer: httpx.Response, kind: str) -> Iterator[str]:
    if answer.is_redirect:
        yield from _inner(answer, answer.headers["location"])
    if kind != "text/html" or answer.is_error:
        return
    for tag, attributes in Page.read(answer.text).elements:
        if tag == "form" and (attributes.get("method") or "get").lower() != "get":
            continue
        for name in ("href", "src", "action"):
            yield from _inner(answer, attributes.get(name))


def _inner(answer: httpx.Response, link: str | None) -> Iterator[str]:
    if not link or link.startswith(("#", "data:")):
        return
    url = urlsplit(urljoin(str(answer.url), link))
    assert f"{url.scheme}://{url.netloc}" == str(answer.url.copy_with(raw_path=b"")).rstrip("/"), (
        f"{link} on {answer.url} leads away"
    )
    yield f"{url.path}?{url.query}" if url.query else url.path
