"""A campaign by day, in the app group's time zone (R20)."""

from dataclasses import replace
from typing import cast, get_args

from application.queries.reads import ALL_DAYS, AskedCampaign, Days, refuse_clock
from projections.series import SERIES
from projections.series.clock import Clock
from projections.series.reading import Series, load_series


def read_series(
    asked: AskedCampaign,
    clock: str = "conversion",
    days: Days = ALL_DAYS,
    variant_id: str | None = None,
    *,
    most_days: int | None = None,
) -> Series:
    """The figures of each day: of all variants, or of one beside the totals.

    A clock is `conversion` (a conversion's own day) or `receipt` (the day of its receipt). Raises UnknownCampaign,
    UnknownVariant, BadQuestion, and TooManyDays.
    """
    named_clock = read_clock(clock)
    definition, known = asked.definition(), asked.reads.definitions
    if variant_id is not None:
        definition.variant(variant_id)
    with asked.reads.up_to_date(SERIES) as (connection, _):
        found = load_series(connection, known, *asked.key, named_clock, days.first, days.last, most=most_days)
    return found if variant_id is None else _of_variant(found, variant_id)


def read_clock(clock: str) -> Clock:
    """The clock of a series by its name; raises BadQuestion."""
    refuse_clock(clock, get_args(Clock))
    return cast(Clock, clock)


def _of_variant(found: Series, variant_id: str) -> Series:
    return replace(
        found,
        days=[
            replace(day, variants=[each for each in day.variants if each.variant_id == variant_id])
            for day in found.days
        ],
    )
