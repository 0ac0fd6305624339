"""Campaigns and app groups as a file or a call states them (INTERFACES.md, Campaigns): strict models."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from domain.campaign import Kind
from domain.conversion_events import (
    ConversionEvent,
    MakesPurchase,
    PerformsCustomEvent,
    StartsSession,
    UpgradesApp,
)
from domain.definition import Variant, Weights
from domain.errors import BadDefinition

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DEADLINE = re.compile(r"([0-9]{1,12})([smhd])", re.ASCII)


def read_deadline(value: object) -> object:
    """Seconds, from whole seconds or a whole number with s, m, h or d."""
    if isinstance(value, str):
        match = _DEADLINE.fullmatch(value)
        if match is None:
            raise ValueError("a deadline is whole seconds, or a whole number with s, m, h or d: 3d")
        return int(match[1]) * _UNITS[match[2]]
    return value


Id = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
Deadline = Annotated[int, BeforeValidator(read_deadline)]


class Command(BaseModel):
    """What every part of a campaigns file is: strict, unknown fields refused."""

    model_config = ConfigDict(strict=True, extra="forbid")


class StartsSessionCommand(Command):
    """Opens any of the apps; any app when none is given."""

    type: Literal["starts_session"]
    deadline: Deadline
    app_ids: list[Id] | None = None

    def conversion_event(self) -> ConversionEvent:
        """As the domain has it."""
        return StartsSession(self.deadline, tuple(self.app_ids or ()))


class MakesPurchaseCommand(Command):
    """Buys the product; any product when none is given."""

    type: Literal["makes_purchase"]
    deadline: Deadline
    product_id: Id | None = None

    def conversion_event(self) -> ConversionEvent:
        """As the domain has it."""
        return MakesPurchase(self.deadline, self.product_id)


class PerformsCustomEventCommand(Command):
    """Performs the named custom event."""

    type: Literal["performs_custom_event"]
    deadline: Deadline
    name: Id

    def conversion_event(self) -> ConversionEvent:
        """As the domain has it."""
        return PerformsCustomEvent(deadline_seconds=self.deadline, name=self.name)


class UpgradesAppCommand(Command):
    """Upgrades any of the apps; any app when none is given."""

    type: Literal["upgrades_app"]
    deadline: Deadline
    app_ids: list[Id] | None = None

    def conversion_event(self) -> ConversionEvent:
        """As the domain has it."""
        return UpgradesApp(self.deadline, tuple(self.app_ids or ()))


AnyConversionEventCommand = Annotated[
    StartsSessionCommand | MakesPurchaseCommand | PerformsCustomEventCommand | UpgradesAppCommand,
    Field(discriminator="type"),
]


class VariantCommand(Command):
    """A variant, with its weight where weights are given."""

    id: Id
    name: Text | None = None
    weight: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    control: bool = False


class CampaignCommand(Command):
    """Draft a campaign where it is new; change what is stated where it is not."""

    id: Id
    name: Text | None = None
    kind: Literal["campaign", "canvas"] | None = None
    channel: Text | None = None
    status: Literal["draft", "launched"] | None = None
    variants: Annotated[list[VariantCommand], Field(min_length=1)] | None = None
    conversion_events: list[AnyConversionEventCommand] | None = None

    def domain_kind(self) -> Kind | None:
        """The kind, where it is stated."""
        return None if self.kind is None else Kind(self.kind)

    def domain_variants(self, names: dict[str, str | None]) -> tuple[Variant, ...] | None:
        """The variants, where they are stated; a name that is left out stays as in `names`."""
        if self.variants is None:
            return None
        return tuple(Variant(v.id, v.name or names.get(v.id), v.control) for v in self.variants)

    def weights(self) -> Weights | None:
        """The weights, where they are stated; raises BadDefinition when only some are."""
        stated = {v.id: v.weight for v in self.variants or () if v.weight is not None}
        if stated and len(stated) < len(self.variants or ()):
            raise BadDefinition("weights are given for all variants or for none", place="variants")
        return stated or None

    def domain_conversion_events(self) -> tuple[ConversionEvent, ...] | None:
        """The conversion events, where they are stated."""
        if self.conversion_events is None:
            return None
        return tuple(event.conversion_event() for event in self.conversion_events)


class ApplyCampaigns(Command):
    """Make or extend an app group, and draft, launch or change its campaigns: all of it or nothing."""

    app_group: Id
    apps: list[Id] = []
    custom_events: list[Id] = []
    time_zone: Text | None = None
    campaigns: list[CampaignCommand] = []


def read_campaigns(raw: Any) -> ApplyCampaigns:  # noqa: ANN401
    """The command in a mapping of plain values; raises BadDefinition with the place of the first fault."""
    try:
        return ApplyCampaigns.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"]).lstrip(
            "."
        )
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "string_type" and first["input"] is not None:
            message = f"{first['input']!r} is read as no text: quote it"
        code = "unknown_field" if first["type"] == "extra_forbidden" else "malformed"
        raise BadDefinition(f"{place}: {message}" if place else message, place=place, code=code) from None
