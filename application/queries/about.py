"""The ledger itself: how far its log is, and whether its read models keep up."""

from dataclasses import dataclass
from typing import Any

from application.queries.reads import Reads
from domain.instants import from_microseconds, microseconds, printed
from projections.engine.status import ReadModelStatus, read_statuses
from projections.registry import PROJECTIONS

_SHOWN = (
    "name",
    "generation",
    "status",
    "state",
    "version",
    "lag_events",
    "lag_seconds",
    "since",
    "moved_at",
)
"""What a status says to everybody. Why a read model stopped is for operators: an event of any app group may be why."""


@dataclass(frozen=True)
class LedgerState:
    """The newest position and when it was recorded (RFC 3339), and each read model; one that is kept is left out."""

    database: str
    position: int
    recorded_at: str | None
    read_models: list[ReadModelStatus]

    def as_json(self) -> dict[str, Any]:
        """As the page about the ledger has it in JSON."""
        return {
            "database": self.database,
            "position": str(self.position),
            "recorded_at": self.recorded_at,
            "read_models": [
                {name: getattr(each, name) for name in _SHOWN} | {"position": str(each.position)}
                for each in self.read_models
            ],
        }


def read_ledger_state(reads: Reads) -> LedgerState:
    """The state of the ledger now; it waits for no read model."""
    with reads.recorded() as connection:
        position = reads.log.last_position(connection)
        recorded_at = reads.log.recorded_at(connection, position)
        found = read_statuses(connection, reads.log, PROJECTIONS, microseconds(reads.now()), count=False)
        return LedgerState(
            connection.dialect.name,
            position,
            None if recorded_at is None else printed(from_microseconds(recorded_at)),
            [each for each in found if each.status != "kept"],
        )
