"""Compares the figures of reports with the sums of what was judged (R18 to R20), and with what was stated."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.campaigns.conversion_events import LETTERS
from infrastructure.audit.outcome import Difference, Figure, Judged, Story
from infrastructure.audit.read_model_figures import Campaign, Figures, Named, sum_variants
from projections.series import SERIES

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_LETTERED = dict(zip(map(str, range(len(LETTERS))), LETTERS, strict=True))


def compare(judged: Judged, claims: Iterable[Figures]) -> None:
    """Add a difference for each figure that is not as judged; a figure that is missing is 0."""
    for claimed in claims:
        right: Mapping[Figure, Decimal] = judged.figures
        if claimed.claim != SERIES.name:
            over_days = _sum_days(judged.figures)
            right = sum_variants(over_days, claimed.stated) | over_days
        for key in sorted({*right, *claimed.numbers}, key=str):
            one, other = right.get(key, Decimal()), claimed.numbers.get(key, Decimal())
            if one != other:
                judged.note(_difference(key, "other_number", claimed.claim, one, other))
        for key, number in claimed.strays:
            judged.note(_difference(key, "other_stream", claimed.claim, Decimal(), number))
        for difference in _compare_campaigns(claimed):
            judged.note(difference)


def _sum_days(figures: Mapping[Figure, Decimal]) -> dict[Figure, Decimal]:
    """The figures of a report: sums over days, under one clock."""
    sums: defaultdict[Figure, Decimal] = defaultdict(Decimal)
    for key, number in figures.items():
        if key.clock != "receipt":
            sums[key._replace(day=None)] += number
    return dict(sums)


def _difference(key: Figure, problem: str, claim: str, judged: Decimal, said: Decimal) -> Difference:
    day = "" if key.day is None else f" on {(_EPOCH + timedelta(days=key.day)).date()} by {key.clock}"
    of = _LETTERED.get(key.thing, key.thing) if key.figure == "conversions" else key.thing
    thing = " ".join(filter(None, [key.figure, of])) + day
    variant = key.variant_id or None
    return Difference(
        "figure",
        problem,
        claim,
        key.app_group,
        None,
        key.campaign_id,
        thing,
        Story(variant_id=variant, net=judged),
        Story(variant_id=variant, net=said),
    )


def _compare_campaigns(claimed: Figures) -> Iterator[Difference]:
    """Where a report's campaign is not as it was stated."""
    for named in sorted({*claimed.stated, *claimed.said}):
        stated, said = (each.get(named, Campaign()) for each in (claimed.stated, claimed.said))
        for variant in sorted({*stated.controls, *said.controls}):
            flags = (_flag(stated, variant), _flag(said, variant))
            if flags[0] != flags[1]:
                problem = (
                    "missing" if flags[1] is None else "unfounded" if flags[0] is None else "other_control"
                )
                yield _of_campaign(named, problem, claimed.claim, f"variant {variant}", *flags)
        if stated.conversion_events != said.conversion_events:
            texts = [json.dumps(each.conversion_events) for each in (stated, said)]
            yield _of_campaign(named, "other_conversion_events", claimed.claim, "conversion events", *texts)


def _flag(campaign: Campaign, variant: str) -> str | None:
    control = campaign.controls.get(variant)
    return None if control is None else "control" if control else "not control"


def _of_campaign(
    named: Named, problem: str, claim: str, thing: str, stated: str | None, said: str | None
) -> Difference:
    return Difference(
        "campaign",
        problem,
        claim,
        named.app_group,
        None,
        named.campaign_id,
        f"{named.campaign_id}, {thing}",
        Story(text=stated),
        Story(text=said),
    )
