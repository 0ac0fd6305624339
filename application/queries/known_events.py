"""The custom events that an app group knows, and what its campaigns made of them."""

from dataclasses import dataclass

from application.queries.reads import Reads
from projections.campaign_report import CAMPAIGN_REPORT
from projections.campaign_report.reading import load_reports


@dataclass(frozen=True)
class KnownEvent:
    """A custom event: how many campaigns have it for a conversion event, and how many conversions they have on it."""

    name: str
    campaigns: int = 0
    conversions: int = 0


def list_known_events(reads: Reads, app_group: str) -> list[KnownEvent]:
    """The custom events that were declared or performed, those with the most conversions first."""
    names = reads.ledger.app_group(app_group).custom_events
    counted = {name: KnownEvent(name) for name in names}
    with reads.up_to_date(CAMPAIGN_REPORT) as (connection, _):
        reports = load_reports(connection, app_group)
    for report in reports:
        for name, conversions in _count(report.conversion_events, report.totals.conversions).items():
            known = counted.get(name, KnownEvent(name))
            counted[name] = KnownEvent(name, known.campaigns + 1, known.conversions + conversions)
    return sorted(counted.values(), key=lambda each: (-each.conversions, each.name))


def _count(events: list[dict[str, object]], conversions: list[int]) -> dict[str, int]:
    """By custom event the conversions of one campaign; one that it has twice is counted with its larger number."""
    found: dict[str, int] = {}
    for event, number in zip(events, conversions, strict=True):
        if event["type"] == "performs_custom_event":
            name = str(event["name"])
            found[name] = max(found.get(name, 0), number)
    return found
