"""Mapper: between recorded events and stored ones, by short topics and JSON payloads."""

from typing import Any

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from domain.aggregate import Recorded
from infrastructure.event_store.codec import TOPICS, decode, encode


class LedgerMapper(Mapper[str]):
    """The library's mapper for our events."""

    def __init__(self) -> None:
        super().__init__(JSONTranscoder())

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        recorded: Recorded[Any] = domain_event  # type: ignore[assignment]
        event = recorded.event
        return StoredEvent(
            recorded.originator_id, recorded.originator_version, TOPICS[type(event)], encode(event)
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Recorded[Any]:
        return Recorded(
            str(stored_event.originator_id),
            stored_event.originator_version,
            decode(stored_event.topic, stored_event.state),
        )
