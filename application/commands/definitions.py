"""Campaigns and app groups as a file or a call states them (docs/files.md, Campaigns): strict models."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from application.type_faults import describe_fault
from domain.campaigns.campaign import FLOOR
from domain.campaigns.conversion_events import (
    ConversionEvent,
    MakesPurchase,
    PerformsCustomEvent,
    StartsSession,
    UpgradesApp,
)
from domain.campaigns.definition import Variant, Weights
from domain.campaigns.events import Kind
from domain.errors import BadDefinition

_SHOWN = 300
_WORDS = {
    "intelligent_selection": "this is true, false, or {floor: a share from 0 to below 1}",
    "model_type": "this is no mapping of names to values: a file begins with app_group: and campaigns:",
    "union_tag_not_found": "say of which type: starts_session, makes_purchase, performs_custom_event, upgrades_app",
}
_TYPES = ("starts_session", "makes_purchase", "performs_custom_event", "upgrades_app")
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


def _sort(app_ids: list[str] | None) -> tuple[str, ...]:
    """Each app once, sorted: their order means nothing."""
    return tuple(sorted(set(app_ids or ())))


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
        return StartsSession(self.deadline, _sort(self.app_ids))


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
        return UpgradesApp(self.deadline, _sort(self.app_ids))


AnyConversionEventCommand = Annotated[
    StartsSessionCommand | MakesPurchaseCommand | PerformsCustomEventCommand | UpgradesAppCommand,
    Field(discriminator="type"),
]


class VariantCommand(Command):
    """A variant, with its weight where weights are given."""

    id: Id
    name: Text | None = None
    weight: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    control: bool | None = None

    def domain_variant(self, known: Variant) -> Variant:
        """The domain's variant; what is left out stays as it is."""
        control = known.control if self.control is None else self.control
        return Variant(self.id, self.name or known.name, control)


class IntelligentSelectionCommand(Command):
    """How weights follow conversions: each variant but control keeps a share of at least `floor`."""

    floor: Annotated[float, Field(ge=0, lt=1)] = FLOOR


class CampaignCommand(Command):
    """Draft a campaign if it is new; otherwise change what is stated."""

    id: Id
    name: Text | None = None
    kind: Literal["campaign", "canvas"] | None = None
    channel: Text | None = None
    status: Literal["draft", "launched"] | None = None
    variants: Annotated[list[VariantCommand], Field(min_length=1)] | None = None
    conversion_events: list[AnyConversionEventCommand] | None = None
    intelligent_selection: bool | IntelligentSelectionCommand | None = None

    def floor(self) -> float | None:
        """The floor of intelligent selection, or None without it."""
        if isinstance(self.intelligent_selection, IntelligentSelectionCommand):
            return self.intelligent_selection.floor
        return FLOOR if self.intelligent_selection else None

    def domain_kind(self) -> Kind | None:
        """The kind, or None if it is not stated."""
        return None if self.kind is None else Kind(self.kind)

    def domain_variants(self, known: Mapping[str, Variant]) -> tuple[Variant, ...] | None:
        """The variants, or None if none are stated; what is left out of one stays as it is."""
        if self.variants is None:
            return None
        return tuple(v.domain_variant(known.get(v.id, Variant(v.id))) for v in self.variants)

    def weights(self) -> Weights | None:
        """The weights, or None if none are stated; raises BadDefinition if only some are."""
        stated = {v.id: v.weight for v in self.variants or () if v.weight is not None}
        if stated and len(stated) < len(self.variants or ()):
            raise BadDefinition("weights are given for all variants or for none", place="variants")
        return stated or None

    def domain_conversion_events(self) -> tuple[ConversionEvent, ...] | None:
        """The conversion events, or None if they are not stated."""
        if self.conversion_events is None:
            return None
        return tuple(event.conversion_event() for event in self.conversion_events)


class AppGroupCommand(Command):
    """Make an app group if it is new, with a time zone that never changes; add apps and custom events.

    The currency of prices that name none can change; null takes it away, and left out it stays.
    """

    apps: list[Id] | None = None
    custom_events: list[Id] | None = None
    time_zone: Text | None = None
    default_currency: Text | None = None


class ApplyCampaigns(AppGroupCommand):
    """Make or extend an app group, and draft, launch or change its campaigns: all of it or nothing."""

    app_group: Id
    campaigns: list[CampaignCommand] | None = None


C = TypeVar("C", bound=Command)


def read_campaigns(raw: Any) -> ApplyCampaigns:  # noqa: ANN401
    """Read the command in a mapping of plain values; raises BadDefinition with the place of the first fault."""
    return read_command(ApplyCampaigns, raw)


def read_command(kind: type[C], raw: Any) -> C:  # noqa: ANN401
    """Read any kind of command about campaigns; raises BadDefinition likewise."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False)[0]) from None


def find_faults(kind: type[Command], raw: Any) -> list[BadDefinition]:  # noqa: ANN401
    """Every fault that keeps a mapping from being such a command, each with its place; none where it is one."""
    try:
        kind.model_validate(raw)
    except ValidationError as error:
        return [_refusal(each) for each in error.errors(include_url=False)]
    return []


def _refusal(first: ErrorDetails) -> BadDefinition:
    steps = [step for step in first["loc"] if step not in _TYPES]
    if "intelligent_selection" in steps[:-1]:
        steps = steps[: steps.index("intelligent_selection") + 1]
        first["type"] = "intelligent_selection"
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
    if first["type"] == "extra_forbidden":
        return BadDefinition("no such field is known here", place=place, code="unknown_field")
    message = _WORDS.get(first["type"]) or describe_fault(first)
    if first["type"] == "string_type" and not isinstance(first["input"], list | dict | None):
        message = f"{str(first['input'])[:_SHOWN]} is read as no text: quote it"
    return BadDefinition(message, place=place, code="malformed")
