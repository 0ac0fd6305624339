"""Rebuilding: beside what is read, to be gone on with, verified before it is switched in, and never half seen."""

import pickle
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Table, inspect, select, text, update

from domain.facts import Received
from infrastructure.composition import Service
from projections.app_groups import APP_GROUPS
from projections.campaign_report import CAMPAIGN_REPORT
from projections.campaign_report.tables import report_variants
from projections.engine import generations, projector, rebuilding
from projections.engine.projection import Logged, OtherCode, Projection, ProjectionStopped
from projections.engine.projector import discard, roll_back, sweep
from projections.engine.rebuilding import Done, NotVerified, Rebuilding, RebuiltElsewhere, Task, here
from projections.engine.status import read_statuses
from projections.registry import PROJECTIONS
from tests.domain.journey.test_journey_laws import plans
from tests.infrastructure.event_store.test_verification import tamper
from tests.support.ledgers import open_ledger, position_of, rebuilt, reported, rows, take

pytestmark = pytest.mark.usefixtures("each_database")

CAMPAIGN = {
    "id": "spring",
    "variants": [{"id": "A"}, {"id": "B"}],
    "conversion_events": [{"type": "makes_purchase", "deadline": "3d"}],
}
SMALL = 7
LAWS = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def receipt(number: int) -> dict[str, Any]:
    """A receipt of a user's own."""
    variant = "AB"[number % 2]
    at = "2024-03-01T09:00:00Z"
    return {
        "type": "received",
        "id": "r",
        "user_id": f"u{number}",
        "campaign_id": "spring",
        "variant_id": variant,
        "at": at,
    }


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches so small that there are many."""
    monkeypatch.setattr(projector, "BATCH", SMALL)
    monkeypatch.setattr(rebuilding, "BATCH", SMALL)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A ledger with a campaign and twenty receipts, all read models current."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [receipt(number) for number in range(20)])
        service.projector.catch_up()
        yield service


def dump(service: Service, projection: Projection) -> dict[str, list[Any]]:
    """All rows of the generation that is read, by table."""
    with service.database.reading() as connection:
        generation = generations.current(connection, projection)
        return {table.name: in_order(connection, generation[table]) for table in projection.tables}


def in_order(connection: Connection, table: Table) -> list[Any]:
    """All rows of a table, by primary key."""
    return [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]


def receipts(service: Service) -> int:
    """What the report says at this moment."""
    return int(reported(service, "spring")["totals"]["receipts"])


class Interrupted(Exception):
    """Someone pressed Ctrl-C."""


def interrupted_after(service: Service, tasks: int, *projections: Projection) -> None:
    """A rebuild that is interrupted when it has written so many tasks."""
    told = []

    def progress(done: int, _newest: int) -> None:
        told.append(done)
        if len(told) == tasks:
            raise Interrupted

    folding = here(service.projector, projections)
    with pytest.raises(Interrupted):
        Rebuilding(service.projector, projections, folding).run(progress)


@LAWS
@given(plan=plans(), interrupted=st.integers(1, 4))
def test_a_rebuild_gone_on_with_equals_the_running_read_models(plan: Any, interrupted: int) -> None:
    """Whatever was folded in which batches, all tables are the same row by row, and what is counted is expected."""
    campaigns, _, batches = plan
    with tempfile.TemporaryDirectory() as directory, open_ledger(Path(directory), campaigns) as service:
        for batch in batches:
            take(service, batch)
            service.projector.catch_up()
        service.projector.catch_up()
        before = {projection.name: dump(service, projection) for projection in PROJECTIONS}
        if len(rows(service)) > (interrupted + 1) * SMALL:
            interrupted_after(service, interrupted, *PROJECTIONS)
        rebuilt(service, *PROJECTIONS)
        assert {projection.name: dump(service, projection) for projection in PROJECTIONS} == before


def test_readers_see_the_old_one_until_the_new_one_is_switched_in(service: Service) -> None:
    """At every batch the report is whole, and of all that it was told; in the end it is that of the new tables."""
    seen = []
    with service.database.reading() as connection:
        before = generations.current(connection, CAMPAIGN_REPORT).generation
    folding = here(service.projector, [CAMPAIGN_REPORT])
    found = Rebuilding(service.projector, [CAMPAIGN_REPORT], folding).run(
        lambda *_: seen.append(receipts(service))
    )
    assert set(seen) == {20}
    assert len(seen) > 3
    with service.database.reading() as connection:
        assert generations.current(connection, CAMPAIGN_REPORT).generation == before + 1
    assert found[0].verified["receipts"] == 20
    assert receipts(service) == 20


def test_what_is_recorded_meanwhile_is_in_both(service: Service) -> None:
    """Live writes go on while it builds: the old one is kept current, and the new one ends with all of them."""
    numbers = iter(range(100, 140))

    def progress(_done: int, _newest: int) -> None:
        if (number := next(numbers, None)) is not None:
            before = receipts(service)
            take(service, [receipt(number)])
            service.projector.catch_up()
            assert receipts(service) == before + 1

    folding = here(service.projector, [CAMPAIGN_REPORT])
    Rebuilding(service.projector, [CAMPAIGN_REPORT], folding).run(progress)
    taken = next(numbers, 140) - 100
    assert taken > 10
    assert receipts(service) == 20 + taken
    assert position_of(service, "campaign_report") == len(rows(service))


def test_an_interrupted_one_goes_on_where_it_was(service: Service) -> None:
    """It does not begin anew, and what it was interrupted at stays unread."""
    interrupted_after(service, 2, CAMPAIGN_REPORT)
    assert receipts(service) == 20
    assert rebuilt(service, CAMPAIGN_REPORT)[0].began_from == 2 * SMALL


def test_one_of_other_code_begins_anew(service: Service) -> None:
    """What another code has counted is not gone on with."""
    interrupted_after(service, 2, CAMPAIGN_REPORT)
    changed = replace(CAMPAIGN_REPORT, version=CAMPAIGN_REPORT.version + 1)
    assert rebuilt(service, changed)[0].began_from == 0


def test_several_that_stand_at_different_positions_are_built_together(service: Service) -> None:
    """The one that is behind catches up with the other first."""
    interrupted_after(service, 3, APP_GROUPS)
    interrupted_after(service, 1, CAMPAIGN_REPORT)
    found = {each.name: each.began_from for each in rebuilt(service, APP_GROUPS, CAMPAIGN_REPORT)}
    assert found == {"app_groups": 3 * SMALL, "campaign_report": SMALL}
    assert receipts(service) == 20


def test_what_an_earlier_release_of_the_same_version_made_is_read_on(service: Service) -> None:
    """Earlier releases kept a hash of their code beside the version; it may be any other."""
    with service.database.writing() as connection:
        connection.execute(update(generations.checkpoints).values(fingerprint="0123456789abcdef"))
    take(service, [receipt(50)])
    service.projector.catch_up()
    assert receipts(service) == 21


def test_another_version_is_refused_by_each_of_the_two(service: Service) -> None:
    """Until it is built anew the old code answers; afterwards the new one does, and the old one says what to do."""
    newer = replace(CAMPAIGN_REPORT, version=CAMPAIGN_REPORT.version + 1)
    with pytest.raises(ProjectionStopped, match="conversions rebuild campaign_report"):
        service.projector.catch_up(newer)
    with (
        service.database.reading() as connection,
        pytest.raises(ProjectionStopped, match="conversions rebuild"),
    ):
        generations.current(connection, newer)
    assert receipts(service) == 20
    rebuilt(service, newer)
    with pytest.raises(ProjectionStopped, match="run the newer release"):
        service.projector.catch_up(CAMPAIGN_REPORT)


def test_one_that_is_not_what_the_log_holds_is_not_switched_in(service: Service) -> None:
    """Verified against a count of its own: the old one answers on, and the next rebuild begins anew."""
    wrong = replace(CAMPAIGN_REPORT, handlers={**CAMPAIGN_REPORT.handlers, Received: lambda *_: None})
    with pytest.raises(NotVerified, match="0 receipts where the log has 20"):
        rebuilt(service, wrong)
    assert receipts(service) == 20
    assert rebuilt(service, CAMPAIGN_REPORT)[0].began_from == 0


def test_rows_lost_while_it_is_built_are_noticed(service: Service) -> None:
    """What was written and is gone is missed when it is verified."""
    interrupted_after(service, 4, CAMPAIGN_REPORT)
    with service.database.writing() as connection:
        building = generations.find(connection, CAMPAIGN_REPORT, status="building")
        assert building is not None
        variants = building[report_variants]
        connection.execute(update(variants).values(receipts=variants.c.receipts + 1))
    with pytest.raises(NotVerified, match="22 receipts where the log has 20"):
        rebuilt(service, CAMPAIGN_REPORT)


def test_an_event_that_cannot_be_applied_stops_one_and_the_others_are_built(service: Service) -> None:
    """It says where and why, loudly; the old one is read on."""
    tamper(service, 'UPDATE events SET state = replace(state, \'"id":"r"\', \'"id":"x"\')')
    with pytest.raises(ProjectionStopped, match="campaign_report stopped before"):
        rebuilt(service, CAMPAIGN_REPORT, APP_GROUPS)
    with service.database.reading() as connection:
        assert generations.current(connection, APP_GROUPS).generation == 2
        assert generations.current(connection, CAMPAIGN_REPORT).generation == 1
        building = generations.find(connection, CAMPAIGN_REPORT, status="building")
    assert building is not None
    assert "hash differs" in str(building.problem)
    assert receipts(service) == 20


def test_a_missing_event_stops_all(service: Service) -> None:
    """A gap in the log is damage for whoever reads it."""
    tamper(service, "DELETE FROM events WHERE position = 9")
    with pytest.raises(ProjectionStopped, match="stopped before position 9: the event is missing"):
        rebuilt(service, APP_GROUPS)


def test_the_second_of_two_at_once_gives_up(service: Service) -> None:
    """They cannot both write: the first goes on unharmed."""

    def progress(done: int, _newest: int) -> None:
        if done == SMALL:
            other = Rebuilding(
                service.projector, [CAMPAIGN_REPORT], here(service.projector, [CAMPAIGN_REPORT])
            )
            other.run(lambda *_: None)

    folding = here(service.projector, [CAMPAIGN_REPORT])
    with pytest.raises(RebuiltElsewhere, match="campaign_report"):
        Rebuilding(service.projector, [CAMPAIGN_REPORT], folding).run(progress)
    assert receipts(service) == 20


def test_several_go_back_together_or_not_at_all(service: Service) -> None:
    """One that has nothing to go back to keeps the others where they are."""
    rebuilt(service, CAMPAIGN_REPORT, keep_old=True)
    with pytest.raises(LookupError, match="no generation of app_groups"):
        roll_back(service.projector, [CAMPAIGN_REPORT, APP_GROUPS])
    with service.database.reading() as connection:
        assert generations.current(connection, CAMPAIGN_REPORT).generation == 2


def test_what_was_kept_can_be_gone_back_to_and_forth(service: Service) -> None:
    """It goes on from where it stood; without one that was kept there is a clear refusal."""
    with pytest.raises(LookupError, match="no generation of campaign_report to go back to"):
        roll_back(service.projector, [CAMPAIGN_REPORT])
    rebuilt(service, CAMPAIGN_REPORT, keep_old=True)
    take(service, [receipt(50)])
    service.projector.catch_up()
    assert roll_back(service.projector, [CAMPAIGN_REPORT])[0].generation == 1
    assert receipts(service) == 20
    service.projector.catch_up()
    assert receipts(service) == 21
    assert roll_back(service.projector, [CAMPAIGN_REPORT])[0].generation == 2
    assert receipts(service) == 21


def test_discarding_drops_what_is_building_and_what_was_kept(service: Service) -> None:
    """What is read stays."""
    rebuilt(service, CAMPAIGN_REPORT, keep_old=True)
    interrupted_after(service, 1, CAMPAIGN_REPORT)
    assert [each.generation for each in discard(service.projector, CAMPAIGN_REPORT)] == [1, 3]
    assert receipts(service) == 20
    assert discard(service.projector, CAMPAIGN_REPORT) == []


def test_one_that_was_read_stays_a_while_for_those_who_still_read_it(service: Service) -> None:
    """Dropped with the first rebuild after the grace."""
    with service.database.reading() as connection:
        old = generations.current(connection, CAMPAIGN_REPORT)
        rebuilt(service, CAMPAIGN_REPORT)
        assert len(in_order(connection, old[report_variants])) == 2
    now = service.projector.clock() + projector.GRACE_SECONDS * 1_000_000
    with service.database.writing() as connection:
        sweep(connection, CAMPAIGN_REPORT, now - 1_000_000)
        assert inspect(connection).has_table("report_variants_1")
        sweep(connection, CAMPAIGN_REPORT, now)
        assert not inspect(connection).has_table("report_variants_1")


def test_views_with_plain_names_show_the_one_that_is_read(service: Service) -> None:
    """For BI tools: the same name before and after."""
    for _ in range(2):
        with service.database.reading() as connection:
            found = connection.execute(text("SELECT sum(receipts) FROM report_variants")).scalar_one()
        assert int(found) == 20
        rebuilt(service, CAMPAIGN_REPORT)


def test_folds_hold_nothing_that_has_effects(service: Service) -> None:
    """A handler is given a fold and an event: the fold can be sent anywhere, and has no connection."""
    for projection in PROJECTIONS:
        fold = projection.fold(service.definitions)
        assert "known" not in vars(pickle.loads(pickle.dumps(fold)))  # noqa: S301 - its own
        assert not any(isinstance(value, Connection) for value in vars(fold).values())


def test_it_reads_only_the_topics_it_needs(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that no projection of the rebuild has a handler for are not even read."""
    read: set[str] = set()
    between = service.log.between

    def watched(*arguments: Any) -> Iterable[Logged]:
        for logged in between(*arguments):
            read.add(logged.topic)
            yield logged

    monkeypatch.setattr(service.log, "between", watched)
    rebuilt(service, APP_GROUPS)
    assert read <= {"app_group.made", "app_group.app_added", "app_group.custom_event_declared"}


