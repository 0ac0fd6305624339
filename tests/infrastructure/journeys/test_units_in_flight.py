"""Units of work in flight: decided before those they rest on are durable, by several writers at once, and still right."""

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import IntegrityError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.commands.facts import read_fact
from application.commands.intake import Outcome
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.database import Database
from infrastructure.database.failures import DiskFull
from infrastructure.journeys import writer
from infrastructure.journeys.unit_of_work import RowWriter
from infrastructure.journeys.writer import LedgerWriter
from tests.domain.journey.test_journey_laws import plans
from tests.support.ledgers import GROUP, open_ledger, outcome, reported, streams, take
from tests.support.reference import judge

pytestmark = pytest.mark.usefixtures("each_database")

LAWS = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CAMPAIGN = {"id": "spring", "conversion_events": [{"type": "makes_purchase", "deadline": "3d"}]}


def submit(service: Service, raws: Sequence[dict[str, Any]]) -> Future[Outcome]:
    """Hand a batch in without waiting for it."""
    return service.intake.submit(GROUP, [read_fact(raw) for raw in raws], stamp())


@contextmanager
def held(service: Service) -> Iterator[None]:
    """Nothing is written until the block ends: all that is submitted in it is in flight at once."""
    later: list[Any] = []
    executor = service.writer._executor
    original = executor.submit
    executor.submit = later.append  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        executor.submit = original  # type: ignore[method-assign]
        for work in later:
            executor.submit(work)


@LAWS
@given(plan=plans())
def test_r14_batches_in_flight_together_are_decided_as_one_after_the_other(plan: Any) -> None:
    """R13, R14: what stands is what the reference finds, whether or not the batch before is durable yet."""
    campaigns, facts, batches = plan
    with tempfile.TemporaryDirectory() as directory, open_ledger(Path(directory), campaigns) as service:
        with held(service):
            futures = [submit(service, batch) for batch in batches]
        positions = [future.result().position for future in futures]
        assert positions == sorted(positions)
        more = [submit(service, batch) for batch in batches]
        assert all(a.verdict.value == "duplicate" for each in more for a in each.result().answers)
        service.projector.catch_up()
        expected = judge(campaigns, facts)
        assert outcome(service) == expected
        for campaign in campaigns:
            assert reported(service, campaign["id"]) == expected.report(campaign["id"])


@LAWS
@given(plan=plans(), hands=st.lists(st.integers(0, 1), min_size=8, max_size=8), cached=st.integers(0, 2))
def test_r14_two_processes_with_batches_in_flight_give_what_the_reference_finds(
    plan: Any, hands: list[int], cached: int
) -> None:
    """R13, R14: both decide on what they have in memory; whoever was slower decides again."""
    campaigns, facts, batches = plan
    with (
        tempfile.TemporaryDirectory() as directory,
        open_ledger(Path(directory), campaigns) as one,
        open_ledger(Path(directory)) as other,
    ):
        other.journeys._cached = cached
        services = (one, other)
        with held(one), held(other):
            futures = [submit(services[hands[n % 8]], batch) for n, batch in enumerate(batches)]
        accepted = sum(a.verdict.value == "accepted" for f in futures for a in f.result().answers)
        assert not any(answer.code for future in futures for answer in future.result().answers)
        assert accepted == len({(fact["user_id"], fact["id"]) for fact in facts})
        futures = [submit(services[1 - hands[n % 8]], batch) for n, batch in enumerate(batches)]
        assert all(a.verdict.value == "duplicate" for f in futures for a in f.result().answers)
        expected = judge(campaigns, facts)
        assert outcome(one) == expected
        one.projector.catch_up()
        for campaign in campaigns:
            assert reported(one, campaign["id"]) == expected.report(campaign["id"])


def receipt(number: int, user: str = "u") -> dict[str, Any]:
    """A receipt on a day of March."""
    at = f"2024-03-{number:02}T09:00:00Z"
    return {"type": "received", "id": f"r{number}", "user_id": user, "campaign_id": "spring", "at": at}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A ledger with a campaign."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        yield service


