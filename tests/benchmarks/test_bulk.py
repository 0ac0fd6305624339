"""The bulk writer leaves the ledger that `import` of the same facts leaves: on a sample with late facts, refunds and voids."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from random import Random
from typing import Any, NoReturn

import pytest
from sqlalchemy import select

from application.commands.definitions import read_campaigns
from application.commands.facts import read_fact
from application.commands.intake import Verdict
from application.ports import Announced, JourneyUnitOfWork
from benchmarks import bulk
from benchmarks.crowd import Crowd, campaigns
from benchmarks.ledger import batches
from benchmarks.workload import GROUP, Fact, write
from domain.journey.state import JourneyState, Standing
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.database.schema import (
    identities,
    journey_facts,
    journey_lanes,
    journey_states,
    kept_aside,
)
from infrastructure.event_store.integrity import verify
from infrastructure.journeys.store import SNAPSHOT_EVERY
from projections.campaign_report.reading import load_reports
from projections.registry import WITH_IMPORTS
from tests.support.ledgers import rows
from tests.support.servers import UNSAFE_BUT_QUICK, running

FACTS = 4_000
LATER = 500
CHUNK = 300
CROWD = Crowd("a few", users=400, active=0.05, facts_a_day=150)

Rows = set[tuple[Any, ...]]


def sample() -> list[Fact]:
    """A month of a small crowd, some facts late or sent twice, some purchases refunded, some facts voided."""
    draw, facts = Random(7), list(CROWD.facts(FACTS))
    for fact in draw.sample(facts, FACTS // 10):
        where = {"user_id": fact["user_id"], "at": facts[-1]["at"]}
        void = {
            "type": "void",
            "id": f"void-{fact['id']}",
            "fact_id": fact["id"],
            "reason": "a mistake",
        } | where
        refund = {"type": "refund", "id": f"refund-{fact['id']}", "purchase_id": fact["id"], "amount": "0.50"}
        chosen = refund | where if fact["type"] == "purchase" else draw.choice((void, fact))
        facts.insert(draw.randrange(len(facts)), chosen)
    for _ in range(FACTS // 10):
        facts.insert(draw.randrange(len(facts)), facts.pop(draw.randrange(len(facts))))
    return facts


def later() -> list[Fact]:
    """What the crowd does next."""
    return list(CROWD.facts(LATER, first=FACTS))


@dataclass(frozen=True)
class Pair:
    """The same facts in two ledgers."""

    imported: Service
    bulk: Service


@pytest.fixture(scope="module")
def facts() -> list[Fact]:
    """The sample."""
    return sample()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Two empty databases of a kind."""
    if request.param == "sqlite":
        directory = tmp_path_factory.mktemp("bulk")
        yield [f"sqlite:///{directory / name}.db" for name in ("imported", "bulk")]
    else:
        with running(settings=UNSAFE_BUT_QUICK) as server:
            yield [server.fresh_database(), server.fresh_database()]


