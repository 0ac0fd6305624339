"""A crowd: a million users of whom 2 % send four facts in five; facts in order of time, the same on every call.

Every fact follows from its number alone, so that a stream can begin anywhere: after a store of ten million facts with
the ten-million-and-first, by the same users. Each ten days have their own campaigns, so that a fact decides as much in
an old store as in a young one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any, Final

from benchmarks.workload import CAMPAIGNS, CURRENCIES, PRODUCTS, Fact, instant

PERIOD_DAYS: Final = 10
PERIODS: Final = 12
"""Those that have campaigns: the crowd ends with them."""

_BLOCK = 1_000
_BITS = 320
_DAY = 86_400.0
_RELEASE_DAYS = 6
_KINDS: Final = ("received",) * 36 + ("session_started",) * 25 + ("custom_event",) * 20 + ("purchase",) * 11 + (
    "app_version",) * 8  # fmt: skip
"""A hundred facts: the mix of benchmarks/workload.py."""

_SENT: Final = ("sale", "sale", "product", "update", "win-back", "newsletter", "welcome")
_VARIANTS: Final[dict[str, tuple[str, ...]]] = {
    each["id"]: tuple(variant["id"] for variant in each.get("variants", ()))
    for each in CAMPAIGNS["campaigns"]
}


def campaigns() -> dict[str, Any]:
    """The campaigns of every period: those of benchmarks/workload.py, none open for longer than a week."""
    stated = [
        {**each, "id": f"{each['id']}-{period:02}",
         "conversion_events": [_within_a_week(event) for event in each["conversion_events"]]}
        for period in range(PERIODS) for each in CAMPAIGNS["campaigns"]
    ]  # fmt: skip
    return {**CAMPAIGNS, "campaigns": stated}


def _within_a_week(conversion_event: dict[str, Any]) -> dict[str, Any]:
    days = min(7, int(conversion_event["deadline"].removesuffix("d")))
    return {**conversion_event, "deadline": f"{days}d"}


class Draw:
    """Random numbers out of one long one, taken off its lower end."""

    def __init__(self, bits: int) -> None:
        self._bits = bits

    def below(self, bound: int) -> int:
        """A whole number from 0 on, below the bound."""
        self._bits, drawn = divmod(self._bits, bound)
        return drawn

    def per_cent(self, share: float) -> bool:
        """Whether that many per cent hit."""
        return self.below(1_000) < 10 * share


@dataclass(frozen=True)
class Crowd:
    """So many users, of whom the active ones, the first, send this share of the facts."""

    name: str
    users: int = 1_000_000
    active: float = 0.02
    share: float = 0.8
    facts_a_day: int = 100_000

    def facts(self, number: int, first: int = 0) -> Iterator[Fact]:
        """So many facts from the one with this number on."""
        return (fact for _, fact in self.numbered(number, first))

    def numbered(
        self, number: int, first: int = 0, wanted: Callable[[int], bool] = lambda _user: True
    ) -> Iterator[tuple[int, Fact]]:
        """The facts of the users that are wanted, each with its number; others cost next to nothing."""
        last = first + number
        for block in count(first // _BLOCK):
            source = Random(block)  # noqa: S311 - the same facts on every call
            for fact_number in range(block * _BLOCK, (block + 1) * _BLOCK):
                if fact_number >= last:
                    return
                draw = Draw(source.getrandbits(_BITS))
                user = self._user(draw)
                if fact_number >= first and wanted(user):
                    at = _DAY / self.facts_a_day * (fact_number + draw.below(1_000) / 1_000)
                    yield fact_number, _fact(user, at, draw)

    def _user(self, draw: Draw) -> int:
        active = round(self.users * self.active)
        if active == self.users or draw.per_cent(100 * self.share):
            return draw.below(active)
        return active + draw.below(self.users - active)


BUSY_FEW: Final = Crowd("2 % send four facts in five")
UNIFORM: Final = Crowd("all users alike", active=1.0)


def _fact(user: int, at: float, draw: Draw) -> Fact:
    kind = _KINDS[draw.below(len(_KINDS))]
    fact_id = f"{kind[0]}-{draw.below(2**64):016x}"
    fact: Fact = {"type": kind, "id": fact_id, "user_id": f"user-{user:07}", "at": instant(at)}
    return fact | _FIELDS[kind](user, at, draw)


def _receipt(user: int, at: float, draw: Draw) -> Fact:
    campaign = _SENT[draw.below(len(_SENT))]
    variants = _VARIANTS[campaign]
    chosen = {"variant_id": variants[user % len(variants)]} if variants else {}
    return {"campaign_id": f"{campaign}-{_period(at):02}", **chosen}


def _period(at: float) -> int:
    """The first began before the first fact: a store of a million facts, and of ten, stands in the midst of one."""
    return int(at / _DAY / PERIOD_DAYS + 0.5)


def _session(user: int, at: float, _draw: Draw) -> Fact:
    return {"app_id": _app(user), "app_version": _version(user, at)}


def _custom_event(_user: int, _at: float, draw: Draw) -> Fact:
    if draw.per_cent(10):
        return {"name": "signed_up"}
    return {"name": "viewed", "properties": {"sku": PRODUCTS[draw.below(40)], "seconds": 3 + draw.below(200)}}


def _purchase(user: int, _at: float, draw: Draw) -> Fact:
    currency = CURRENCIES[user % len(CURRENCIES)]
    cents = 100 + draw.below(8_900)
    price = str(cents) if currency == "JPY" else f"{cents // 100}.{cents % 100:02}"
    order: Fact = {"product_id": PRODUCTS[draw.below(40)], "price": price, "currency": currency}
    return order | ({"quantity": 2 + draw.below(3)} if draw.per_cent(15) else {})


def _app_version(user: int, at: float, _draw: Draw) -> Fact:
    return {"app_id": _app(user), "version": _version(user, at)}


_FIELDS: Final[dict[str, Callable[[int, float, Draw], Fact]]] = {
    "received": _receipt,
    "session_started": _session,
    "custom_event": _custom_event,
    "purchase": _purchase,
    "app_version": _app_version,
}


def _app(user: int) -> str:
    return ("ios", "android", "web")[user % 3]


def _version(user: int, at: float) -> str:
    """Some users take a release days after others."""
    return f"4.{int(at / _DAY + user % 11 / 2) // _RELEASE_DAYS}.0"