def test_tasks_and_what_comes_of_them_go_from_process_to_process(service: Service) -> None:
    """Also where an event could not be applied: what is sent is what arrives."""
    tamper(service, "UPDATE events SET actor = 'nobody' WHERE topic = 'journey.received'")
    folding = here(service.projector, [CAMPAIGN_REPORT])
    (done,) = folding([Task(("campaign_report",), 0, len(rows(service)))])
    sent: Done = pickle.loads(pickle.dumps(done))  # noqa: S301 - its own
    stopped = sent.folded["campaign_report"]
    assert isinstance(stopped, ProjectionStopped)
    assert str(stopped) == str(done.folded["campaign_report"])
    assert sent.tally == done.tally


def test_a_small_log_is_verified_too(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where all of it fits into the last batch, the one that the switch applies."""
    monkeypatch.setattr(rebuilding, "BATCH", 20_000)
    assert rebuilt(service, CAMPAIGN_REPORT)[0].verified["receipts"] == 20
    tamper(service, "DELETE FROM events WHERE position = 20")
    with pytest.raises(ProjectionStopped, match="stopped before position 20: the event is missing"):
        rebuilt(service, CAMPAIGN_REPORT)


def test_other_code_that_was_switched_in_meanwhile_ends_one_and_not_the_projector(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade rebuilds while the old release serves: what it has rebuilt is left to it, the others go on."""
    take(service, [receipt(50)])
    put = service.projector._put

    def meanwhile(connection: Connection, projection: Projection, batch: Any) -> None:
        if projection is CAMPAIGN_REPORT:
            of_it = generations.checkpoints.c.name == "campaign_report"
            connection.execute(update(generations.checkpoints).where(of_it).values(version=99))
        put(connection, projection, batch)

    monkeypatch.setattr(service.projector, "_put", meanwhile)
    stopped = service.projector.advance(PROJECTIONS)
    assert [type(each) for each in stopped] == [OtherCode]
    assert position_of(service, "app_groups") == len(rows(service))


def test_a_write_that_fails_is_narrowed_down_to_its_event(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes before is kept; the position that is named is that of the event."""
    take(service, [receipt(number) for number in range(50, 60)])
    last = len(rows(service))

    bad = next(row.position for row in rows(service)[last - 15 :] if row.topic == "journey.received")
    monkeypatch.setattr(generations, "refuse_other_code", lambda *_: None)
    (stopped,) = service.projector.advance([failing_at(CAMPAIGN_REPORT, bad)])
    assert (stopped.position, stopped.reason) == (bad, "LookupError('does not fit')")
    assert position_of(service, "campaign_report") == bad - 1


def failing_at(projection: Projection, position: int) -> Projection:
    """The same projection, which cannot write what a fold holds of one event."""

    def noting(handler: Any) -> Any:
        def handle(fold: Any, logged: Logged) -> None:
            handler(fold, logged)
            fold.__dict__.setdefault("seen", set()).add(logged.position)

        return handle

    events = {event: noting(handler) for event, handler in projection.handlers.items()}

    def write(fold: Any, store: Any) -> None:
        if position in fold.__dict__.get("seen", ()):
            raise LookupError("does not fit")
        projection.write(fold, store)

    return replace(projection, handlers=events, write=write)


def test_one_that_other_code_made_does_not_stand_as_current(service: Service) -> None:
    """What no command can read is shown as stopped, with what to do."""
    newer = replace(CAMPAIGN_REPORT, version=CAMPAIGN_REPORT.version + 1)
    projector = service.projector
    with service.database.reading() as connection:
        (standing,) = read_statuses(connection, projector.log, [newer], projector.clock())
    assert standing.state == "stopped"
    assert "conversions rebuild campaign_report" in str(standing.problem)
