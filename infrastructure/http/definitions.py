"""The shapes of app groups and campaigns over HTTP, in requests and in answers."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from application.commands.definitions import (
    AnyConversionEventCommand,
    CampaignCommand,
    IntelligentSelectionCommand,
)
from domain.campaigns.conversion_events import LONGEST_DEADLINE

_LONGEST = LONGEST_DEADLINE.days * 86_400

_STATED: dict[str, dict[str, Any]] = {
    "deadline": {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": _LONGEST},
            {"type": "string", "pattern": "^[0-9]{1,12}[smhd]$"},
        ],
        "description": "Whole seconds, or a whole number with s, m, h or d, such as `7d`; at most 30 days.",
    },
    "app_ids": {"description": "Null, empty or left out: all apps."},
    "product_id": {"description": "Null or left out: any product."},
}
"""Descriptions of the fields of conversion events in requests, in addition to what their models say."""

Position = Annotated[str, Field(description="Opaque: send it back unchanged.")]
Revenue = Annotated[dict[str, str], Field(description="Decimal text by ISO 4217 currency.")]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Shape(BaseModel):
    """The shape of an answer: all fields are present, and no others."""

    model_config = ConfigDict(extra="forbid")


class OfCampaignShape(Shape):
    """What is said of one campaign."""

    app_group: str
    campaign_id: str


class AppGroupShape(Shape):
    """An app group."""

    app_group: str
    time_zone: str
    default_currency: str | None
    apps: list[str]
    custom_events: list[str]


class VariantShape(Shape):
    """A variant."""

    id: str
    name: str | None
    weight: int
    control: bool


Deadline = Annotated[int, Field(description="Seconds.")]
Apps = Annotated[list[str], Field(description="Empty: all apps, also those added later.")]


class StartsSessionShape(Shape):
    """Opens any of the apps."""

    type: Literal["starts_session"]
    deadline: Deadline
    app_ids: Apps


class MakesPurchaseShape(Shape):
    """Buys the product."""

    type: Literal["makes_purchase"]
    deadline: Deadline
    product_id: Annotated[
        str,
        Field(description="Left out: any product.", json_schema_extra=lambda schema: schema.pop("default")),
    ] = ""


class PerformsCustomEventShape(Shape):
    """Performs the named custom event."""

    type: Literal["performs_custom_event"]
    deadline: Deadline
    name: str


class UpgradesAppShape(Shape):
    """Upgrades any of the apps."""

    type: Literal["upgrades_app"]
    deadline: Deadline
    app_ids: Apps


AnyConversionEventShape = Annotated[
    StartsSessionShape | MakesPurchaseShape | PerformsCustomEventShape | UpgradesAppShape,
    Field(discriminator="type"),
]


class CampaignShape(Shape):
    """A campaign in the shape of the campaigns file; deadlines in seconds."""

    app_group: str
    id: str
    campaign_id: Annotated[str, Field(description="The same as `id`.")]
    name: str
    kind: Literal["campaign", "canvas"]
    channel: str | None
    status: Literal["draft", "launched", "stopped", "archived"]
    variants: list[VariantShape]
    conversion_events: list[AnyConversionEventShape]
    intelligent_selection: IntelligentSelectionCommand | None
    selection_ended: bool
    winner: Annotated[str | None, Field(description="The variant that was declared the winner.")]


class NewCampaign(CampaignCommand):
    """A new campaign; it is refused if the app group has a campaign with its id (409 `campaign_exists`)."""


class CampaignChange(BaseModel):
    """The changes to a campaign; fields that are left out stay as they are."""

    name: str | None = None
    channel: str | None = None
    status: Literal["draft", "launched"] | None = None
    variants: list[dict[str, Any]] | None = None
    conversion_events: list[AnyConversionEventCommand] | None = None
    intelligent_selection: bool | IntelligentSelectionCommand | None = None


def describe_conversion_events(schemas: dict[str, Any]) -> None:
    """Complete the schemas of conversion events in requests: deadlines as text, and the meaning of null."""
    for name, schema in schemas.items():
        fields = schema.get("properties", {})
        if name.endswith("Command") and "deadline" in fields:
            del fields["deadline"]["type"]
            for field in _STATED.keys() & fields.keys():
                fields[field].update(_STATED[field])
