"""A campaign by day, in the app group's time zone (R20)."""

from dataclasses import dataclass, replace
from datetime import date
from typing import cast, get_args

from application.queries.reads import AskedCampaign, BadQuestion, refuse_reversed
from projections.series import SERIES
from projections.series.clock import Clock
from projections.series.reading import Series, load_series


@dataclass(frozen=True)
class Days:
    """From a first day to a last one, both included, either may be open; at most `most` days."""

    first: date | None = None
    last: date | None = None
    most: int | None = None


ALL_DAYS = Days()


def read_series(
    asked: AskedCampaign, clock: str = "conversion", days: Days = ALL_DAYS, variant_id: str | None = None
) -> Series:
    """The figures of each day: of all variants, or of one beside the totals.

    A clock is `conversion` (a conversion's own day) or `receipt` (the day of its receipt). Raises UnknownCampaign,
    UnknownVariant, BadQuestion, and TooManyDays.
    """
    named_clock = read_clock(clock)
    refuse_reversed(days.first, days.last, "from")
    definition, known = asked.definition(), asked.reads.definitions
    if variant_id is not None:
        definition.variant(variant_id)
    with asked.reads.up_to_date(SERIES) as (connection, _):
        found = load_series(connection, known, *asked.key, named_clock, days.first, days.last, most=days.most)
    return found if variant_id is None else _of_variant(found, variant_id)


def read_clock(clock: str) -> Clock:
    """The clock of a series by its name; raises BadQuestion."""
    if clock not in get_args(Clock):
        message = f"{clock!r} is no clock: it is {' or '.join(get_args(Clock))}"
        raise BadQuestion(message, code="bad_clock", place="clock")
    return cast(Clock, clock)


def _of_variant(found: Series, variant_id: str) -> Series:
    days = [
        replace(day, variants=[each for each in day.variants if each.variant_id == variant_id])
        for day in found.days
    ]
    return replace(found, days=days)
