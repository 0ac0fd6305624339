"""Comparing figures: what reports say beside the sums of what was judged (R18 to R20)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.conversion_events import LETTERS
from infrastructure.audit.claims import Figures
from infrastructure.audit.outcome import Difference, Figure, Judged, Story
from projections.series import SERIES

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def compare(judged: Judged, claims: Iterable[Figures]) -> None:
    """Tell where a figure of a report is another than what was judged; none is 0."""
    for claimed in claims:
        right = judged.figures if claimed.claim == SERIES.name else _over_days(judged.figures)
        for key in sorted({*right, *claimed.numbers}, key=str):
            one, other = right.get(key, Decimal()), claimed.numbers.get(key, Decimal())
            if one != other:
                judged.tell(_difference(key, claimed.claim, one, other))


def _over_days(figures: Mapping[Figure, Decimal]) -> dict[Figure, Decimal]:
    """The figures that a report has: sums over days, under one clock; a campaign's receipts are not kept apart."""
    sums: defaultdict[Figure, Decimal] = defaultdict(Decimal)
    for key, number in figures.items():
        if key.clock != "receipt" and not (key.figure == "receipts" and key.variant_id == ""):
            sums[key._replace(day=None)] += number
    return dict(sums)


def _difference(key: Figure, claim: str, judged: Decimal, said: Decimal) -> Difference:
    day = "" if key.day is None else f" on {(_EPOCH + timedelta(days=key.day)).date()} by {key.clock}"
    of = LETTERS[int(key.thing)] if key.figure == "conversions" else key.thing
    thing = " ".join(filter(None, [key.figure, of])) + day
    variant = key.variant_id or None
    return Difference(
        "figure",
        "other_number",
        claim,
        key.app_group,
        None,
        key.campaign_id,
        thing,
        Story(variant_id=variant, net=judged),
        Story(variant_id=variant, net=said),
    )