@pytest.fixture(scope="module")
def pair(urls: list[str], facts: list[Fact], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """One ledger filled by the intake in batches, one by the bulk writer in chunks of the same size."""
    file = tmp_path_factory.mktemp("facts") / "facts.jsonl"
    write(file, iter(facts))
    bulk.write(urls[1], campaigns(), bulk.FromFile(file, len(facts)), print, chunk=CHUNK)
    with Service(urls[0]) as service:
        service.campaigns.apply(read_campaigns(campaigns()), stamp())
        assert set(take(service, facts)) == {Verdict.ACCEPTED, Verdict.DUPLICATE}
        service.projector.catch_up(*WITH_IMPORTS)
    # Opened anew: nothing is in memory.
    with Service(urls[0]) as imported, Service(urls[1]) as bulked:
        yield Pair(imported, bulked)


def take(service: Service, facts: list[Fact]) -> list[Verdict]:
    """Send facts as an import does."""
    taken = (
        service.intake.record(GROUP, [read_fact(fact) for fact in batch], stamp())
        for batch in batches(facts, CHUNK)
    )
    return [answer.verdict for outcome in taken for answer in outcome.answers]


def users(service: Service) -> dict[str, str]:
    """The users by the ids of their journeys."""
    with service.database.reading() as connection:
        return {row.journey_id: row.user_id for row in connection.execute(select(identities))}


def by_user(service: Service, table: Any) -> Rows:
    """A table's rows with the user's id in the place of the journey's; digests under random keys left out."""
    known = users(service)
    columns = [column for column in table.columns if column.name not in {"journey_id", "digest"}]
    with service.database.reading() as connection:
        return {
            (known[journey_id], *rest)
            for journey_id, *rest in connection.execute(select(table.c.journey_id, *columns))
        }


def log(service: Service) -> list[list[tuple[str, int, str, str]]]:
    """The log, command by command, in each sorted by user: what is random taken out."""
    known = users(service)
    told = [
        (
            row.command_id,
            (known.get(row.originator_id, ""), row.originator_version, row.topic, unsealed(row.state)),
        )
        for row in rows(service)
    ]
    return [sorted(event for _, event in batch) for _, batch in groupby(told, key=lambda each: each[0])]


def unsealed(state: str) -> str:
    """A payload without what random keys made of its properties."""
    return re.sub(r'"[0-9a-f]{64}"', '"sealed"', state)


def states(service: Service) -> dict[str, tuple[int, JourneyState, dict[str, Standing | None]]]:
    """Every journey as a process that knows nothing loads it: version, state, and the standing with each campaign."""
    loaded = {}
    named = [each["id"] for each in campaigns()["campaigns"]]
    definitions = {id_: service.ledger.existing_campaign(GROUP, id_).definition for id_ in named}
    asked: dict[str, list[Announced]] = {user_id: [] for user_id in users(service).values()}

    def look(transaction: JourneyUnitOfWork) -> NoReturn:
        for user_id, found in transaction.journeys(GROUP, asked, definitions).items():
            journey = found.journey
            standings = {id_: journey.standing(id_) for id_ in named}
            # Where a standing is kept says only when the state was last written back.
            journey.state.close(definitions)
            loaded[user_id] = (journey.version, journey.state, standings)
        raise NothingToRecord

    with suppress(NothingToRecord):
        service.writer.submit(stamp(), look)
    return loaded


class NothingToRecord(Exception):
    """Ends a command that has seen enough."""


def test_the_same_events_stand_in_the_same_batches(pair: Pair) -> None:
    """Streams are equal event by event, and the log is filled chunk by chunk."""
    told = log(pair.bulk)
    assert len(told) > FACTS // CHUNK
    assert told == log(pair.imported)


def test_a_chunk_is_in_the_order_of_journeys(pair: Pair) -> None:
    """Neighbours in the log are neighbours in the streams, as in an import's batches."""
    for service in (pair.imported, pair.bulk):
        known = users(service)
        told = [row for row in rows(service) if row.originator_id in known]
        for _, batch in groupby(told, key=lambda row: row.command_id):
            keys = [(row.originator_id, row.originator_version) for row in batch]
            assert keys == sorted(keys)


@pytest.mark.parametrize("table", [journey_facts, journey_lanes, kept_aside], ids=lambda table: table.name)
def test_the_index_and_what_is_kept_aside_are_the_same(pair: Pair, table: Any) -> None:
    """Row by row, by user."""
    assert by_user(pair.bulk, table) == by_user(pair.imported, table)


def test_states_load_alike(pair: Pair) -> None:
    """With the events since and the standings put away, every journey stands where it stands after an import."""
    assert states(pair.bulk) == states(pair.imported)


def test_no_state_is_far_behind_its_stream(pair: Pair) -> None:
    """A load replays few events."""
    known = users(pair.bulk)
    versions = {
        known[row.originator_id]: row.originator_version
        for row in rows(pair.bulk)
        if row.originator_id in known
    }
    kept = {user_id: version for user_id, version, _ in by_user(pair.bulk, journey_states)}
    assert kept
    assert all(version - kept.get(user_id, 0) < SNAPSHOT_EVERY for user_id, version in versions.items())


def test_reports_are_equal_and_the_log_verifies(pair: Pair) -> None:
    """Read models are current, and no event is bad."""
    said = []
    for service in (pair.imported, pair.bulk):
        with service.database.reading() as connection:
            said.append([report.as_json() for report in load_reports(connection, GROUP)])
        assert verify(service.database, lambda _done, _newest: None).problem is None
    assert said[0] == said[1]
    assert (
        sum(sum(variant["conversions"]) for report in said[1] for variant in report["variants"]) > FACTS // 20
    )


def test_tables_have_their_indexes_again(pair: Pair) -> None:
    """What was dropped to load faster is back as it was, options included."""
    query = {
        "sqlite": "SELECT name, sql FROM sqlite_master",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' UNION ALL "
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype IN ('p', 'u')",
    }
    found = []
    for service in (pair.imported, pair.bulk):
        with service.database.reading() as connection:
            found.append(set(map(tuple, connection.exec_driver_sql(query[connection.dialect.name]))))
    assert found[0] == found[1]


def test_what_comes_after_is_decided_alike(pair: Pair, facts: list[Fact]) -> None:
    """The same facts again are duplicates; new ones lead to the same decisions."""
    assert set(take(pair.bulk, facts)) == {Verdict.DUPLICATE}
    for service in (pair.imported, pair.bulk):
        assert set(take(service, later())) == {Verdict.ACCEPTED}
    assert log(pair.bulk) == log(pair.imported)