def test_a_unit_that_cannot_be_recorded_spoils_no_other(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was decided together with it, or on top of it, is decided again without it; its own error is told."""
    write = RowWriter.write

    def refuse(self: RowWriter, connection: Any, rows: Any) -> None:
        if any(user_id == "bad" for _, user_id, *_ in rows.identities):
            raise DiskFull("the disk is full")
        write(self, connection, rows)

    monkeypatch.setattr(RowWriter, "write", refuse)
    with held(service):
        futures = [
            submit(service, [receipt(n, user)]) for n, user in enumerate(["a", "bad", "a", "bad", "c"], 1)
        ]
    with pytest.raises(DiskFull):
        futures[1].result()
    with pytest.raises(DiskFull):
        futures[3].result()
    assert [futures[n].result().answers[0].verdict.value for n in (0, 2, 4)] == ["accepted"] * 3
    monkeypatch.undo()
    assert {user: len(events) for user, events in streams(service).items()} == {"a": 4, "c": 3}
    assert take(service, [receipt(2, "bad")]).answers[0].verdict.value == "accepted"


def test_after_a_race_units_are_decided_alone_for_a_while(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes that race for the same users do not decide everything twice: one conflict makes them wary."""
    conflicts: list[int] = []
    again = LedgerWriter._write_again

    def count(self: LedgerWriter, units: Any, error: BaseException) -> None:
        conflicts.append(len(units))
        again(self, units, error)

    monkeypatch.setattr(LedgerWriter, "_write_again", count)
    with open_ledger(tmp_path) as other:
        for number in range(1, 21, 2):
            with held(service), held(other):
                futures = [submit(service, [receipt(number)]), submit(other, [receipt(number + 1)])]
            assert all(future.result().answers[0].verdict.value == "accepted" for future in futures)
        assert 1 <= len(conflicts) <= 2, "one for each process"
        assert take(service, [receipt(21)]).answers[0].verdict.value == "accepted"
    assert outcome(service) == judge([CAMPAIGN], [*map(receipt, range(1, 22))])


def test_a_conflict_that_does_not_pass_is_told_when_patience_ends(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retries have a budget; afterwards the ledger goes on as if nothing had been asked."""
    monkeypatch.setattr("infrastructure.process.retrying.BUDGET_SECONDS", 0.2)
    monkeypatch.setattr(LedgerWriter, "_put", _clash)
    with pytest.raises(IntegrityError, match="someone was faster"):
        take(service, [receipt(1)])
    monkeypatch.undo()
    assert take(service, [receipt(1)]).answers[0].verdict.value == "accepted"


def _clash(*_: object) -> None:
    raise IntegrityError("someone was faster")


def test_what_has_landed_leaves_memory(service: Service) -> None:
    """Layers are taken off, and the cache keeps to its bound, however long it goes on."""
    service.journeys._cached = 6
    for number in range(1, 29):
        take(service, [receipt(number, f"u{number % 9}"), receipt(number, "always")])
    take(service, [])
    assert not any(entry.history.layers for entry in service.journeys._entries.values())
    assert service.journeys._weight <= 6
    assert service.journeys._entries.keys() == {
        (entry.app_group, entry.user_id) for entry in service.journeys._by_stream.values()
    }


def test_nothing_is_answered_before_it_is_durable(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the moment of COMMIT nobody has an answer; a duplicate of a fact in flight gets its position, or a later one."""
    answered_early: list[bool] = []
    futures: list[Future[Outcome]] = []
    commit = Database._commit

    def watch(self: Database, connection: Any) -> None:
        answered_early.extend(future.done() for future in futures)
        commit(self, connection)

    monkeypatch.setattr(Database, "_commit", watch)
    with held(service):
        futures += [submit(service, [receipt(1)]), submit(service, [receipt(1)])]
    first, again = (future.result() for future in futures)
    assert answered_early == [False, False]
    assert again.answers[0].verdict.value == "duplicate"
    assert again.position >= first.position > 0


def test_whoever_waits_is_told_though_recording_itself_breaks(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the log of the service cannot be written: no future stays open."""
    monkeypatch.setattr(LedgerWriter, "_put", _clash)
    monkeypatch.setattr(writer, "log", _Broken())
    with held(service):
        futures = [submit(service, [receipt(n)]) for n in (1, 2)]
    for future in futures:
        with pytest.raises((IntegrityError, BrokenPipeError)):
            future.result(timeout=20)


class _Broken:
    def warning(self, *_: object, **__: object) -> None:
        raise BrokenPipeError
