"""A minute of murder: writers, the projector and the server die at random; what was acknowledged is there once."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pytest

from application.commands.definitions import read_campaigns
from domain.facts import Fact
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.demo import shop
from infrastructure.event_store.integrity import verify
from tests.support.commands import COMMAND, ROOT, environment, run_process
from tests.support.ledgers import outcome, reported, streams
from tests.support.reference import judge
from tests.support.servers import Server, running

SECONDS = 60.0
FACTS = 12_000
WRITERS = 3
GROUP = str(shop.CAMPAIGNS["app_group"])
QUIET = {"CONVERSIONS_LOG_LEVEL": "error"}


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that keeps what it has committed."""
    with running() as server:
        yield server


class Victim:
    """A process that is started again whenever it is gone."""

    def __init__(self, directory: Path, url: str, name: str) -> None:
        self._environment = environment(directory, QUIET | {"CONVERSIONS_DATABASE_URL": url})
        self._told = directory / f"{name}.out"
        self._errors = directory / f"{name}.err"
        self.process: subprocess.Popen[bytes] | None = None
        self.ends = 0

    def command(self) -> list[str]:
        """What to run."""
        raise TypeError

    def look_after(self) -> None:
        """Start it where it is not running."""
        if self.process is None or self.process.poll() is not None:
            with self._told.open("ab") as told, self._errors.open("ab") as errors:
                self.process = self._start(told, errors)

    def _start(self, told: IO[bytes], errors: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.command(), cwd=ROOT, env=self._environment, stdout=told, stderr=errors)

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            self.ends += 1

    def acknowledged(self) -> set[int]:
        """The numbers of the facts that were acknowledged to it; a line that was cut off does not count."""
        lines = self._told.read_text().splitlines(keepends=True)
        return {int(number) for line in lines if line.endswith("\n") for number in line.split()}


class Writer(Victim):
    """Sends facts, another share each time it is started."""

    def __init__(self, directory: Path, url: str, facts: Path, number: int) -> None:
        super().__init__(directory, url, f"writer-{number}")
        self._arguments = [url, GROUP, str(facts)]
        self._seed = number

    def command(self) -> list[str]:
        self._seed += WRITERS
        sender = [sys.executable, "-m", "tests.support.sender", *self._arguments]
        return [*sender, "40", str(self._seed), "0.5"]


class ProjectorProcess(Victim):
    """`conversions project`."""

    def command(self) -> list[str]:
        return [*COMMAND, "project"]


def murder(server: Server, victims: list[Victim]) -> dict[str, int]:
    """Kill for a minute, and start again; how often the server went which way."""
    draw, ways = random.Random(7), dict.fromkeys(("killed", "immediate"), 0)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        for victim in victims:
            victim.look_after()
        time.sleep(draw.uniform(0.3, 1.2))
        if draw.random() < 0.3:
            way = draw.choice(list(ways))
            server.kill() if way == "killed" else server.stop("immediate")
            ways[way] += 1
            time.sleep(draw.uniform(0.0, 1.5))
            server.start()
        else:
            draw.choice(victims).kill()
    for victim in victims:
        victim.kill()
    return ways


@pytest.mark.slow
def test_whatever_is_killed_what_was_acknowledged_is_there_once_and_reports_are_exact(
    server: Server, tmp_path: Path
) -> None:
    """SIGKILL of writers and projector, SIGKILL and immediate shutdown of the server, for a minute."""
    url = server.fresh_database()
    facts = list(islice(shop.facts(), FACTS))
    path = tmp_path / "facts.jsonl"
    path.write_text("".join(json.dumps(fact) + "\n" for fact in facts))
    with Service(url) as service:
        service.campaigns.apply(read_campaigns(shop.CAMPAIGNS), stamp())
    writers = [Writer(tmp_path, url, path, number) for number in range(WRITERS)]
    projector = ProjectorProcess(tmp_path, url, "projector")
    ways = murder(server, [*writers, projector])
    assert min(ways.values()) > 0
    assert min(victim.ends for victim in (*writers, projector)) > 0
    acknowledged = set().union(*(writer.acknowledged() for writer in writers))
    assert len(acknowledged) > FACTS / 10
    with Service(url) as service:
        assert verify(service.database, lambda *_: None).problem is None
        there = recorded(service)
        assert {key(facts[number]) for number in acknowledged} <= there
        service.projector.catch_up()
        _exact(service, [fact for fact in facts if key(fact) in there])
    again = run_process(
        tmp_path, "import", str(path), "--json", settings=QUIET | {"CONVERSIONS_DATABASE_URL": url}
    )
    assert json.loads(again.stdout)["rejected"] == 0, again.stderr
    with Service(url) as service:
        _exact(service, facts)


def key(fact: dict[str, Any]) -> tuple[str, str]:
    """What a fact is known by (R13)."""
    return fact["user_id"], fact["id"]


def recorded(service: Service) -> set[tuple[str, str]]:
    """The user and id of every fact in the ledger; raises where one is there twice."""
    found = [
        (user_id, event.id)
        for user_id, events in streams(service).items()
        for event in events
        if isinstance(event, Fact)
    ]
    assert len(found) == len(set(found))
    return set(found)


def _exact(service: Service, facts: list[dict[str, Any]]) -> None:
    expected = judge(shop.CAMPAIGNS["campaigns"], facts)
    assert outcome(service) == expected
    for campaign in shop.CAMPAIGNS["campaigns"]:
        assert reported(service, campaign["id"], GROUP) == expected.report(campaign["id"])
