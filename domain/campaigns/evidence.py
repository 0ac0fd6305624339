"""Evidence: what a decision about a campaign's variants was made on, stored with it so that it can be made again (R21).

The counts are those of users of exactly one variant, by period of weights, as they were known at a position of the log.
"""

from enum import StrEnum

import msgspec


class DecidingTest(StrEnum):
    """What decides whether a variant is better than another: the operator's setting."""

    ANYTIME = "anytime"
    """May be looked at every day, at any rate and for small and large differences: the one that decides unless set."""

    SEQUENTIAL = "sequential"
    """May be looked at every day; weak where differences are large or rates are high. It decided before `anytime`."""

    FIXED = "fixed"
    """Right for one look, at a time that was fixed beforehand."""


class Count(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The recipients of a variant in a period, and how many of them converted on the primary conversion event."""

    variant_id: str
    recipients: int
    converted: int


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the test said of the winner against another variant: `adjusted` is by Holm, for all that were compared."""

    against: str
    p: float
    adjusted: float


class WinnerEvidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a winner was declared on: the log up to `position`, by a test, at a level of significance.

    `as_of` is the full hour, in microseconds since 1970, as of which windows were over, where the test counts those
    alone; else None.
    """

    position: int
    test: str
    significance: float
    periods: tuple[tuple[Count, ...], ...]
    comparisons: tuple[Comparison, ...]
    as_of: int | None = None


class Share(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A variant that weights were chosen for.

    `counted` are its recipients, those whose window is open by the share of conversions usually seen at their age;
    `best` is the probability that its rate is the highest.
    """

    variant_id: str
    recipients: int
    counted: float
    converted: int
    best: float


class SelectionEvidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What weights were chosen on: the log up to `position`, as of a full hour in microseconds since 1970.

    `better` is the probability that some variant's rate is more than 1 % of itself above that of the best one.
    """

    position: int
    as_of: int
    floor: float
    shares: tuple[Share, ...]
    better: float
