"""The feed: decisions about users, read from the log for other services, in envelopes of CloudEvents 1.0.

A feed is of one app group. The events in the log name a journey and no user. A table beside the log says which user it
is, until that user is forgotten.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
from sqlalchemy import select

from domain.campaigns.conversion_events import LETTERS
from domain.campaigns.definition import Definition
from domain.errors import DomainError
from domain.instants import from_microseconds, printed
from domain.journey import decisions
from domain.journey.decisions import Conversion, Occurrence, Receipt, Revenue
from domain.money import printed as money
from infrastructure.database import Database
from infrastructure.database.dialect import Prepared, as_keys, constant
from infrastructure.database.schema import events
from infrastructure.event_store.reading import (
    IN_RANGE,
    OF_APP_GROUP,
    last_position,
    of_types,
    read_events,
    select_rows,
)
from infrastructure.read_models.definitions import StoredDefinitions

PREFIX = "conversion-ledger."

TYPES: Mapping[type[Any], str] = {
    decisions.ConversionRecorded: "conversion.recorded",
    decisions.ConversionRestated: "conversion.restated",
    decisions.ConversionWithdrawn: "conversion.withdrawn",
    decisions.RevenueAttributed: "revenue.attributed",
    decisions.RevenueRestated: "revenue.restated",
    decisions.RevenueWithdrawn: "revenue.withdrawn",
}
"""The events that go out, by class. The names are a contract (docs/webhooks.md); the prefix comes before them."""

MOST = 200
"""The most events in a page: it bounds the memory that a page takes."""

_STRETCH = 20_000
"""The most positions of the log that one page looks through: it bounds the time that a page takes."""


class BadType(DomainError):
    """No outgoing event has this type."""

    code = "bad_type"


def read_types(names: Iterable[str]) -> frozenset[str] | None:
    """Read types, with or without the prefix; None means all of them, and no name gives None. Raises BadType."""
    types = frozenset(name.strip().removeprefix(PREFIX) for name in names if name.strip())
    for name in sorted(types - set(TYPES.values())):
        raise BadType(f"{name!r} is none of {', '.join(TYPES.values())}", place="types")
    return types or None


@dataclass(frozen=True)
class Wanted:
    """The events that a reader wants: those of an app group, perhaps of some types or of one campaign only."""

    app_group: str
    types: frozenset[str] | None = None
    campaign_id: str | None = None

    def holds(self, event: Any) -> bool:  # noqa: ANN401
        """Whether the reader wants an event of the app group."""
        of_type = self.types is None or TYPES[type(event)] in self.types
        return of_type and self.campaign_id in (None, event.campaign_id)


class OutgoingEvent(NamedTuple):
    """An event on its way out; `user_id` is None once the user is forgotten, `recorded_at` is in microseconds."""

    position: int
    app_group: str
    journey_id: str
    user_id: str | None
    recorded_at: int
    event: Any


class Page(NamedTuple):
    """Events in order, the position up to which the log was looked through, and the log's last position."""

    events: list[OutgoingEvent]
    position: int
    newest: int


class Feed:
    """Reads outgoing events from the log, and puts them into envelopes."""

    def __init__(self, database: Database, definitions: StoredDefinitions) -> None:
        self._database = database
        self._definitions = definitions
        compiler = self._database.dialect.compiler
        page = select_rows(OF_APP_GROUP, IN_RANGE, of_types(TYPES), users=True).limit(constant(MOST))
        # SQLAlchemy adds an OFFSET to a LIMIT that is no bound value.
        self._page = Prepared(page.offset(constant(0)), compiler)
        keys = self._database.dialect.keys("keys", position=int)
        picked = select_rows(OF_APP_GROUP, events.c.position.in_(select(keys.c.position)), users=True)
        self._picked = Prepared(picked, compiler)

    def newest(self) -> int:
        """The position of the log's last event; 0 when there is none."""
        with self._database.reading() as connection:
            return last_position(connection)

    def page(self, wanted: Wanted, after: int) -> Page:
        """Read the next wanted events after a position, a page of them; raises UnreadableLog."""
        with self._database.reading() as connection:
            newest = last_position(connection)
            last = min(after + _STRETCH, newest)
            rows = self._page.all(connection, app_group=wanted.app_group, after=after, last=last)
        read = _read(rows)
        position = read[-1].position if len(read) == MOST else max(after, last)
        return Page([each for each in read if wanted.holds(each.event)], position, newest)

    def at(self, app_group: str, positions: Iterable[int]) -> list[OutgoingEvent]:
        """Read the events of an app group at some positions, in order; raises UnreadableLog."""
        keys = as_keys([(position,) for position in positions])
        with self._database.reading() as connection:
            return _read(self._picked.all(connection, app_group=app_group, keys=keys))

    def envelope(self, outgoing: OutgoingEvent) -> bytes:
        """Write the event as JSON, in the structured mode of CloudEvents."""
        subject = {} if outgoing.user_id is None else {"subject": outgoing.user_id}
        return orjson.dumps(
            {
                "specversion": "1.0",
                "id": str(outgoing.position),
                "source": f"/conversion-ledger/app-groups/{quote(outgoing.app_group, safe='')}",
                "type": PREFIX + TYPES[type(outgoing.event)],
                **subject,
                "time": printed(from_microseconds(outgoing.recorded_at)),
                "datacontenttype": "application/json",
                "data": self._data(outgoing),
            }
        )

    def _data(self, outgoing: OutgoingEvent) -> dict[str, Any]:
        event = outgoing.event
        definition = self._definitions.definition(outgoing.app_group, event.campaign_id)
        data = {
            "position": str(outgoing.position),
            "app_group": outgoing.app_group,
            "user_id": outgoing.user_id,
            "campaign_id": event.campaign_id,
        } | _describe_subject(event, definition)
        for side in ("before", "now"):
            credited = getattr(event, side, None)
            data[side] = None if credited is None else _describe_credit(credited, event, definition)
        return data


def _read(rows: list[Any]) -> list[OutgoingEvent]:
    return [
        OutgoingEvent(each.position, each.app_group, each.stream_id, user_id, each.recorded_at, each.event)
        for each, (*_, user_id) in zip(read_events(rows), rows, strict=True)
    ]


def _describe_subject(event: Any, definition: Definition) -> dict[str, Any]:  # noqa: ANN401
    """Describe what a decision is about: a conversion event of the campaign, or a purchase or order (R27)."""
    if hasattr(event, "purchase"):
        sale = {"type": "order" if event.is_order else "purchase"}
        return {"purchase": sale | _occurrence(event.purchase), "currency": event.currency}
    stated = definition.conversion_events[event.index].stated()
    place = {"index": event.index, "letter": LETTERS[event.index], "primary": event.index == 0}
    return {"conversion_event": place | {"type": stated["type"]}}


def _describe_credit(credited: Conversion | Revenue, event: Any, definition: Definition) -> dict[str, Any]:  # noqa: ANN401
    variant = definition.variants[credited.receipt.variant_id]
    credit = {
        "receipt": _occurrence(credited.receipt),
        "variant_id": variant.id,
        "control": variant.control,
    }
    if isinstance(credited, Conversion):
        return {"behaviour": _occurrence(credited.behaviour)} | credit
    return {"net": money(credited.net, event.currency)} | credit


def _occurrence(fact: Occurrence | Receipt) -> dict[str, str]:
    return {"id": fact.id, "at": printed(fact.at)}
