"""An audit as an HTML page: without scripts, downloads nothing, and readable in print."""

from collections import Counter, defaultdict
from decimal import Decimal
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from domain import money
from infrastructure.audit.outcome import AuditResult, Difference
from infrastructure.audit.wording import (
    TOTALS,
    describe_conversion_event,
    describe_problem,
    describe_story,
    describe_thing,
)

_LISTED = 500
"""Differences that the page lists; JSON has more."""

_CAMPAIGNS = 40
"""Campaigns in the chart; those with most conversions come first."""


def render_page(found: AuditResult) -> str:
    """The page, in HTML."""
    return (
        Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        .from_string(files(__package__).joinpath("page.html.j2").read_text(encoding="utf-8"))
        .render(
            found=found,
            totals=_totals(found),
            claims=[claim for claim in found.claims if any(other == claim for other, _ in found.judged.said)],
            campaigns=_campaigns(found),
            kinds=_kinds(found),
            differences=[_describe(found, each) for each in found.listed[:_LISTED]],
            revenue={currency: money.printed(amount, currency) for currency, amount in found.revenue.items()},
        )
    )


def _totals(found: AuditResult) -> list[tuple[str, int, dict[str, int]]]:
    return [
        (
            name,
            found.judged.totals[what],
            {claim: number for (claim, other), number in found.judged.said.items() if other == what},
        )
        for what, name in TOTALS.items()
    ]


def _campaigns(found: AuditResult) -> list[dict[str, Any]]:
    """By campaign, its judged conversions as a share of the largest, and its number of differences."""
    events: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for key, number in found.judged.figures.items():
        if key.figure == "conversions" and key.clock == "conversion":
            events[key.app_group, key.campaign_id][describe_conversion_event(key.thing)] += int(number)
    differing = Counter(
        (each.app_group, each.campaign_id)
        for each in found.judged.differences
        if each.campaign_id is not None
    )
    conversions = {campaign: events[campaign].total() for campaign in {*events, *differing}}
    largest = max(conversions.values(), default=0) or 1
    shown = sorted(conversions, key=lambda each: (-differing[each], -conversions[each], each))[:_CAMPAIGNS]
    return [
        {
            "app_group": campaign[0],
            "campaign_id": campaign[1],
            "conversions": conversions[campaign],
            "by_event": dict(sorted(events[campaign].items())),
            "share": float(Decimal(conversions[campaign]) / largest),
            "differing": differing[campaign],
        }
        for campaign in shown
    ]


def _kinds(found: AuditResult) -> list[dict[str, Any]]:
    most = max(found.judged.counts.values(), default=1)
    return [
        {
            "subject": kind[0],
            "problem": describe_problem(kind[1]),
            "claim": kind[2],
            "number": number,
            "share": number / most,
        }
        for kind, number in sorted(found.judged.counts.items(), key=lambda each: -each[1])
    ]


def _describe(found: AuditResult, difference: Difference) -> dict[str, Any]:
    return {
        "thing": describe_thing(difference),
        "user": found.users.get(difference.journey_id or ""),
        "journey": difference.journey_id,
        "problem": describe_problem(difference.problem),
        "claim": difference.claim,
        "judged": describe_story(difference, difference.judged),
        "said": describe_story(difference, difference.said),
        "position": difference.position,
    }
