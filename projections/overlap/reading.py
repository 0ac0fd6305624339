"""Reading the overlap of a campaign."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from domain.campaigns.conversion_events import LETTERS
from projections.engine.generations import current
from projections.engine.projection import Definitions
from projections.engine.tables import stream
from projections.overlap import OVERLAP
from projections.overlap.tables import overlap_campaigns, overlap_conversions


@dataclass(frozen=True)
class EventOverlap:
    """A conversion event's conversions outside control, and those whose behaviour converted elsewhere too."""

    index: int
    conversions: int
    overlapping: int

    @property
    def share(self) -> float | None:
        """Overlapping / conversions; without conversions there is no share."""
        return self.overlapping / self.conversions if self.conversions else None

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "index": self.index,
            "letter": LETTERS[self.index],
            "conversions": self.conversions,
            "overlapping": self.overlapping,
            "share": self.share,
        }


@dataclass(frozen=True)
class SharedBehaviours:
    """How many behaviours converted on another campaign too."""

    campaign_id: str
    behaviours: int

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {"campaign_id": self.campaign_id, "behaviours": self.behaviours}


@dataclass(frozen=True)
class Overlap:
    """A campaign's overlap; it holds every event up to `position`."""

    app_group: str
    campaign_id: str
    position: int
    conversion_events: list[EventOverlap]
    shared_with: list[SharedBehaviours]

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return {
            "app_group": self.app_group,
            "campaign_id": self.campaign_id,
            "position": str(self.position),
            "conversion_events": [event.as_json() for event in self.conversion_events],
            "with": [shared.as_json() for shared in self.shared_with],
        }


def load_overlap(
    connection: Connection, definitions: Definitions, app_group: str, campaign_id: str
) -> Overlap:
    """The overlap of a campaign with each of the others, most first; raises UnknownCampaign."""
    conversion_events = definitions.definition(app_group, campaign_id).conversion_events
    tables = current(connection, OVERLAP)
    counted, pairs = tables[overlap_conversions], tables[overlap_campaigns]
    own = stream(app_group, campaign_id)
    counts = {
        row.conversion_event: (row.conversions, row.overlapping)
        for row in connection.execute(select(counted).where(counted.c.stream_id == own))
    }
    others = (
        select(pairs.c.other_campaign_id, pairs.c.behaviours)
        .where(pairs.c.stream_id == own)
        .order_by(pairs.c.behaviours.desc(), pairs.c.other_campaign_id)
    )
    return Overlap(
        app_group=app_group,
        campaign_id=campaign_id,
        position=tables.position,
        conversion_events=[
            EventOverlap(index, *counts.get(index, (0, 0))) for index in range(len(conversion_events))
        ],
        shared_with=[SharedBehaviours(*row) for row in connection.execute(others)],
    )
