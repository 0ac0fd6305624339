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
from projections.conversions.reading import select_converted
from projections.engine.generations import Generation
from projections.engine.tables import CAMPAIGN
from projections.recipients.days import Span
from projections.recipients.tables import recipient_receipts, recipients

FLAGS = [f"converted_{letter.lower()}" for letter in LETTERS]

_FEW = 10_000
"""So many receipts are looked up one by one; where there are more, every tenth user or so has one."""


class Wanted(TypedDict, total=False):
    """Which recipients. Conversion events are named by index; an open window is one that is not over at `as_of`.

    `received` are spans of instants in which the user has a receipt; conversions and revenue are then those that are
    credited to receipts in these spans, as the report of the same days counts them. With a variant, or without control,
    they are those that are credited to the variants that are asked about (R9).
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
    asked = of_variants(at, definition, wanted)
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
    spans = wanted.get("received")

    def keep(index: int, *, has_converted: bool) -> Select[Any]:
        if spans is None:
            did = _is_any(asked & at[FLAGS[index]])
            return query.having(did if has_converted else ~did)
        found = select_converted(connection, stream_id, index, spans).c
        did = exists().where(found.journey_id == at.journey_id, of_variants(found, definition, wanted))
        return query.where(did if has_converted else ~did)

    if (index := wanted.get("converted_on")) is not None:
        query = keep(index, has_converted=True)
    if (index := wanted.get("not_converted_on")) is not None:
        query = keep(index, has_converted=False)
    if (index := wanted.get("open_on")) is not None:
        since = _open_since(definition, index, wanted["as_of"])
        query = query.having(_is_any(asked & (at.last_received_at >= since)))
        recent = own[recipient_receipts].c.received_at >= since
        if _are_few(connection, own, stream_id, recent):
            query = query.where(at.journey_id.in_(_select_users(own, stream_id, recent)))
    if spans is not None:
        query = query.where(_has_receipt(connection, own, stream_id, definition, wanted, spans))
    return query


def of_variants(columns: Any, definition: Definition, wanted: Wanted) -> ColumnElement[bool]:  # noqa: ANN401
    """Whether a row is of the variants that are asked about."""
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


def _are_few(connection: Connection, own: Generation, stream_id: str, inside: ColumnElement[bool]) -> bool:
    """Whether so few receipts of the campaign fit that they are found by the index, and nobody else is looked at."""
    few = _select_users(own, stream_id, inside).limit(_FEW + 1).subquery()
    return connection.execute(select(func.count()).select_from(few)).scalar_one() <= _FEW


def _select_users(own: Generation, stream_id: str, fit: ColumnElement[bool]) -> Select[Any]:
    """The user of each receipt of the campaign that fits."""
    at = own[recipient_receipts].c
    return select(at.journey_id).where(at.stream_id == stream_id, fit)


def _has_receipt(
    connection: Connection,
    own: Generation,
    stream_id: str,
    definition: Definition,
    wanted: Wanted,
    spans: Sequence[Span],
) -> ColumnElement[bool]:
    """Whether the user has a receipt in these spans, of the variants that are asked about."""
    of, at = own[recipients].c, own[recipient_receipts].c
    inside = or_(false(), *((at.received_at >= start) & (at.received_at < end) for start, end in spans))
    asked = of_variants(at, definition, wanted)
    if _are_few(connection, own, stream_id, inside):
        return of.journey_id.in_(_select_users(own, stream_id, asked & inside))
    if connection.dialect.name == "sqlite":
        # As a case, or it takes the index by instant, and reads all receipts of the spans for each user. PostgreSQL
        # expects hardly any from a case, and sorts all users for each page.
        inside = case((inside, 1), else_=0) == 1
    return exists().where(at.stream_id == of.stream_id, at.journey_id == of.journey_id, asked, inside)
