"""What users received, from the index of journeys: written with the facts, so that it is never late."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Select, bindparam, select

from domain import lanes
from domain.facts import Received
from infrastructure.database import Database
from infrastructure.database.dialect import Dialect
from infrastructure.database.schema import events, identities, journey_facts, journey_lanes
from infrastructure.database.statements import Prepared, as_keys
from infrastructure.event_store.codec import TOPICS, decode


class IndexedReceipts:
    """Receipts of many users in one query, by primary keys alone: the application's port."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._receipts = Prepared(_of_users(database.dialect), database.dialect.compiler)

    def variants(
        self, app_group: str, campaign_id: str, user_ids: Sequence[str]
    ) -> Mapping[str, Sequence[str]]:
        """By user id the variants of the receipts of a campaign, in the order of facts; voided ones left out."""
        keys = as_keys([[user_id] for user_id in user_ids])
        with self._database.reading() as connection:
            rows = self._receipts.all(
                connection, app_group=app_group, keys=keys, lane=lanes.receipts(campaign_id)
            )
        found: defaultdict[str, list[Received]] = defaultdict(list)
        for user_id, state in rows:
            found[user_id].append(cast(Received, decode(TOPICS[Received], state)))
        return {
            user_id: [each.variant_id for each in sorted(receipts, key=lambda each: each.key)]
            for user_id, receipts in found.items()
        }


def _of_users(dialect: Dialect) -> Select[Any]:
    users, lane, facts = dialect.keys("keys", user_id=str), journey_lanes.c, journey_facts.c
    # Not joined: before PostgreSQL has statistics of its tables, it would read all facts of all users for it.
    receipt = (
        select(events.c.state)
        .join_from(
            journey_facts,
            events,
            (events.c.originator_id == facts.journey_id) & (events.c.originator_version == facts.version),
        )
        .where(facts.journey_id == lane.journey_id, facts.fact_id == lane.fact_id)
        .scalar_subquery()
    )
    return (
        select(identities.c.user_id, receipt)
        .join_from(identities, journey_lanes, lane.journey_id == identities.c.journey_id)
        .where(
            # IN rather than a join: SQLite would otherwise walk through all users of the group.
            identities.c.app_group == bindparam("app_group"),
            identities.c.user_id.in_(select(users.c.user_id)),
            lane.lane == bindparam("lane"),
        )
    )
