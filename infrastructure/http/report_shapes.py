"""The shapes of reports over HTTP: now, of other times, by day, and the overlap with other campaigns."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from infrastructure.http.definitions import Instant, OfCampaignShape, Position, Revenue, Shape


class FiguresShape(Shape):
    """The figures of a campaign or a variant (R18, R19)."""

    receipts: int
    unique_recipients: int
    conversions: list[int]
    conversion_rates: list[float | None]
    revenue: Revenue


class ConversionEventShape(BaseModel):
    """A conversion event and its filter."""

    index: int
    letter: str
    primary: bool
    type: str
    deadline_seconds: int


class VariantFiguresShape(FiguresShape):
    """The figures of a variant."""

    variant_id: str
    name: str | None
    control: bool


class AnyReportShape(OfCampaignShape):
    """A report of a campaign: it holds every event up to `position`."""

    name: str
    kind: str
    status: str
    position: Position
    recorded_at: Annotated[Instant, Field(description="When the event at `position` was recorded.")]
    revenue_window_seconds: int
    conversion_events: list[ConversionEventShape]
    totals: FiguresShape
    variants: list[VariantFiguresShape]


class EventMatureShape(Shape):
    """Recipients whose window on a conversion event is over, how many of them converted, and the others: `open`."""

    index: int
    letter: str
    recipients: int
    converted: int
    rate: float | None
    open: int


class VariantMatureShape(Shape):
    """A variant's mature rates."""

    variant_id: str
    control: bool
    conversion_events: list[EventMatureShape]


class MatureShape(Shape):
    """The rates of recipients whose windows were over at a full hour; the totals leave out control."""

    as_of: Instant
    position: Position
    totals: list[EventMatureShape]
    variants: list[VariantMatureShape]


class AsOf(Shape):
    """The instant of a report, and the clock by which it counts."""

    instant: Instant
    clock: Literal["recorded", "occurred"]


class ReportShape(AnyReportShape):
    """A campaign's report: now, as of an instant, or of the receipts of some days."""

    mature: MatureShape | None = Field(
        None,
        description="Now: the rates of recipients whose windows are over; null while they cannot be read.",
    )
    as_of: AsOf | None = Field(None, description="Of a report as of an instant.")
    received_from: str | None = Field(None, description="Of a report of some days; null is an open end.")
    to: str | None = Field(None, description="The last of these days.")


class FigureChangeShape(Shape):
    """A figure that changed, of a variant, or of the campaign if `variant_id` is null."""

    variant_id: str | None
    control: bool
    figure: Literal["receipts", "unique_recipients", "conversions", "conversion_rate", "revenue"]
    index: int | None
    letter: str | None
    currency: str | None
    before: int | float | str | None
    after: int | float | str | None
    difference: int | float | str | None


class DifferenceShape(OfCampaignShape):
    """What changed between two instants or positions: figures, and the first of the changes that made them."""

    clock: Literal["recorded", "occurred"]
    from_: Annotated[Instant, Field(alias="from")]
    to: Instant
    from_position: Position
    to_position: Position
    figures: list[FigureChangeShape]
    changes: list[dict[str, Any]]
    changes_total: Annotated[int, Field(description="How many changes there are in all.")]


class DayFiguresShape(Shape):
    """The figures of a day (R20)."""

    receipts: int
    unique_recipients: int
    conversions: list[int]
    revenue: Revenue


class DayShape(BaseModel):
    """A day in the app group's time zone."""

    date: str
    totals: DayFiguresShape
    variants: list[dict[str, Any]]


class SeriesShape(BaseModel):
    """A campaign by day, under one of the two clocks."""

    app_group: str
    campaign_id: str
    clock: Literal["conversion", "receipt"]
    time_zone: str
    position: Position
    days: list[DayShape]


class EventOverlapShape(Shape):
    """A conversion event's conversions outside control, and those whose behaviour converted elsewhere too."""

    index: int
    letter: str
    conversions: int
    overlapping: int
    share: float | None


class SharedBehavioursShape(Shape):
    """How many behaviours converted on another campaign too."""

    campaign_id: str
    behaviours: int


class OverlapShape(OfCampaignShape):
    """A campaign's overlap with others, or a page of it."""

    position: Position
    conversion_events: list[EventOverlapShape]
    with_: Annotated[list[SharedBehavioursShape], Field(alias="with")]
    next_cursor: str | None
