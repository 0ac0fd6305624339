"""A shop for tests of pages: an app group of its own, its campaigns and facts, and somebody who looks at them."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import httpx

from domain.instants import microseconds
from infrastructure.access import sessions
from infrastructure.access.keys import Scope
from infrastructure.access.sessions import Lifetimes
from infrastructure.web.links import campaign_path
from tests.support.serving import Api

HOSTILE = [
    "<script>alert(1)</script>\"'&amp;{{ 7 * 7 }}",
    "\u202eright to left\u2066 אבג",
    "two\nlines and 😀",
    "é" * 255,
    "../..?a=b#c%2Fd",
    "report.json",
]
"""Ids and names that a page must show as they are, and be none the worse for."""

SALE: dict[str, Any] = {
    "id": "sale",
    "name": "Spring sale",
    "channel": "email",
    "variants": [
        {"id": "A", "weight": 45},
        {"id": "B", "weight": 45},
        {"id": "holdout", "weight": 10, "control": True},
    ],
    "conversion_events": [
        {"type": "makes_purchase", "deadline": "3d"},
        {"type": "starts_session", "deadline": 86_400, "app_ids": ["ios"]},
    ],
}
OTHER: dict[str, Any] = {
    "id": "other",
    "name": "Other campaign",
    "variants": [{"id": "only"}],
    "conversion_events": [{"type": "makes_purchase", "deadline": "7d"}],
}

_VOID = {"meta", "link", "input", "br", "img", "hr"}
_HEADINGS = {"h1", "h2", "h3", "h4"}
_NUMBERS = itertools.count()
_LIFETIMES = Lifetimes(idle=3_600_000_000, absolute=3_600_000_000)


def received(
    user: str, variant: str, campaign: str = "sale", at: str = "2026-03-01T09:00:00Z"
) -> dict[str, Any]:
    """A receipt."""
    return {
        "type": "received",
        "id": f"r-{campaign}-{user}"[:255],
        "user_id": user,
        "campaign_id": campaign,
        "variant_id": variant,
        "at": at,
    }


def bought(
    user: str, price: str = "20.00", at: str = "2026-03-02T10:00:00Z", fact_id: str = "p1"
) -> dict[str, Any]:
    """A purchase."""
    return {
        "type": "purchase",
        "id": fact_id,
        "user_id": user,
        "product_id": "tea",
        "price": price,
        "currency": "EUR",
        "at": at,
    }


def log_in(api: Api, app_group: str, *scopes: Scope) -> httpx.Client:
    """A browser with a session; not by the form, because logins of one address are limited."""
    key_id, now = api.key(*(scopes or (Scope.READ,)), app_group=app_group).split("_")[1], api.service.now()
    with api.service.database.writing() as connection:
        token = sessions.begin(connection, key_id, microseconds(now), _LIFETIMES)
    browser = api.browser()
    browser.cookies.set("conversions", token)
    return browser


@dataclass(frozen=True)
class Shop:
    """An app group, somebody who may do everything, and a browser that is logged in."""

    api: Api
    app_group: str
    client: httpx.Client
    browser: httpx.Client

    @classmethod
    def open(cls, api: Api, *campaigns: dict[str, Any], app_group: str | None = None) -> "Shop":
        """A new app group with these campaigns."""
        app_group = app_group or f"shop-{next(_NUMBERS)}"
        client = api.client(app_group=app_group)
        client.patch("/v1/app-group", json={"apps": ["ios"], "time_zone": "Europe/Berlin"}).raise_for_status()
        for campaign in campaigns:
            client.post("/v1/campaigns", json=campaign).raise_for_status()
        return cls(api, app_group, client, log_in(api, app_group))

    def take(self, *facts: dict[str, Any]) -> str:
        """Send facts that are all accepted; returns the position."""
        answer = self.client.post("/v1/facts", json={"facts": list(facts)}).json()
        assert answer["accepted"] == len(facts), answer
        return str(answer["position"])

    def get(self, path: str | httpx.URL, status: Any = 200, **params: Any) -> httpx.Response:
        """What the browser is answered."""
        answer = self.browser.get(path, params=params or None)
        assert answer.status_code == status, answer.text
        return answer

    def page(self, path: str, status: Any = 200, **params: Any) -> "Page":
        """The page that the browser is shown."""
        answer = self.get(path, status, **params)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        return Page.read(answer.text)

    def of(self, page: str = "", kind: str = "", campaign: str = "sale") -> str:
        """The path of a page of a campaign."""
        return campaign_path(campaign, page, kind)


class Page(HTMLParser):
    """A page as its reader meets it: text, links, and elements with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.links: dict[str, str] = {}
        self.all_links: list[tuple[str, str]] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.sentences: list[str] = []
        self.inside: list[str] = []
        self.headings: list[tuple[str, str | None, str]] = []
        self._link: str | None = None
        self._begun: tuple[str, str | None, int] | None = None

    @classmethod
    def read(cls, html: str) -> "Page":
        """Read a page; nothing in it may be what its Content-Security-Policy forbids."""
        page = cls()
        page.feed(html)
        page.close()
        for _, attributes in page.elements:
            assert not any(name == "style" or name.startswith(("on", "hx-on")) for name in attributes), (
                attributes
            )
        assert all(attributes.get("src") for tag, attributes in page.elements if tag == "script")
        return page

    @property
    def text(self) -> str:
        """The text, with single spaces."""
        return " ".join(" ".join(self.parts).split())

    @property
    def raw(self) -> str:
        """The text as it is."""
        return "".join(self.parts)

    def find_sentences(self) -> str:
        """The text of paragraphs and list items: sentences of ours, in which ids of others stand."""
        return " ".join(self.sentences)

    def find(self, wanted: Callable[[str, dict[str, str | None]], bool]) -> list[dict[str, str | None]]:
        """The attributes of the elements that are wanted."""
        return [attributes for tag, attributes in self.elements if wanted(tag, attributes)]

    def find_text(self, tag: str, element_id: str | None) -> str | None:
        """The text of the first element of a kind, with an id if one is given; None where there is none."""
        return next(
            (text for kind, id_, text in self.headings if kind == tag and element_id in {None, id_}), None
        )

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.inside.append(tag)
        if tag in _HEADINGS:
            self._begun = (tag, dict(attrs).get("id"), len(self.parts))
        if tag == "a":
            self._link = dict(attrs).get("href")

    def handle_endtag(self, tag: str) -> None:
        while self.inside and self.inside.pop() != tag:
            pass
        if tag == "a":
            self._link = None
        if tag in _HEADINGS and self._begun:
            kind, id_, begin = self._begun
            self.headings.append((kind, id_, " ".join("".join(self.parts[begin:]).split())))

    def handle_data(self, data: str) -> None:
        self.parts.append(data)
        if "bdi" not in self.inside and not {"title", "pre", "option"} & set(self.inside):
            self.sentences.append(data)
        if self._link is not None:
            self.links[" ".join(data.split())] = self._link
            self.all_links.append((" ".join(data.split()), self._link))
