"""A generated shop: facts in order of time, the same on every call, day by day and so in constant memory.

About 20 facts a user within 90 days: receipts of six campaigns, sessions that report versions, purchases, custom
events with properties and version reports.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Any, Final

Fact = dict[str, Any]
Timed = tuple[float, Fact]

FACTS_PER_USER = 20
GROUP = "bench"
PRODUCTS: Final = tuple(f"sku-{number:02}" for number in range(40))
CURRENCIES: Final = ("EUR", "EUR", "EUR", "EUR", "USD", "USD", "GBP", "JPY")
VARIANTS: Final = ("A", "B", "holdout")

_START = datetime(2025, 1, 1, tzinfo=UTC)
_DAY = 86_400
_DAYS = 90
_VISITS_A_USER = 4.8
_RELEASE_DAYS = 12
_ANSWERS = 0.15
"""The share of receipts that bring the user into the shop, mostly within a day."""

# fmt: off
CAMPAIGNS: Final[dict[str, Any]] = {
    "app_group": GROUP, "apps": ["ios", "android", "web"], "custom_events": ["viewed", "signed_up"],
    "campaigns": [
        {"id": "sale", "variants": [{"id": "A"}, {"id": "B"}, {"id": "holdout", "control": True}],
         "conversion_events": [{"type": "makes_purchase", "deadline": "3d"},
                               {"type": "starts_session", "deadline": "1d"}]},
        {"id": "product", "conversion_events": [
            {"type": "makes_purchase", "product_id": PRODUCTS[0], "deadline": "30d"},
            {"type": "performs_custom_event", "name": "viewed", "deadline": "7d"}]},
        {"id": "update", "conversion_events": [
            {"type": "upgrades_app", "app_ids": ["ios", "android"], "deadline": "14d"}]},
        {"id": "welcome", "kind": "canvas", "variants": [{"id": "A"}, {"id": "B"}], "conversion_events": [
            {"type": "performs_custom_event", "name": "signed_up", "deadline": "7d"},
            {"type": "starts_session", "app_ids": ["ios"], "deadline": "2d"},
            {"type": "makes_purchase", "deadline": "30d"},
            {"type": "upgrades_app", "deadline": "30d"}]},
        {"id": "win-back", "variants": [{"id": "A"}, {"id": "holdout", "control": True}],
         "conversion_events": [{"type": "makes_purchase", "deadline": "5d"}]},
        {"id": "newsletter", "conversion_events": []},
    ],
}
# fmt: on

_SENDINGS: Final = (("sale", 15, 0.35), ("product", 20, 0.25), ("update", _RELEASE_DAYS, 0.1), ("win-back", 30, 0.2),
                    ("newsletter", 14, 0.35))  # fmt: skip
"""A campaign goes out every so many days to that share of the users."""
_VARIANT_OF: Final = {"sale": VARIANTS, "welcome": ("A", "B"), "win-back": ("A", "A", "A", "holdout")}


def facts(size: int) -> Iterator[Fact]:
    """So many facts, in order of time; a different size is a different shop, not a part of the same."""
    shop = _Shop(max(1, size // FACTS_PER_USER))
    timed = (fact for day in count() for _, fact in sorted(shop.day(day), key=lambda each: each[0]))
    return islice(timed, size)


def write(path: Path, lines: Iterator[Fact]) -> None:
    """Write facts as JSON lines."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(fact, separators=(",", ":")) + "\n" for fact in lines)


def instant(seconds: float, start: datetime = _START) -> str:
    """RFC 3339, to the millisecond."""
    return (start + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Shop:
    """What has happened so far: whose app has which version, and who is about to come because of a receipt."""

    def __init__(self, users: int) -> None:
        self._random = Random(20260301)  # noqa: S311 - the same shop on every call
        self._users = users
        self._versions: dict[int, int] = {}
        self._expected: defaultdict[int, list[int]] = defaultdict(list)

    def day(self, day: int) -> Iterator[Timed]:
        """The facts of one day, in no order."""
        for place, (campaign_id, every, share) in enumerate(_SENDINGS):
            if day % every == 2 * place:
                yield from self._send(campaign_id, day, share)
        draw = self._random
        for user in self._expected.pop(day, []):
            yield from self._visit(user, day, (day + draw.triangular(0.4, 0.97, 0.5)) * _DAY)
        for _ in range(round(self._users * _VISITS_A_USER / _DAYS)):
            # Some users come far more often than others.
            user = int(self._users * draw.random() ** 1.6)
            yield from self._visit(user, day, (day + draw.triangular(0.25, 0.97, 0.8)) * _DAY)

    def _send(self, campaign_id: str, day: int, share: float) -> Iterator[Timed]:
        draw, nine = self._random, (day + 9 / 24) * _DAY
        for user in range(self._users):
            if draw.random() < share:
                yield self._receipt(user, nine + draw.uniform(0, 1200), campaign_id)
                if draw.random() < _ANSWERS:
                    self._expected[day + int(draw.expovariate(0.7))].append(user)

    def _visit(self, user: int, day: int, at: float) -> Iterator[Timed]:
        """The first visit brings a user into the welcome canvas."""
        draw = self._random
        if user not in self._versions:
            yield self._receipt(user, at + 60, "welcome")
            yield self._fact("custom_event", user, at + draw.uniform(90, 900), name="signed_up")
        version = day // _RELEASE_DAYS
        if version > self._versions.setdefault(user, version) and draw.random() < 0.6:
            self._versions[user] = version
            yield self._fact("app_version", user, at - 5, app_id=_app(user), version=_version(version))
        yield self._session(user, at)
        if draw.random() < 0.6:
            seen = {"sku": draw.choice(PRODUCTS), "seconds": draw.randrange(3, 200)}
            yield self._fact("custom_event", user, at + draw.uniform(20, 600), name="viewed", properties=seen)
        if draw.random() < 0.45:
            yield self._purchase(user, at + draw.uniform(60, 1500))

    def _receipt(self, user: int, at: float, campaign_id: str) -> Timed:
        variants = _VARIANT_OF.get(campaign_id)
        chosen = {} if variants is None else {"variant_id": variants[user % len(variants)]}
        return self._fact("received", user, at, campaign_id=campaign_id, **chosen)

    def _session(self, user: int, at: float) -> Timed:
        version = _version(self._versions[user])
        return self._fact("session_started", user, at, app_id=_app(user), app_version=version)

    def _purchase(self, user: int, at: float) -> Timed:
        draw = self._random
        currency = CURRENCIES[user % len(CURRENCIES)]
        price = str(draw.randrange(100, 9000)) if currency == "JPY" else f"{draw.uniform(1, 90):.2f}"
        order: Fact = {"product_id": draw.choice(PRODUCTS), "price": price, "currency": currency}
        if draw.random() < 0.15:
            order["quantity"] = draw.randrange(2, 5)
        return self._fact("purchase", user, at, **order)

    def _fact(self, kind: str, user: int, at: float, **fields: object) -> Timed:
        fact_id = f"{kind[0]}-{self._random.getrandbits(64):016x}"
        return at, {"type": kind, "id": fact_id, "user_id": f"user-{user:07}", **fields, "at": instant(at)}


def _app(user: int) -> str:
    return ("ios", "android", "web")[user % 3]


def _version(release: int) -> str:
    return f"4.{release}.0"
