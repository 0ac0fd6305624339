"""`verify` names the first position that is not as it was recorded; a projection stops there and says so."""

from pathlib import Path

import pytest
from pysqlite3 import dbapi2 as sqlite

from infrastructure.service import Service
from infrastructure.verification import Verification, verify
from projections.campaign_report.reading import position
from projections.projector import ProjectionStopped
from tests.ledgers import open_ledger, reported, take

CAMPAIGN = {"id": "spring", "conversion_events": [{"type": "makes_purchase", "deadline": "3d"}]}


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """A ledger with a campaign and three receipts, closed again so that its file can be tampered with."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        for number in range(3):
            take(service, [receipt(number)])
    return open_ledger(tmp_path)


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
    """Change the file behind the ledger's back."""
    path = service.database.url.removeprefix("sqlite:///")
    connection = sqlite.connect(path)
    for trigger in ("events_refuse_update", "events_refuse_delete"):
        connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    connection.execute(statement)
    connection.commit()
    connection.close()


def checked(service: Service) -> Verification:
    """What verify finds."""
    with service:
        return verify(service.database, service.recorder, lambda _done, _newest: None)


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
    """It keeps what comes before, says where it stands, and does not go on by itself."""
    tamper(service, "UPDATE events SET state = '{}' WHERE topic = 'journey.received' AND state LIKE '%r2%'")
    with service:
        for _ in range(2):
            with pytest.raises(ProjectionStopped, match="campaign_report stopped before position") as stopped:
                service.projector.catch_up()
            assert reported(service, "spring")["totals"]["receipts"] == 2
            with service.database.reading() as connection:
                assert position(connection, "campaign_report") == stopped.value.position - 1
