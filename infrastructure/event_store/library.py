"""What `eventsourcing` loads aggregates with, over our recorder: its mapper and its factory."""

from collections.abc import Iterable
from typing import Any

from eventsourcing.application import Repository
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    EventStore,
    InfrastructureFactory,
    JSONTranscoder,
    Mapper,
    ProcessRecorder,
    StoredEvent,
    TrackingRecorder,
)
from eventsourcing.utils import Environment
from sqlalchemy import Connection

from application.ledger import Aggregates
from domain.aggregate import Recorded
from infrastructure.event_store.codec import TOPICS, decode, encode
from infrastructure.event_store.recorder import Payload, Recorder


class LedgerMapper(Mapper[str]):
    """Between recorded events and stored ones, by short topics and JSON payloads."""

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


class LedgerFactory(InfrastructureFactory[TrackingRecorder]):
    """Hands the library the recorder of one database."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(Environment("ledger", {}))
        self._recorder = recorder

    def application_recorder(self) -> ApplicationRecorder:
        return self._recorder

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """The same recorder: snapshots are kept by the journey store."""
        return self._recorder

    def tracking_recorder(
        self, tracking_recorder_class: type[TrackingRecorder] | None = None
    ) -> TrackingRecorder:
        raise TypeError("projections keep their own checkpoints (projections/engine/projector.py)")

    def process_recorder(self) -> ProcessRecorder:
        raise TypeError("projections keep their own checkpoints (projections/engine/projector.py)")


_mapper = LedgerMapper()


def read_aggregates(recorder: Recorder, connection: Connection) -> Aggregates:
    """What loads aggregates as a connection's transaction sees them."""
    return Aggregates(Repository(EventStore(_mapper, recorder.read_through(connection))))


def encode_events(app_group: str, recorded: Iterable[Recorded[Any]]) -> list[Payload]:
    """Events as they are stored, without the library's `StoredEvent` of each: that took a tenth of an import."""
    return [
        (
            app_group,
            each.originator_id,
            each.originator_version,
            TOPICS[type(each.event)],
            encode(each.event).decode(),
        )
        for each in recorded
    ]
