"""Mature rates: of those whose windows are over (R6) how many converted, apart from those who still may."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.engine import Connection

from domain.campaigns.conversion_events import LETTERS
from domain.instants import full_hour, printed
from projections.engine.generations import Generation, current
from projections.engine.projection import Definitions
from projections.engine.tables import CAMPAIGN, stream
from projections.recipients import RECIPIENTS
from projections.recipients.tables import recipient_hours


@dataclass(frozen=True)
class EventMature:
    """Recipients whose window on a conversion event is over, how many of them converted, and the others: `open`."""

    index: int
    recipients: int
    converted: int
    open: int

    @property
    def rate(self) -> float | None:
        """Converted / recipients; without recipients there is no rate (R18)."""
        return self.converted / self.recipients if self.recipients else None

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return {
            "index": self.index,
            "letter": LETTERS[self.index],
            "recipients": self.recipients,
            "converted": self.converted,
            "rate": self.rate,
            "open": self.open,
        }


@dataclass(frozen=True)
class VariantMature:
    """A variant, and its figures for each conversion event."""

    variant_id: str
    control: bool
    conversion_events: list[EventMature]

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return {
            "variant_id": self.variant_id,
            "control": self.control,
            "conversion_events": [event.as_json() for event in self.conversion_events],
        }


@dataclass(frozen=True)
class Mature:
    """A campaign's mature rates as of a full hour; the totals are those of any variant but control.

    They hold every event up to `position`, those recorded after the hour too: what is known now of who was mature then.
    """

    as_of: datetime
    position: int
    totals: list[EventMature]
    variants: list[VariantMature]

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return {
            "as_of": printed(self.as_of),
            "position": str(self.position),
            "totals": [event.as_json() for event in self.totals],
            "variants": [variant.as_json() for variant in self.variants],
        }


def load_mature_rates(
    connection: Connection, definitions: Definitions, app_group: str, campaign_id: str, as_of: datetime
) -> Mature:
    """The mature rates of a campaign as of the full hour, in UTC, at or before an instant; raises UnknownCampaign.

    A recipient is mature once the window of their last receipt is over: the window's end is inside it (R6).
    """
    definition, own = definitions.definition(app_group, campaign_id), current(connection, RECIPIENTS)
    hour, indexes = full_hour(as_of), range(len(definition.conversion_events))
    counts = _counts(connection, own, stream(app_group, campaign_id), hour)

    def of(variant_id: str) -> list[EventMature]:
        return [EventMature(index, *counts[variant_id, index]) for index in indexes]

    return Mature(
        as_of=hour,
        position=own.position,
        totals=of(CAMPAIGN),
        variants=[
            VariantMature(variant_id, variant.control, of(variant_id))
            for variant_id, variant in definition.variants.items()
        ],
    )


def _counts(
    connection: Connection, own: Generation, stream_id: str, hour: datetime
) -> defaultdict[tuple[str, int], tuple[int, int, int]]:
    """By variant and conversion event: mature recipients, those of them who converted, and those who are not mature."""
    at = own[recipient_hours].c
    over = at.hour <= hour
    query = (
        select(
            at.variant_id,
            at.conversion_event,
            func.sum(case((over, at.recipients), else_=0)),
            func.sum(case((over, at.converted), else_=0)),
            func.sum(case((over, 0), else_=at.recipients)),
        )
        .where(at.stream_id == stream_id)
        .group_by(at.variant_id, at.conversion_event)
    )
    found: defaultdict[tuple[str, int], tuple[int, int, int]] = defaultdict(lambda: (0, 0, 0))
    for variant_id, index, *counts in connection.execute(query):
        recipients, converted, still_open = map(int, counts)
        found[variant_id, index] = (recipients, converted, still_open)
    return found
