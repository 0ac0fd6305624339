"""What a campaign's receipts and behaviours are judged by: its variants and conversion events (R1, R2, R5)."""

from datetime import timedelta
from functools import cached_property

import msgspec

from domain.app_group import AppGroup
from domain.campaigns.conversion_events import LETTERS, ConversionEvent
from domain.errors import BadDefinition, DomainError, UnknownVariant
from domain.facts import Fact


class Variant(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A version of the message or journey; the control group is the variant that gets nothing."""

    id: str
    name: str | None = None
    control: bool = False


Weights = dict[str, int]
"""The share of users by variant id: whole numbers, any sum (R5)."""


DEFAULT_REVENUE_WINDOW = timedelta(days=3)
"""The window of revenue for a campaign without a conversion event (R11)."""


Window = tuple[int, ConversionEvent, timedelta]
"""A conversion event's index, itself, and how long it stays open after a receipt."""


class Definition:
    """What receipts and behaviours are judged by: fixed once the campaign is launched (R4)."""

    def __init__(self, variants: tuple[Variant, ...], conversion_events: tuple[ConversionEvent, ...]) -> None:
        self.variants = {variant.id: variant for variant in variants}
        self.conversion_events = conversion_events
        self.windows = [(index, event, event.deadline) for index, event in enumerate(conversion_events)]
        self._windows_of: dict[type[Fact], list[Window]] = {}

    def windows_of(self, behaviour: type[Fact]) -> list[Window]:
        """The conversion events that a behaviour of the type can match."""
        found = self._windows_of.get(behaviour)
        if found is None:
            found = [window for window in self.windows if behaviour in window[1].behaviours]
            self._windows_of[behaviour] = found
        return found

    @cached_property
    def control(self) -> str | None:
        """The id of the control group, if there is one."""
        return next((variant.id for variant in self.variants.values() if variant.control), None)

    @cached_property
    def revenue_window(self) -> timedelta:
        """The primary conversion event's deadline; 3 days without any (R11)."""
        return self.conversion_events[0].deadline if self.conversion_events else DEFAULT_REVENUE_WINDOW

    @cached_property
    def longest_window(self) -> timedelta:
        """After this long, a receipt's windows are all closed."""
        return max([self.revenue_window, *(deadline for _, _, deadline in self.windows)])

    def variant(self, variant_id: str | None) -> str:
        """The variant a receipt is of: it may be left out where there is one (R5)."""
        if variant_id is None and len(self.variants) == 1:
            return next(iter(self.variants))
        if variant_id is None:
            raise UnknownVariant(f"say which variant: {', '.join(self.variants)}", place="variant_id")
        if variant_id not in self.variants:
            raise UnknownVariant(f"the campaign has no variant {variant_id!r}", place="variant_id")
        return variant_id


def check_variants(variants: tuple[Variant, ...]) -> None:
    """Raise unless ids differ, at most one variant is control and at least one is not (R5)."""
    ids = [variant.id for variant in variants]
    if len(set(ids)) < len(ids):
        raise BadDefinition("variant ids differ from one another", place="variants")
    if sum(variant.control for variant in variants) > 1:
        raise BadDefinition("at most one variant is the control group", place="variants")
    if all(variant.control for variant in variants):
        raise BadDefinition("at least one variant is not the control group", place="variants")


def check_weights(variants: tuple[Variant, ...], weights: Weights | None) -> Weights:
    """The weights for these variants, equal where none are given (R5); raises BadDefinition."""
    if weights is None:
        return {variant.id: 1 for variant in variants}
    if weights.keys() != {variant.id for variant in variants}:
        raise BadDefinition("weights are given for all variants or for none", place="variants")
    if any(weight < 0 for weight in weights.values()) or not any(weights.values()):
        raise BadDefinition("weights are whole numbers of 0 or more, not all 0", place="variants")
    return weights


def check_conversion_events(events: tuple[ConversionEvent, ...], group: AppGroup) -> None:
    """Raise unless there are 0 to 4, each allowed in the app group (R1, R2, R3)."""
    if len(events) > len(LETTERS):
        raise BadDefinition("a campaign has at most 4 conversion events", place="conversion_events")
    for index, event in enumerate(events):
        try:
            event.check(group.apps, group.custom_events)
        except DomainError as error:
            error.place = f"conversion_events[{index}].{error.place}"
            raise
