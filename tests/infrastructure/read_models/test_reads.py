"""How questions meet read models: brought up to date by the terminal, waited for by HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from application.queries.reads import BadQuestion
from infrastructure.composition import Service
from infrastructure.read_models.reads import Behind
from projections.campaign_report import CAMPAIGN_REPORT
from projections.engine.generations import checkpoints
from projections.engine.projection import ProjectionStopped
from projections.recipients import RECIPIENTS
from tests.support.ledgers import GROUP, open_ledger, take

pytestmark = pytest.mark.usefixtures("each_database")

RECEIPT = {
    "type": "received",
    "id": "r1",
    "user_id": "u1",
    "campaign_id": "sale",
    "at": "2026-03-01T09:00:00Z",
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A ledger with a receipt that no read model holds yet."""
    with open_ledger(tmp_path, [{"id": "sale"}]) as opened:
        opened.projector.catch_up()
        take(opened, [RECEIPT])
        yield opened


def newest(service: Service) -> int:
    """The position of the last event."""
    with service.database.reading() as connection:
        return service.log.last_position(connection)


def test_the_terminal_brings_read_models_up_to_date(service: Service) -> None:
    """Several of them stand at one position then."""
    with service.reads_caught_up().up_to_date(CAMPAIGN_REPORT, RECIPIENTS) as (_, position):
        assert position == newest(service)


def test_questions_in_one_transaction_have_one_view_of_the_ledger(service: Service) -> None:
    """What is recorded between two of them is in neither; after the block it is."""
    service.projector.catch_up(CAMPAIGN_REPORT)
    reads, last = service.reads_waiting(), newest(service)
    with reads.in_one_transaction():
        with reads.recorded() as connection:
            assert service.log.last_position(connection) == last
        take(service, [RECEIPT | {"id": "r2"}])
        service.projector.catch_up(CAMPAIGN_REPORT)
        with reads.up_to_date(CAMPAIGN_REPORT) as (_, position):
            assert position == last
    with reads.up_to_date(CAMPAIGN_REPORT) as (_, position):
        assert position == newest(service) > last


def test_http_waits_for_what_was_acknowledged_when_it_first_asked(service: Service) -> None:
    """What is recorded afterwards is not waited for."""
    reads, last = service.reads_waiting(), newest(service)
    for _ in range(2):
        with pytest.raises(Behind) as behind, reads.up_to_date(CAMPAIGN_REPORT):
            pass
        assert behind.value.missing > 0
    service.projector.catch_up(CAMPAIGN_REPORT)
    take(service, [RECEIPT | {"id": "r2"}])
    with reads.up_to_date(CAMPAIGN_REPORT) as (_, position):
        assert position == last


def test_http_waits_until_read_models_stand_at_one_position(service: Service) -> None:
    """Each may be far enough, and yet they do not fit together."""
    reads = service.reads_waiting("1")
    service.projector.catch_up(CAMPAIGN_REPORT)
    with pytest.raises(Behind), reads.up_to_date(CAMPAIGN_REPORT, RECIPIENTS):
        pass
    service.projector.catch_up(RECIPIENTS)
    with reads.up_to_date(CAMPAIGN_REPORT, RECIPIENTS) as (_, position):
        assert position == newest(service)


@pytest.mark.parametrize(
    ("wait_for", "code"),
    [("", "bad_position"), ("-1", "bad_position"), ("x", "bad_position"), ("9" * 19, "position_beyond_log")],
)
def test_http_cannot_wait_for_what_is_no_position(service: Service, wait_for: str, code: str) -> None:
    """Nor for one that no event has."""
    with pytest.raises(BadQuestion) as refused, service.reads_waiting(wait_for).up_to_date(CAMPAIGN_REPORT):
        pass
    assert (refused.value.code, refused.value.place) == (code, "wait_for")


def test_http_does_not_wait_for_a_read_model_that_has_stopped(service: Service) -> None:
    """It says which, and before which event."""
    with service.database.writing() as connection:
        at = checkpoints.c.name == CAMPAIGN_REPORT.name
        connection.execute(checkpoints.update().where(at).values(problem="broken"))
    with (
        pytest.raises(ProjectionStopped, match="broken"),
        service.reads_waiting().up_to_date(CAMPAIGN_REPORT),
    ):
        pass


def test_a_campaigns_history_has_its_actors(service: Service) -> None:
    """A page begins after a version."""
    reads = service.reads_waiting()
    with reads.recorded() as connection:
        found = reads.histories.of_campaign(connection, GROUP, "sale", 0, 10)
        assert reads.histories.of_campaign(connection, GROUP, "sale", 1, 10) == found[1:]
        assert reads.histories.of_campaign(connection, GROUP, "other", 0, 10) == []
    assert [each.topic for each in found] == ["campaign.drafted", "campaign.launched"]
    assert all(each.actor and each.actor.startswith("os:") for each in found)
