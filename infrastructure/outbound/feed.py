"""What is decided of users as other services are told of it: in envelopes of CloudEvents 1.0, each app group's apart.

Events hold a journey's id and no user's: who it is stands beside them, and is no longer told once it is forgotten.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
from sqlalchemy import bindparam, func, literal_column, select

from domain.campaigns.conversion_events import LETTERS
from domain.campaigns.definition import Definition
from domain.errors import DomainError
from domain.instants import from_microseconds, printed
from domain.journey import decisions
from domain.journey.decisions import Conversion, Occurrence, Receipt, Revenue
from domain.money import printed as money
from infrastructure.composition import Service
from infrastructure.database.schema import events, identities
from infrastructure.database.statements import Prepared, as_keys, constant
from infrastructure.event_store.codec import TOPICS, UnreadableEvent, decode
from infrastructure.event_store.recorder import HASH_DIFFERS, event_hash
from infrastructure.read_models.definitions import StoredDefinitions
from projections.engine.projection import UnreadableLog

PREFIX = "conversion-ledger."

TYPES: Mapping[type[Any], str] = {
    decisions.ConversionRecorded: "conversion.recorded",
    decisions.ConversionRestated: "conversion.restated",
    decisions.ConversionWithdrawn: "conversion.withdrawn",
    decisions.RevenueAttributed: "revenue.attributed",
    decisions.RevenueRestated: "revenue.restated",
    decisions.RevenueWithdrawn: "revenue.withdrawn",
}
"""What is told, by class of event; the names are a contract (docs/webhooks.md), and stand behind the prefix."""

MOST = 200
"""Events of a page, so that no page is large in memory."""

_STRETCH = 20_000
"""Positions that are looked through for a page, so that none takes long."""


class BadType(DomainError):
    """No event that is told has this type."""

    code = "bad_type"


def read_types(names: Iterable[str]) -> frozenset[str] | None:
    """Types by name, with or without the prefix; None, which is all of them, where there is none. Raises BadType."""
    found = frozenset(name.strip().removeprefix(PREFIX) for name in names if name.strip())
    for name in sorted(found - set(TYPES.values())):
        raise BadType(f"{name!r} is none of {', '.join(TYPES.values())}", place="types")
    return found or None


@dataclass(frozen=True)
class Wanted:
    """What someone is told of: an app group, and of it some types or one campaign alone."""

    app_group: str
    types: frozenset[str] | None = None
    campaign_id: str | None = None

    def holds(self, event: Any) -> bool:  # noqa: ANN401
        """Whether an event of the app group is wanted."""
        of_type = self.types is None or TYPES[type(event)] in self.types
        return of_type and self.campaign_id in (None, event.campaign_id)


class Telling(NamedTuple):
    """An event to be told; `user_id` is None where the user was forgotten, `recorded_at` in microseconds."""

    position: int
    app_group: str
    journey_id: str
    user_id: str | None
    recorded_at: int
    event: Any


class Page(NamedTuple):
    """Events in order, the position up to which the log was looked through, and the newest there was."""

    told: list[Telling]
    position: int
    newest: int


class Teller:
    """Reads what is to be told from the log, and puts it into envelopes."""

    def __init__(self, service: Service) -> None:
        self._database = service.database
        self._known = StoredDefinitions(service.ledger)
        compiler = self._database.dialect.compiler
        position = events.c.position
        user = identities.c.journey_id == events.c.originator_id
        told = select(*events.c, identities.c.user_id).join_from(events, identities, user, isouter=True)
        of_group = events.c.app_group == bindparam("app_group")
        within = (position > bindparam("after"), position <= bindparam("last"))
        topics = events.c.topic.in_([literal_column(f"'{TOPICS[each]}'") for each in TYPES])
        page = told.where(of_group, *within, topics).order_by(position).limit(constant(MOST))
        # SQLAlchemy states an OFFSET beside a LIMIT that is no bound value.
        self._page = Prepared(page.offset(constant(0)), compiler)
        keys = self._database.dialect.keys("keys", position=int)
        picked = told.where(of_group, position.in_(select(keys.c.position))).order_by(position)
        self._picked = Prepared(picked, compiler)

    def newest(self) -> int:
        """The position of the last event there is; 0 where there is none."""
        with self._database.reading() as connection:
            return connection.execute(select(func.max(events.c.position))).scalar() or 0

    def page(self, wanted: Wanted, after: int) -> Page:
        """What is wanted of the log after a position, a page of it; raises UnreadableLog."""
        with self._database.reading() as connection:
            newest: int = connection.execute(select(func.max(events.c.position))).scalar() or 0
            last = min(after + _STRETCH, newest)
            rows = self._page.all(connection, app_group=wanted.app_group, after=after, last=last)
        read = [_read(row) for row in rows]
        position = read[-1].position if len(read) == MOST else max(after, last)
        return Page([each for each in read if wanted.holds(each.event)], position, newest)

    def at(self, app_group: str, positions: Iterable[int]) -> list[Telling]:
        """The events of an app group at some positions, in order; raises UnreadableLog."""
        keys = as_keys([(position,) for position in positions])
        with self._database.reading() as connection:
            return [_read(row) for row in self._picked.all(connection, app_group=app_group, keys=keys)]

    def envelope(self, told: Telling) -> bytes:
        """The event as JSON in the structured mode of CloudEvents."""
        subject = {} if told.user_id is None else {"subject": told.user_id}
        return orjson.dumps(
            {
                "specversion": "1.0",
                "id": str(told.position),
                "source": f"/conversion-ledger/app-groups/{quote(told.app_group, safe='')}",
                "type": PREFIX + TYPES[type(told.event)],
                **subject,
                "time": printed(from_microseconds(told.recorded_at)),
                "datacontenttype": "application/json",
                "data": self._data(told),
            }
        )

    def _data(self, told: Telling) -> dict[str, Any]:
        event = told.event
        definition = self._known.definition(told.app_group, event.campaign_id)
        data = {
            "position": str(told.position),
            "app_group": told.app_group,
            "user_id": told.user_id,
            "campaign_id": event.campaign_id,
        } | _about(event, definition)
        for side in ("before", "now"):
            stood = getattr(event, side, None)
            data[side] = None if stood is None else _stood(stood, event, definition)
        return data


def _read(row: Any) -> Telling:  # noqa: ANN401
    position, app_group, journey_id, version, topic, state, recorded_at, command_id, actor, digest, user = row
    content = (position, app_group, journey_id, version, topic, state, recorded_at, command_id, actor)
    if digest != event_hash(*content):
        raise UnreadableLog(position, HASH_DIFFERS)
    try:
        event = decode(topic, state)
    except UnreadableEvent as error:
        raise UnreadableLog(position, str(error)) from error
    return Telling(position, app_group, journey_id, user, recorded_at, event)


def _about(event: Any, definition: Definition) -> dict[str, Any]:  # noqa: ANN401
    """What a decision is about: a conversion event of the campaign, or a purchase or order (R27)."""
    if hasattr(event, "purchase"):
        sale = {"type": "order" if event.is_order else "purchase"}
        return {"purchase": sale | _occurrence(event.purchase), "currency": event.currency}
    stated = definition.conversion_events[event.index].stated()
    place = {"index": event.index, "letter": LETTERS[event.index], "primary": event.index == 0}
    return {"conversion_event": place | {"type": stated["type"]}}


def _stood(stood: Conversion | Revenue, event: Any, definition: Definition) -> dict[str, Any]:  # noqa: ANN401
    variant = definition.variants[stood.receipt.variant_id]
    credit = {
        "receipt": _occurrence(stood.receipt),
        "variant_id": variant.id,
        "control": variant.control,
    }
    if isinstance(stood, Conversion):
        return {"behaviour": _occurrence(stood.behaviour)} | credit
    return {"net": money(stood.net, event.currency)} | credit


def _occurrence(found: Occurrence | Receipt) -> dict[str, str]:
    return {"id": found.id, "at": printed(found.at)}
