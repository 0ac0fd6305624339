"""The shapes of lists over HTTP: campaigns, conversions, recipients, and the history of a campaign."""

from typing import Annotated, Any

from pydantic import Field

from infrastructure.http.definitions import Instant, OfCampaignShape, Position, Revenue, Shape
from infrastructure.http.report_shapes import FiguresShape

Cursor = Annotated[str | None, Field(description="Of the next page; null on the last one.")]
Letter = Annotated[str, Field(description="A to D; A is the primary conversion event.")]
UserIdShape = Annotated[str | None, Field(description="Null if the user's identity was erased.")]


class HeadlineShape(FiguresShape):
    """A campaign and its headline figures."""

    campaign_id: str
    name: str
    kind: str
    status: str


class CampaignList(Shape):
    """A page of campaigns, by id."""

    app_group: str
    position: Position
    campaigns: list[HeadlineShape]
    next_cursor: str | None


class ConversionShape(Shape):
    """A conversion: the behaviour, and the receipt that it is credited to."""

    user_id: UserIdShape
    index: int
    letter: Letter
    variant_id: str
    control: bool
    receipt_id: str
    received_at: Instant
    window_ends_at: Instant
    behaviour_id: str
    behaviour_at: Instant
    recorded_at: Instant
    restated: bool
    decided_at: Instant


class ListShape(OfCampaignShape):
    """A page of a list about a campaign; it holds every event up to `position`."""

    position: Position
    after: Annotated[
        str | None, Field(description="The key of the last row, if there are more: for the terminal.")
    ]
    next_cursor: Cursor


class ConversionList(ListShape):
    """A page of a campaign's conversions."""

    conversions: list[ConversionShape]


class VariantOfUserShape(Shape):
    """A variant that a user received, and how often."""

    variant_id: str
    control: bool
    receipts: int


class ConvertedShape(Shape):
    """Whether a user converted on a conversion event, and the variant that it is credited to."""

    index: int
    letter: Letter
    converted: bool
    variant_id: str | None


class RecipientShape(Shape):
    """A user who received the campaign."""

    user_id: UserIdShape
    journey_id: str
    variants: list[VariantOfUserShape]
    receipts: int
    first_receipt_id: str
    first_received_at: Instant
    last_receipt_id: str
    last_received_at: Instant
    conversion_events: list[ConvertedShape]
    revenue: Revenue


class RecipientList(ListShape):
    """A page of a campaign's recipients."""

    recipients: list[RecipientShape]


class CampaignEventShape(Shape):
    """A change of a campaign: when it was recorded, who gave the command, and the event."""

    position: Position
    version: int
    recorded_at: Instant
    actor: Annotated[
        str, Field(description="`key:ID` of an API key, `os:USER` of a terminal, or `service:NAME`.")
    ]
    topic: str
    event: dict[str, Any]


class HistoryShape(OfCampaignShape):
    """A page of a campaign's history, the newest event last."""

    events: list[CampaignEventShape]
    next_cursor: Cursor
