"""The library's event store and factory over our recorder."""

from collections.abc import Sequence
from typing import Any, cast

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    EventStore,
    InfrastructureFactory,
    Mapper,
    ProcessRecorder,
    Recording,
    TrackingRecorder,
)
from eventsourcing.utils import Environment

from infrastructure.event_store.codec import TOPICS, encode
from infrastructure.event_store.mapper import LedgerMapper
from infrastructure.event_store.recorder import Recorder


class LedgerEventStore(EventStore[str]):
    """Puts events without a `StoredEvent` and a `Notification` of each: nobody in this process waits for them.

    Reading goes the library's way, through mapper and recorder.
    """

    def put(
        self, domain_events: Sequence[Any], *, app_group: str = "", **kwargs: Any
    ) -> list[Recording[str]]:
        payloads = [
            (
                app_group,
                recorded.originator_id,
                recorded.originator_version,
                TOPICS[type(recorded.event)],
                encode(recorded.event).decode(),
            )
            for recorded in domain_events
        ]
        cast(Recorder, self.recorder).append(payloads)
        return []


class LedgerFactory(InfrastructureFactory[TrackingRecorder]):
    """Hands the library the recorder of one database."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(Environment("ledger", {}))
        self._recorder = recorder

    def event_store(
        self, mapper: Mapper[Any] | None = None, recorder: AggregateRecorder | None = None
    ) -> EventStore[Any]:
        return LedgerEventStore(mapper or LedgerMapper(), recorder or self._recorder)

    def application_recorder(self) -> ApplicationRecorder:
        return self._recorder

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """The same recorder: states are kept by the journey store, there is no table of snapshots."""
        return self._recorder

    def tracking_recorder(
        self, tracking_recorder_class: type[TrackingRecorder] | None = None
    ) -> TrackingRecorder:
        raise TypeError("projections keep their own checkpoints (projections/engine/projector.py)")

    def process_recorder(self) -> ProcessRecorder:
        raise TypeError("projections keep their own checkpoints (projections/engine/projector.py)")
