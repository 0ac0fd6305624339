"""What a campaign caused: what its recipients did beyond what they would have done without it."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from domain.experiment import means, proportions
from domain.experiment.means import Sums
from domain.experiment.proportions import Interval, Proportion


class IncrementalConversions(NamedTuple):
    """Conversions a variant's recipients owe to it, at best guess and within an interval."""

    conversions: float
    interval: Interval


class IncrementalRevenue(NamedTuple):
    """Revenue a variant's recipients owe to it, in the currency; no interval where their spread is unknown."""

    revenue: Decimal
    interval: Interval | None


def incremental_conversions(
    variant: Proportion, against: Proportion, confidence: float = 0.95
) -> IncrementalConversions | None:
    """Conversions that would not have been, had the variant's recipients been among the others (control).

    (p1 - p2) n1, with Newcombe's interval of the difference times n1; none where either has no recipients.
    Source: Newcombe (1998), method 10; the scaling takes n1 as it is, for these very recipients.
    """
    interval, rate, other = proportions.difference(variant, against, confidence), variant.rate, against.rate
    if interval is None or rate is None or other is None:
        return None
    return IncrementalConversions((rate - other) * variant.recipients, _scale(interval, variant.recipients))


def caused_by_campaign(
    variants: Iterable[Proportion], control: Proportion, confidence: float = 0.95
) -> IncrementalConversions | None:
    """What all variants but control caused together: their recipients as one group against control.

    The conversions are the sum of those of each variant; the interval is that of the whole group.
    """
    together = list(variants)
    everyone = Proportion(sum(each.converted for each in together), sum(each.recipients for each in together))
    return incremental_conversions(everyone, control, confidence)


def incremental_revenue(variant: Sums, against: Sums, confidence: float = 0.95) -> IncrementalRevenue | None:
    """Revenue that would not have been, had the variant's recipients been among the others (control).

    total1 - m2 n1, with Welch's interval of the difference of means times n1; none where either has no recipients.
    Source: Welch (1947), Satterthwaite (1946).
    """
    if variant.mean is None or against.mean is None:
        return None
    interval = means.difference(variant, against, confidence)
    return IncrementalRevenue(
        variant.total - against.mean * variant.recipients,
        None if interval is None else _scale(interval, variant.recipients),
    )


def _scale(interval: Interval, recipients: int) -> Interval:
    return Interval(interval.low * recipients, interval.high * recipients)
