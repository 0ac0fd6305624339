"""The overlap (R8): how many conversions share their behaviour with another campaign, and with which.

Every campaign is judged on its own, so that totals of several campaigns are no count of distinct users. A conversion
overlaps where its behaviour earned a conversion of another campaign too; control's conversions (R9) take no part.

tables.py: what it owns. fold.py: how events change it. reading.py: the overlap of a campaign.
"""

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.engine import Connection

from domain.journey import decisions
from projections.engine import row_counts
from projections.engine.projection import Projection, Tables, Tally
from projections.engine.tables import users
from projections.overlap import fold
from projections.overlap.tables import overlap_behaviours, overlap_campaigns, overlap_conversions


def _expected(tally: Tally) -> dict[str, int]:
    return {"conversions": row_counts.conversions(tally)}


def _held(connection: Connection, tables: Tables) -> dict[str, int]:
    counted = tables[overlap_conversions]
    return {
        "conversions": row_counts.total(connection, counted, "conversions")
        + row_counts.total(connection, counted, "control_conversions"),
    }


def _of_users(tables: Tables) -> Select[Any]:
    """The behaviours with the user's id beside the journey's."""
    journey_id, *others = tables[overlap_behaviours].c
    whose = tables[overlap_behaviours].outerjoin(users, users.c.journey_id == journey_id)
    return select(journey_id, users.c.user_id, *others).select_from(whose)


OVERLAP = Projection(
    name="overlap",
    version=1,
    tables=(overlap_behaviours, overlap_conversions, overlap_campaigns),
    fold=fold.OverlapFold,
    handlers={
        decisions.ConversionRecorded: fold.recorded,
        decisions.ConversionRestated: fold.restated,
        decisions.ConversionWithdrawn: fold.withdrawn,
    },
    write=fold.write,
    expected=_expected,
    held=_held,
    views={overlap_behaviours.name: _of_users},
)
