"""What the three aggregates share: pending events at consecutive versions.

The classes satisfy the `eventsourcing` protocols (DomainEventProtocol, MutableAggregateProtocol,
CollectEventsProtocol) structurally; why they are no decorated aggregates is in docs/decisions/0002.
"""

from collections.abc import Iterable, Sequence
from typing import Generic, Self, TypeVar

import msgspec

E = TypeVar("E")


class Recorded(msgspec.Struct, Generic[E], frozen=True, gc=False):
    """An event at its place in a stream: what `eventsourcing` calls a domain event. `event` is the stored payload."""

    originator_id: str
    originator_version: int
    event: E


class Aggregate(Generic[E]):
    """A stream's state, and the events decided since it was loaded or last collected."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.version = 0
        self._pending: list[Recorded[E]] = []

    def record(self, event: E) -> None:
        """State a new fact: it is applied at once and saved by whoever collects it."""
        self.version += 1
        self._pending.append(Recorded(self.id, self.version, event))
        self.evolve(event)

    def evolve(self, event: E) -> None:
        """Apply an event to the state; assigns only, and never refuses."""
        raise TypeError(f"{type(self).__name__} does not evolve")  # pragma: no cover

    def replay(self, events: Iterable[Recorded[E]]) -> Self:
        """Apply stored events in order."""
        for recorded in events:
            self.version = recorded.originator_version
            self.evolve(recorded.event)
        return self

    @property
    def pending(self) -> Sequence[Recorded[E]]:
        """The events decided and not yet collected."""
        return self._pending

    def collect_events(self) -> list[Recorded[E]]:
        """The pending events, which are thereby no longer pending."""
        pending, self._pending = self._pending, []
        return pending
