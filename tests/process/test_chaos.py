"""Connections cut at any moment: backends are terminated at random under services and projectors, and all is exact."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import OperationalError

from application.commands.definitions import read_campaigns
from application.commands.facts import read_fact
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.demo import shop
from infrastructure.event_store.integrity import verify
from infrastructure.event_store.log import EventLog
from infrastructure.journeys.unit_of_work import JourneyUnitOfWork
from infrastructure.read_models.worker import ProjectionWorker
from tests.support.ledgers import databases, open_ledger, outcome, reported, take, url_of
from tests.support.reference import judge
from tests.support.servers import Server
from tests.support.strategies import APP_GROUP

SECONDS = 12.0
FACTS = 4_000
GROUP = str(shop.CAMPAIGNS["app_group"])
CAMPAIGN = {"id": "spring", "conversion_events": [{"type": "makes_purchase", "deadline": "3d"}]}

Facts = list[dict[str, Any]]


@pytest.fixture
def on_server(postgresql: Server, template: str) -> Iterator[Server]:
    """Ledgers are kept on the server."""
    with databases.on(postgresql, template):
        yield postgresql


def terminate(server: Server, connection: Any) -> None:
    """End the backend of a connection, and wait until it has ended."""
    backend = connection.connection.dbapi_connection.info.backend_pid
    with server.connect() as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))


def once(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, strike: Callable[..., None]) -> None:
    """Strike the first time that a method is called, just before what it does."""
    method = getattr(owner, name)

    def struck(self: Any, *arguments: Any, **more: Any) -> Any:
        monkeypatch.setattr(owner, name, method)
        strike(self, *arguments)
        return method(self, *arguments, **more)

    monkeypatch.setattr(owner, name, struck)


def receipt(number: int, user: str = "u") -> dict[str, Any]:
    """A receipt on a day of March."""
    at = f"2024-03-{number:02}T09:00:00Z"
    return {"type": "received", "id": f"r{number}", "user_id": user, "campaign_id": "spring", "at": at}


def test_a_read_that_dies_after_the_decision_leaves_nothing_in_memory(
    on_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unit is decided again from the database: no fact is called a duplicate of one never recorded."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [receipt(1)])
        once(monkeypatch, JourneyUnitOfWork, "end", lambda self: terminate(on_server, self._connection))
        answers = take(service, [receipt(2), receipt(3, "new")]).answers
        assert {answer.verdict.value for answer in answers} == {"accepted"}
        take(service, [receipt(4), receipt(5, "new")])
        assert verify(service.database, lambda *_: None).problem is None
        facts = [receipt(1), receipt(2), receipt(3, "new"), receipt(4), receipt(5, "new")]
        assert outcome(service) == judge([CAMPAIGN], facts)


def test_a_look_at_what_others_did_that_dies_is_taken_again(
    on_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R16: `unknown_app` is said after a fresh look only, also where the first look failed."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service, open_ledger(tmp_path) as other:
        take(service, [receipt(1)])
        other.campaigns.apply(read_campaigns(APP_GROUP | {"apps": ["watch"]}), stamp())
        catch_up = type(service.journeys).catch_up
        once(
            monkeypatch,
            type(service.journeys),
            "catch_up",
            lambda _self, connection, *_: terminate(on_server, connection),
        )
        session = receipt(2) | {"type": "session_started", "app_id": "watch"}
        session.pop("campaign_id")
        assert take(service, [session]).answers[0].verdict.value == "accepted"
        assert type(service.journeys).catch_up is catch_up


def test_a_projection_whose_reading_dies_counts_nothing_twice(
    on_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost connection is no fault of the event that was read: the projection stands where it stood."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [receipt(1)])
        service.projector.catch_up()
        take(service, [receipt(2, "v")])
        once(monkeypatch, EventLog, "between", lambda _self, connection, *_: terminate(on_server, connection))
        with suppress(OperationalError):
            service.projector.catch_up()
        service.projector.catch_up()
        totals = reported(service, "spring")["totals"]
        assert (totals["receipts"], totals["unique_recipients"]) == (2, 2)


class Storm:
    """Threads that send overlapping slices of facts to two services, and one that terminates their backends."""

    def __init__(self, server: Server, services: list[Service], facts: Facts) -> None:
        self._server = server
        self._services = services
        self._facts = facts
        self._until = time.monotonic() + SECONDS
        self._lock = threading.Lock()
        self.sent: set[int] = set()
        self.accepted: Counter[int] = Counter()
        self.kills = 0
        self.refused: list[str] = []

    def run(self) -> None:
        """Until the time is up."""
        threads = [threading.Thread(target=self._send, args=(number,)) for number in range(4)]
        threads.append(threading.Thread(target=self._kill))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send(self, number: int) -> None:
        draw, service = random.Random(number), self._services[number % 2]
        while time.monotonic() < self._until:
            slice_ = draw.sample(range(len(self._facts)), draw.choice([3, 30, 300]))
            self._deliver(service, slice_[::2])
            self._deliver(service, slice_[1::2])

    def _deliver(self, service: Service, numbers: list[int]) -> None:
        commands = [read_fact(self._facts[number]) for number in numbers]
        while True:
            with suppress(OperationalError):
                answers = service.intake.submit(GROUP, commands, stamp()).result(200).answers
                break
        with self._lock:
            self.sent.update(numbers)
            self.refused += [answer.code for answer in answers if answer.code]
            verdicts = zip(numbers, answers, strict=True)
            self.accepted.update(number for number, answer in verdicts if answer.verdict.value == "accepted")

    def _kill(self) -> None:
        draw = random.Random(21)
        victims = (
            "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity "
            "WHERE application_name = 'conversions' AND state <> 'idle' ORDER BY random() LIMIT %s) victims"
        )
        with self._server.connect() as connection:
            while time.monotonic() < self._until:
                time.sleep(draw.uniform(0.02, 0.25))
                self.kills += len(connection.execute(victims, (draw.choice([1, 1, 1, 5]),)).fetchall())


@pytest.mark.slow
def test_backends_terminated_at_random_lose_nothing_and_double_nothing(
    on_server: Server, tmp_path: Path
) -> None:
    """R13, R14: two services, four threads, two projectors; every answer is true, and the reports are exact."""
    facts = list(islice(shop.facts(), FACTS))
    campaigns = shop.CAMPAIGNS["campaigns"]
    with Service(url_of(tmp_path)) as one, Service(url_of(tmp_path)) as other:
        one.campaigns.apply(read_campaigns(shop.CAMPAIGNS), stamp())
        projecting = [ProjectionWorker(each.database, each.projector) for each in (one, other)]
        threads = [threading.Thread(target=each.run) for each in projecting]
        for thread in threads:
            thread.start()
        storm = Storm(on_server, [one, other], facts)
        storm.run()
        assert all(thread.is_alive() for thread in threads)
        for each, thread in zip(projecting, threads, strict=True):
            each.end()
            thread.join()
        assert [each.stopped for each in projecting] == [{}, {}]
        assert storm.kills > 10
        assert storm.refused == []
        assert max(storm.accepted.values()) == 1
        one.projector.catch_up()
        assert verify(one.database, lambda *_: None).problem is None
        expected = judge(campaigns, [facts[number] for number in sorted(storm.sent)])
        assert outcome(one) == expected
        for campaign in campaigns:
            assert reported(one, campaign["id"], GROUP) == expected.report(campaign["id"])
