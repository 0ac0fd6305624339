"""`verify` names the first position that is not as it was recorded; a projection stops there and says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from infrastructure.composition import Service
from infrastructure.event_store.integrity import Verification, verify
from infrastructure.event_store.reading import HASH_DIFFERS
from projections.engine.generations import checkpoints
from projections.engine.projection import ProjectionStopped
from tests.support.ledgers import databases, open_ledger, position_of, reported, rows, take

CAMPAIGN = {"id": "spring", "conversion_events": [{"type": "makes_purchase", "deadline": "3d"}]}


@pytest.fixture
def service(each_database: str, tmp_path: Path) -> Iterator[Service]:  # noqa: ARG001 - it chooses the database
    """A ledger with a campaign and three receipts, of a process that did not record them."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        for number in range(3):
            take(service, [receipt(number)])
    with open_ledger(tmp_path) as service:
        yield service


PURCHASE = {
    "type": "purchase",
    "id": "p",
    "user_id": "u0",
    "product_id": "x",
    "price": "100.00",
    "currency": "EUR",
    "at": "2024-03-01T10:00:00Z",
}


def receipt(number: int) -> dict[str, str]:
    """A receipt of a user's own."""
    return {
        "type": "received",
        "id": f"r{number}",
        "user_id": f"u{number}",
        "campaign_id": "spring",
        "at": "2024-03-01T09:00:00Z",
    }


def tamper(service: Service, statement: str) -> None:
    """Change the log behind the ledger's back, as whoever owns the database can."""
    triggers = ["events_refuse_update", "events_refuse_delete"]
    if not databases.are_files:
        triggers = ["events_refuse_change ON events"]
    with service.database.writing() as connection:
        for trigger in triggers:
            connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger}"))
        connection.execute(text(statement))


def checked(service: Service) -> Verification:
    """What verify finds."""
    return verify(service.database, lambda _done, _newest: None)


def test_an_untouched_log_is_as_it_was_recorded(service: Service) -> None:
    """Every event is read, and none is bad."""
    assert checked(service) == Verification(events=service.recorder.max_notification_id() or 0)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            "UPDATE events SET state = replace(state, 'r1', 'r2') WHERE topic = 'journey.received'",
            "hash differs",
        ),
        ("UPDATE events SET hash = substr(hash, 1, 15) WHERE position = 9", "hash differs"),
        ("UPDATE events SET actor = 'nobody' WHERE position = 9", "hash differs"),
        ("UPDATE events SET recorded_at = recorded_at + 1 WHERE position = 9", "hash differs"),
        ("UPDATE events SET app_group = 'other' WHERE position = 9", "hash differs"),
        ("DELETE FROM events WHERE position = 9", "event 9 is missing"),
    ],
)
def test_the_first_bad_position_is_named(service: Service, change: str, problem: str) -> None:
    """A changed byte in any column, and a missing event, are found."""
    tamper(service, change)
    found = checked(service)
    assert found.first_bad_position is not None
    assert problem in str(found.problem)
    assert found.events == found.first_bad_position - 1


def test_a_projection_stops_before_an_event_it_cannot_read(service: Service) -> None:
    """It keeps what comes before, says where it stands and why, and does not go on by itself."""
    tamper(service, "UPDATE events SET state = '{}' WHERE topic = 'journey.received' AND state LIKE '%r2%'")
    for _ in range(2):
        with pytest.raises(ProjectionStopped, match="campaign_report stopped before position") as stopped:
            service.projector.catch_up()
        assert reported(service, "spring")["totals"]["receipts"] == 2
        assert position_of(service, "campaign_report") == stopped.value.position - 1
        with service.database.reading() as connection:
            problems = dict(connection.execute(select(checkpoints.c.name, checkpoints.c.problem)).all())
        assert problems["campaign_report"] == HASH_DIFFERS
        assert problems["app_groups"] is None


def test_a_flipped_byte_is_named_by_verify_and_stops_the_projection_that_meets_it(service: Service) -> None:
    """A value that still reads well, 900.00 for 100.00, is found by its hash and counted nowhere."""
    take(service, [PURCHASE])
    tamper(service, "UPDATE events SET state = replace(state, '100', '900')")
    found = checked(service)
    assert found.problem == HASH_DIFFERS
    with pytest.raises(ProjectionStopped, match="hash differs") as stopped:
        service.projector.catch_up()
    assert stopped.value.position > (found.first_bad_position or 0) > 0
    assert reported(service, "spring")["totals"]["revenue"] == {}
    assert len(rows(service)) == position_of(service, "app_groups"), "the others go on"
