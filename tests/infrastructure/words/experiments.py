"""Made-up experiments: what `results --json` and `report --json` say of counts, by the domain's own computation."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from application.queries.results import ExperimentResults, ExperimentSnapshot
from domain.app_group import AppGroup
from domain.campaigns.campaign import Campaign
from domain.campaigns.conversion_events import MakesPurchase
from domain.campaigns.definition import Variant
from domain.campaigns.evidence import Count, DecidingTest
from domain.experiment.comparing import results
from domain.experiment.proportions import Proportion
from domain.experiment.results import Experiment, Observed
from projections.experiments.counted import Experiment as Counted

AS_OF = datetime(2026, 3, 10, 8, tzinfo=UTC)
DAY = 86_400


class Of(NamedTuple):
    """A variant, and in each period of weights how many received it alone and how many of these converted."""

    variant_id: str
    periods: Sequence[tuple[int, int]]
    control: bool = False
    open: int = 0
    expected: float | None = None

    @property
    def recipients(self) -> int:
        """In all periods."""
        return sum(recipients for recipients, _ in self.periods)

    @property
    def converted(self) -> int:
        """In all periods."""
        return sum(converted for _, converted in self.periods)


def of(variant_id: str, recipients: int, converted: int, **more: Any) -> Of:
    """A variant in one period of weights."""
    return Of(variant_id, [(recipients, converted)], **more)


def holdout(recipients: int, converted: int, **more: Any) -> Of:
    """The same for control."""
    return of("holdout", recipients, converted, control=True, **more)


class Asked(NamedTuple):
    """Both answers about a campaign."""

    results: dict[str, Any]
    report: dict[str, Any]


def find_results(
    *variants: Of,
    test: DecidingTest = DecidingTest.ANYTIME,
    status: str = "launched",
    several: int = 0,
    with_control: int = 0,
    has_event: bool = True,
    declared: str | None = None,
) -> ExperimentResults:
    """The results of a campaign with these counts."""
    group = AppGroup("shop")
    campaign = Campaign("shop", "sale")
    campaign.draft(
        group,
        variants=tuple(Variant(each.variant_id, control=each.control) for each in variants),
        conversion_events=(MakesPurchase(3 * DAY),) if has_event else (),
    )
    if status != "draft":
        campaign.launch()
    experiment = Experiment(
        [_observe(each, has_event=has_event) for each in variants],
        [_count(variants, is_closed=False)] * has_event,
        [_count(variants, is_closed=True)] * has_event,
        several,
        with_control,
    )
    counted = Counted("shop", "sale", 123, AS_OF, several, with_control, [])
    found = ExperimentResults(
        ExperimentSnapshot(campaign, 123, AS_OF, experiment, counted), results(experiment, test)
    )
    if declared is not None:
        campaign.declare_winner(declared, found.evidence())
    return replace(found, snapshot=replace(found.snapshot, campaign=campaign))


def ask(*variants: Of, status: str = "launched", revenue: dict[str, str] | None = None, **more: Any) -> Asked:
    """What results and report say of a campaign with these counts, as JSON."""
    found = find_results(*variants, status=status, **more).as_json()
    events = found["conversion_events"]
    several = found["health"]["users_in_several_variants"]
    return Asked(found, _report(variants, status, len(events), revenue or {}, several))


def _report(
    variants: Sequence[Of], status: str, events: int, revenue: dict[str, str], several: int
) -> dict[str, Any]:
    """Users in several variants are recipients of each, and none of them converted."""

    def figures(some: Sequence[Of]) -> dict[str, Any]:
        recipients = sum(each.recipients for each in some) + several
        converted = sum(each.converted for each in some)
        return {
            "receipts": recipients,
            "unique_recipients": recipients,
            "conversions": [converted] * events,
            "conversion_rates": [converted / recipients if recipients else None] * events,
            "revenue": revenue,
        }

    return {
        "app_group": "shop",
        "campaign_id": "sale",
        "name": "Sale",
        "kind": "campaign",
        "status": status,
        "position": "123",
        "revenue_window_seconds": 3 * DAY,
        "conversion_events": [],
        "totals": figures([each for each in variants if not each.control]),
        "variants": [
            {"variant_id": each.variant_id, "name": None, "control": each.control} | figures([each])
            for each in variants
        ],
        "mature": {"as_of": "2026-03-10T08:00:00Z"},
    }


def _observe(variant: Of, *, has_event: bool) -> Observed:
    over = variant.recipients - variant.open
    return Observed(
        variant.variant_id,
        variant.control,
        [Proportion(variant.converted, variant.recipients)] * has_event,
        [Proportion(min(variant.converted, over), over)] * has_event,
        {},
        variant.recipients,
        variant.recipients,
        variant.recipients if variant.expected is None else variant.expected,
    )


def _count(variants: Sequence[Of], *, is_closed: bool) -> list[list[Count]]:
    """By period; windows that are open are those of the first period."""

    def count(variant: Of, period: int) -> Count:
        recipients, converted = variant.periods[period]
        over = recipients - (variant.open if is_closed and period == 0 else 0)
        return Count(variant.variant_id, over, min(converted, over))

    return [[count(each, period) for each in variants] for period in range(len(variants[0].periods))]
