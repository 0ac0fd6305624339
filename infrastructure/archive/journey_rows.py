"""The rows beside the log of each journey, derived from its events, its user and the free text of its facts."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from application.commands.properties import seal
from domain.facts import Fact, digest
from domain.journey.decisions import FactDisregarded, UpgradeRecorded, UpgradeWithdrawn
from infrastructure.archive.manifest import BadArchive
from infrastructure.database.dialect import Dialect
from infrastructure.database.schema import identities, journey_facts, journey_lanes, kept_aside
from infrastructure.event_store.codec import TOPICS, decode
from infrastructure.journeys.history import Layer
from infrastructure.journeys.index import IndexRows

_SEALED = ("properties", "reason")
"""Fields of facts that hold the seal of free text."""

_READ = (FactDisregarded, UpgradeRecorded, UpgradeWithdrawn)

TOPICS_READ = [topic for event, topic in TOPICS.items() if issubclass(event, (Fact, *_READ))]
"""Topics that the index of journeys is derived from."""


class Entry(NamedTuple):
    """An event of a journey, with the free text of the fact and the user of the journey, where they are known."""

    journey_id: str
    version: int
    topic: str
    payload: str
    fact_id: str | None
    text: str | None
    app_group: str | None
    user_id: str | None


@dataclass
class Rows:
    """Rows of some journeys, by table."""

    identities: list[tuple[Any, ...]] = field(default_factory=list)
    texts: list[tuple[Any, ...]] = field(default_factory=list)
    index: IndexRows = field(default_factory=IndexRows)


class JourneyWriter:
    """Writes what is stored beside the log."""

    def __init__(self, dialect: Dialect) -> None:
        self._identities = dialect.filling(identities)
        self._texts = dialect.filling(kept_aside)
        self._facts = dialect.filling(journey_facts)
        self._lanes = dialect.filling(journey_lanes)

    def write(self, connection: Connection, rows: Rows) -> None:
        """Write rows, in the order of their keys; raises IntegrityError."""
        self._identities(connection, rows.identities)
        self._texts(connection, sorted(rows.texts))
        self._facts(connection, sorted(rows.index.facts))
        self._lanes(connection, sorted([*rows.index.lanes, *rows.index.months]))


def derive_rows(entries: Iterable[Entry], at_least: int) -> Iterator[tuple[Rows, int, int]]:
    """The rows of whole journeys, and the number of journeys and facts; entries come by journey. Raises BadArchive."""
    rows, journeys = Rows(), 0
    for journey_id, events in groupby(entries, key=itemgetter(0)):
        _derive(journey_id, list(events), rows)
        journeys += 1
        if len(rows.index.facts) >= at_least:
            yield rows, journeys, len(rows.index.facts)
            rows, journeys = Rows(), 0
    yield rows, journeys, len(rows.index.facts)


def _derive(journey_id: str, entries: list[Entry], into: Rows) -> None:
    """Derive a journey's rows, the same as when its facts are recorded."""
    key, layer = secrets.token_bytes(32), Layer(None, lambda _: None)
    user_id, app_group = entries[0].user_id, entries[0].app_group
    if user_id is not None:
        into.identities.append((app_group, user_id, journey_id, key))
    for entry in entries:
        event = decode(entry.topic, entry.payload)
        layer.add(event, entry.version)
        if entry.text is None:
            continue
        if entry.fact_id != event.id:
            raise BadArchive(
                f"journey {journey_id}: its free text belongs to another fact", code="damaged_file"
            )
        into.texts.append((journey_id, event.id, entry.text))
        if user_id is not None:
            layer.facts[event.id] = (event, _digest_resealed(event, key, entry.text), entry.version)
    layer.rows(journey_id, into.index)


def _digest_resealed(fact: Any, key: bytes, text: str) -> bytes:  # noqa: ANN401
    """The digest of the fact when it is sent again, which is then sealed under the new key."""
    sealed = {name: seal(key, text) for name in _SEALED if getattr(fact, name, None) is not None}
    return digest(msgspec.structs.replace(fact, **sealed))
