"""A connection that is cut around COMMIT: what became of it is looked up; nothing is doubled, lost or falsely denied."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import OperationalError

from application.commands.definitions import read_campaigns
from application.commands.facts import read_fact
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.database.failures import ConnectionLost, OutcomeUnknown
from infrastructure.event_store.integrity import verify
from infrastructure.process import retrying
from tests.support.ledgers import GROUP, NOW, databases, outcome, rows, take, url_of
from tests.support.proxy import Proxy
from tests.support.reference import judge
from tests.support.servers import Server
from tests.support.strategies import APP_GROUP

CAMPAIGN = {"id": "spring", "conversion_events": [{"type": "makes_purchase", "deadline": "3d"}]}
CUTS = ["before COMMIT", "after COMMIT", "after COMMIT, unanswered yet"]


@pytest.fixture
def proxy(postgresql: Server) -> Iterator[Proxy]:
    """A proxy before the server."""
    with Proxy(*postgresql.host_port) as proxy:
        yield proxy


@pytest.fixture
def service(postgresql: Server, template: str, proxy: Proxy, tmp_path: Path) -> Iterator[Service]:
    """A ledger with a campaign, reached through the proxy."""
    with (
        databases.on(postgresql, template),
        Service(proxy.through(url_of(tmp_path)), now=lambda: NOW) as service,
    ):
        service.campaigns.apply(read_campaigns(APP_GROUP | {"campaigns": [CAMPAIGN]}), stamp())
        yield service


def cut(proxy: Proxy, moment: str, skip: int = 0) -> None:
    """Arm the proxy."""
    if moment == "before COMMIT":
        proxy.cut_before_commit(skip)
    else:
        proxy.cut_after_commit(skip, answered="unanswered" not in moment)


def facts(day: int) -> list[dict[str, Any]]:
    """A receipt and a purchase of some users."""
    at = f"2024-03-{day:02}T"
    money = {"product_id": "x", "price": "1.00", "currency": "EUR"}
    users = [f"u{number}" for number in range(5)]
    received = [
        {
            "type": "received",
            "id": f"r{day}",
            "user_id": user,
            "campaign_id": "spring",
            "at": f"{at}09:00:00Z",
        }
        for user in users
    ]
    bought = [
        {"type": "purchase", "id": f"p{day}", "user_id": user, "at": f"{at}10:00:00Z"} | money
        for user in users
    ]
    return received + bought


@pytest.mark.parametrize("moment", CUTS)
def test_a_batch_whose_commit_goes_unanswered_is_recorded_once(
    service: Service, proxy: Proxy, moment: str
) -> None:
    """Each of several batches meets a cut: all are accepted, no error is told, and every fact is there once."""
    for day in range(1, 6):
        cut(proxy, moment)
        answers = take(service, facts(day)).answers
        assert {answer.verdict.value for answer in answers} == {"accepted"}
        assert proxy.cuts == day
    everything = [fact for day in range(1, 6) for fact in facts(day)]
    assert outcome(service) == judge([CAMPAIGN], everything)
    assert {answer.verdict.value for answer in take(service, everything).answers} == {"duplicate"}
    told = [(row.originator_id, row.state) for row in rows(service) if row.topic.startswith("journey.")]
    assert len(told) == len(set(told))
    assert verify(service.database, lambda *_: None).problem is None


@pytest.mark.parametrize("moment", CUTS)
def test_batches_in_flight_behind_a_cut_are_recorded_once(
    service: Service, proxy: Proxy, moment: str
) -> None:
    """What was decided on top of a batch that meets a cut is recorded after it."""
    cut(proxy, moment)
    batches = [[read_fact(fact) for fact in facts(day)] for day in range(1, 6)]
    futures = [service.intake.submit(GROUP, batch, stamp()) for batch in batches]
    verdicts = {answer.verdict.value for future in futures for answer in future.result().answers}
    assert verdicts == {"accepted"}
    assert proxy.cuts == 1
    assert outcome(service) == judge([CAMPAIGN], [fact for day in range(1, 6) for fact in facts(day)])


def test_a_campaign_command_whose_commit_went_through_is_no_error(service: Service, proxy: Proxy) -> None:
    """The command is looked up: it was recorded, and recorded once."""
    proxy.cut_after_commit()
    service.campaigns.stop(GROUP, "spring", stamp())
    assert proxy.cuts == 1
    assert [row.topic for row in rows(service)].count("campaign.stopped") == 1


def test_a_campaign_command_whose_commit_did_not_go_through_says_so(service: Service, proxy: Proxy) -> None:
    """Nothing was recorded, and the error says it; the same command then succeeds."""
    proxy.cut_before_commit()
    with pytest.raises(ConnectionLost, match="nothing of it was recorded"):
        service.campaigns.stop(GROUP, "spring", stamp())
    assert "campaign.stopped" not in [row.topic for row in rows(service)]
    assert service.campaigns.stop(GROUP, "spring", stamp()).status.value == "stopped"


def test_an_outcome_that_cannot_be_looked_up_in_time_is_told_as_unknown(
    service: Service, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retries have a budget; sent again later, what was recorded is a duplicate."""
    monkeypatch.setattr(retrying, "BUDGET_SECONDS", 0.3)
    take(service, facts(1))
    proxy.cut_after_commit()
    proxy.refuse = True
    with pytest.raises(OutcomeUnknown):
        take(service, facts(2))
    proxy.refuse = False
    assert {answer.verdict.value for answer in take(service, facts(2)).answers} == {"duplicate"}
    assert outcome(service) == judge([CAMPAIGN], facts(1) + facts(2))


def test_a_database_that_is_away_for_a_moment_is_waited_for(
    service: Service, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Idle connections that were cut are found out before they are used; beyond the budget the error is told."""
    take(service, facts(1))
    proxy.cut_all()
    assert {answer.verdict.value for answer in take(service, facts(2)).answers} == {"accepted"}
    monkeypatch.setattr(retrying, "BUDGET_SECONDS", 0.2)
    proxy.refuse = True
    proxy.cut_all()
    began = time.monotonic()
    with pytest.raises(OperationalError):
        take(service, facts(3))
    assert time.monotonic() - began < 5
    proxy.refuse = False
    assert {answer.verdict.value for answer in take(service, facts(3)).answers} == {"accepted"}
    assert outcome(service) == judge([CAMPAIGN], facts(1) + facts(2) + facts(3))
