"""What a campaign hopes for: the types of conversion event, their filters and deadlines (R2, R3).

A new type is one class here, added to `ConversionEvent`; nothing else in the domain names the types.
"""

from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Any, ClassVar

import msgspec

from domain import lanes
from domain.errors import BadDefinition, UnknownApp, UnknownCustomEvent
from domain.facts import (
    AppVersionReported,
    CustomEvent,
    Fact,
    Order,
    OrderCancelled,
    OrderRefund,
    Purchase,
    SessionStarted,
    reported_version,
)

LONGEST_DEADLINE = timedelta(days=30)
LETTERS = "ABCD"


class _Base(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="type"):
    deadline_seconds: int

    of_upgrades: ClassVar[bool] = False
    behaviours: ClassVar[tuple[type[Fact], ...]] = ()
    """The types of behaviour that can match."""

    @property
    def deadline(self) -> timedelta:
        """How long after a receipt a behaviour still converts (R3)."""
        return timedelta(seconds=self.deadline_seconds)

    @property
    def lane(self) -> str:
        """The lane of a journey in which every behaviour that matches stands."""
        raise TypeError("a conversion event type names its lane")  # pragma: no cover

    def matches(self, fact: Fact, *, upgrade: bool) -> bool:
        """Whether the behaviour matches (R2); `upgrade` says whether it is one by R10."""
        raise TypeError("a conversion event type says what matches")  # pragma: no cover

    def stated(self) -> dict[str, Any]:
        """Type, filter and deadline as plain values, also where the filter lets everything pass."""
        # Not `msgspec.structs.fields`, which reads all annotations again: in a list of campaigns that is half the time.
        names = [name for name in self.__struct_fields__ if name != "deadline_seconds"]
        values = ((name, getattr(self, name)) for name in names)
        filters = {name: list(value) if isinstance(value, tuple) else value for name, value in values}
        return {"type": self.__struct_config__.tag, **filters, "deadline_seconds": self.deadline_seconds}

    def check(self, apps: AbstractSet[str], custom_events: AbstractSet[str]) -> None:
        """Raise where the deadline or filter is not allowed in the app group (R2, R3)."""
        if not 0 < self.deadline_seconds <= LONGEST_DEADLINE // timedelta(seconds=1):
            raise BadDefinition("a deadline is more than 0 and at most 30 days", place="deadline")


class _InApps(_Base, frozen=True):
    app_ids: tuple[str, ...] = ()

    def check(self, apps: AbstractSet[str], custom_events: AbstractSet[str]) -> None:
        super().check(apps, custom_events)
        for app_id in self.app_ids:
            if app_id not in apps:
                raise UnknownApp(f"the app group has no app {app_id!r}", place="app_ids")

    def _has(self, app_id: str) -> bool:
        return not self.app_ids or app_id in self.app_ids


class StartsSession(_InApps, frozen=True, tag="starts_session"):
    """Opens any of the given apps; any app at all when none is given (R2)."""

    behaviours: ClassVar[tuple[type[Fact], ...]] = (SessionStarted,)

    @property
    def lane(self) -> str:
        return lanes.SESSIONS

    def matches(self, fact: Fact, *, upgrade: bool) -> bool:
        return type(fact) is SessionStarted and self._has(fact.app_id)


class MakesPurchase(_Base, frozen=True, tag="makes_purchase"):
    """Buys the given product, alone or in an order; anything when none is given (R2, R27)."""

    behaviours: ClassVar[tuple[type[Fact], ...]] = (Purchase, Order)

    product_id: str | None = None

    @property
    def lane(self) -> str:
        return lanes.PURCHASES

    def matches(self, fact: Fact, *, upgrade: bool) -> bool:
        if type(fact) is Order:
            return self.product_id is None or any(line.product_id == self.product_id for line in fact.lines)
        return type(fact) is Purchase and self.product_id in {None, fact.product_id}


class PerformsCustomEvent(_Base, frozen=True, tag="performs_custom_event", kw_only=True):
    """Performs the named custom event (R2); an order that came as one performs it too (R27)."""

    behaviours: ClassVar[tuple[type[Fact], ...]] = (CustomEvent, Order, OrderRefund, OrderCancelled)

    name: str

    @property
    def lane(self) -> str:
        return lanes.custom_events(self.name)

    def matches(self, fact: Fact, *, upgrade: bool) -> bool:
        return isinstance(fact, self.behaviours) and fact.name == self.name  # type: ignore[attr-defined]

    def check(self, apps: AbstractSet[str], custom_events: AbstractSet[str]) -> None:
        super().check(apps, custom_events)
        if self.name not in custom_events:
            raise UnknownCustomEvent(
                f"the custom event {self.name!r} was neither declared nor ever performed", place="name"
            )


class UpgradesApp(_InApps, frozen=True, tag="upgrades_app"):
    """Upgrades any of the given apps; any app at all when none is given (R2, R10)."""

    of_upgrades: ClassVar[bool] = True
    behaviours: ClassVar[tuple[type[Fact], ...]] = (
        SessionStarted,
        Purchase,
        Order,
        CustomEvent,
        AppVersionReported,
    )

    @property
    def lane(self) -> str:
        return lanes.UPGRADES

    def matches(self, fact: Fact, *, upgrade: bool) -> bool:
        report = reported_version(fact) if upgrade else None
        return report is not None and self._has(report[0])


ConversionEvent = StartsSession | MakesPurchase | PerformsCustomEvent | UpgradesApp
