"""Journeys of a given length for the benchmark of flat cost: the same mix of facts at every length."""

from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

from application.commands.facts import FactCommand, read_fact
from benchmarks.workload import instant

GROUP = "bench"
APPS = ("ios", "android")
_START = datetime(2023, 1, 1, tzinfo=UTC)
_MONTH = 30 * 86_400
_KINDS = ("received", "session_started", "purchase", "custom_event", "app_version")
_WEIGHTS = (20, 35, 20, 15, 10)


@dataclass(frozen=True)
class Span:
    """How long the journeys last; each 30 days have a campaign of their own."""

    name: str
    months: int

    @property
    def seconds(self) -> float:
        """The whole of it."""
        return self.months * float(_MONTH)


TWO_YEARS = Span("two years, a campaign a month", 24)
ONE_CAMPAIGN = Span("30 days of one campaign", 1)


def campaigns(span: Span) -> dict[str, Any]:
    """The campaigns of the span, all alike."""
    each = {
        "variants": [{"id": "A"}, {"id": "B"}, {"id": "holdout", "control": True}],
        "conversion_events": [
            {"type": "makes_purchase", "deadline": "30d"},
            {"type": "starts_session", "deadline": "7d"},
            {"type": "performs_custom_event", "name": "viewed", "deadline": "14d"},
            {"type": "upgrades_app", "deadline": "30d"},
        ],
    }
    stated = [{"id": f"month-{month:02}", **each} for month in range(span.months)]
    return {"app_group": GROUP, "apps": list(APPS), "custom_events": ["viewed"], "campaigns": stated}


def facts(span: Span, length: int, number: int) -> list[FactCommand]:
    """So many facts of journeys of this length, in order of time and so of all users mixed; the same on every call."""
    draw = Random(length)  # noqa: S311 - the same journeys on every call
    users = max(1, number // length)
    moments = sorted(draw.uniform(0, span.seconds) for _ in range(number))
    turns = [turn % users for turn in range(number)]
    draw.shuffle(turns)
    return [read_fact(_fact(draw, user, at)) for user, at in zip(turns, moments, strict=True)]


def _fact(draw: Random, user: int, at: float) -> dict[str, Any]:
    kind = draw.choices(_KINDS, _WEIGHTS)[0]
    fact_id = f"{kind[0]}-{draw.getrandbits(64):016x}"
    fact: dict[str, Any] = {"type": kind, "id": fact_id, "user_id": f"user-{user}", "at": instant(at, _START)}
    version = f"4.{int(at / 86_400 / 10)}.{draw.randrange(2)}"
    app_id = draw.choice(APPS)
    match kind:
        case "received":
            fact |= {
                "campaign_id": f"month-{int(at / _MONTH):02}",
                "variant_id": draw.choice(("A", "B", "holdout")),
            }
        case "session_started":
            fact |= {"app_id": app_id} | ({"app_version": version} if draw.random() < 0.3 else {})
        case "purchase":
            fact |= {"product_id": "sku-1", "price": f"{draw.uniform(1, 90):.2f}", "currency": "EUR"}
        case "custom_event":
            fact |= {"name": "viewed", "properties": {"page": draw.randrange(1000)}}
        case "app_version":
            fact |= {"app_id": app_id, "version": version}
    return fact
