"""What came in lately, out of the log and the rejected facts: the port of the question about it."""

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import select

from application.queries.arrivals import RejectedFact
from domain.facts import Fact
from domain.instants import from_microseconds
from infrastructure.database import Database
from infrastructure.database.schema import events
from infrastructure.event_store.codec import TOPICS
from infrastructure.inbound import rejects

_OF_FACTS = [topic for event, topic in TOPICS.items() if issubclass(event, Fact)]


class StoredArrivals:
    """Reads what came in. No question reads more than it is bounded to, however large the ledger is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_last_fact(self, app_group: str, among: int) -> int | None:
        """When the last fact of the app group was recorded; None if none is among so many last events."""
        newest = select(events).order_by(events.c.position.desc()).limit(among).subquery()
        query = (
            select(newest.c.recorded_at)
            .where(newest.c.app_group == app_group, newest.c.topic.in_(_OF_FACTS))
            .order_by(newest.c.position.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            found: int | None = connection.execute(query).scalar()
        return found

    def count_rejected(self, app_group: str, since: int, among: int) -> Mapping[str, int]:
        """By code how many facts were rejected since an instant, of so many newest ones."""
        with self._database.reading() as connection:
            return rejects.count_since(connection, app_group, since, among)

    def list_rejected(self, app_group: str, code: str | None, limit: int) -> Sequence[RejectedFact]:
        """The newest rejected facts, of one code or of all."""
        with self._database.reading() as connection:
            found = rejects.read_newest(connection, app_group, code=code, limit=limit)
        return [
            RejectedFact(
                from_microseconds(each.rejected_at),
                each.code,
                each.message,
                each.source,
                json.loads(each.fact),
            )
            for each in found
        ]
