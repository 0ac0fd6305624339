"""Which recipients a list has: of a variant or of several, who converted or did not, who still may.

What is asked of a variant is asked of what is credited to it (R9), so that each list is as long as the figure in the
report. Control is a variant like any other, unless it is left out.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import ColumnElement, Select, and_, case, exists, false, func, or_, select, true
from sqlalchemy.engine import Connection

from domain.campaigns.conversion_events import LETTERS
from domain.campaigns.definition import Definition
from domain.instants import full_hour
from projections.engine.generations import Generation
from projections.engine.tables import CAMPAIGN
from projections.recipients.days import Span
from projections.recipients.tables import recipient_receipts, recipients

FLAGS = [f"converted_{letter.lower()}" for letter in LETTERS]

_FEW = 10_000
"""So many receipts are looked up one by one; where there are more, every tenth user or so has one."""


class Wanted(TypedDict, total=False):
    """Which recipients. Conversion events are named by index; an open window is one that is not over at `as_of`.

    `received` are spans of instants in which the user has a receipt.
    """

    user_id: str | None
    variant_id: str | None
    without_control: bool
    several_variants: bool
    converted_on: int | None
    not_converted_on: int | None
    open_on: int | None
    as_of: datetime
    received: Sequence[Span] | None


def choose_recipients(
    connection: Connection, own: Generation, definition: Definition, stream_id: str, wanted: Wanted
) -> Select[Any]:
    """The journeys of a list, in the order of their keys; raises UnknownVariant.

    A campaign's own rows are left out: they only repeat what those of its variants say.
    """
    at = own[recipients].c
    asked = _of_variants(at, definition, wanted)
    query: Select[Any] = (
        select(at.stream_id, at.journey_id)
        .where(at.stream_id == stream_id, at.variant_id != CAMPAIGN)
        .group_by(at.stream_id, at.journey_id)
    )
    if wanted.get("several_variants"):
        # All variants of a user have to be seen to know that there are several.
        query = query.having(func.count() > 1).having(_is_any(asked))
    if not wanted.get("several_variants"):
        query = query.where(asked)
    if (index := wanted.get("converted_on")) is not None:
        query = query.having(_is_any(asked & at[FLAGS[index]]))
    if (index := wanted.get("not_converted_on")) is not None:
        query = query.having(~_is_any(asked & at[FLAGS[index]]))
    if (index := wanted.get("open_on")) is not None:
        since = _open_since(definition, index, wanted["as_of"])
        query = query.having(_is_any(asked & (at.last_received_at >= since)))
        query = _look_up_few(connection, own, query, since, stream_id)
    if (spans := wanted.get("received")) is not None:
        query = query.where(_has_receipt(own, definition, wanted, spans))
    return query


def _of_variants(columns: Any, definition: Definition, wanted: Wanted) -> ColumnElement[bool]:  # noqa: ANN401
    """The rows of the variants that are asked about."""
    asked = []
    if (variant_id := wanted.get("variant_id")) is not None:
        asked.append(columns.variant_id == definition.variant(variant_id))
    if wanted.get("without_control") and definition.control is not None:
        asked.append(columns.variant_id != definition.control)
    return and_(true(), *asked)


def _is_any(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether it is so of any of the user's rows."""
    return func.max(case((condition, 1), else_=0)) == 1


def _open_since(definition: Definition, index: int, as_of: datetime) -> datetime:
    """The first receipt whose window is open, as mature rates have it: both are judged at full hours (R6)."""
    _, _, deadline = definition.windows[index]
    return full_hour(as_of) - deadline


def _look_up_few(
    connection: Connection, own: Generation, query: Select[Any], since: datetime, stream_id: str
) -> Select[Any]:
    """Where few have received it since an instant, they are found by the index, and nobody else is looked at."""
    at = own[recipient_receipts].c
    recent = select(at.journey_id).where(at.stream_id == stream_id, at.received_at >= since)
    few = select(func.count()).select_from(recent.limit(_FEW + 1).subquery())
    if connection.execute(few).scalar_one() > _FEW:
        return query
    return query.where(own[recipients].c.journey_id.in_(recent))


def _has_receipt(
    own: Generation, definition: Definition, wanted: Wanted, spans: Sequence[Span]
) -> ColumnElement[bool]:
    """Whether the user has a receipt in these spans, of the variants that are asked about."""
    of, at = own[recipients].c, own[recipient_receipts].c
    inside = [(at.received_at >= start) & (at.received_at < end) for start, end in spans]
    return exists().where(
        at.stream_id == of.stream_id,
        at.journey_id == of.journey_id,
        _of_variants(at, definition, wanted),
        or_(false(), *inside),
    )
