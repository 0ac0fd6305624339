"""The rebuild's contract under live import: killed three times, it ends equal to the running models; no reader errs."""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from application.commands.definitions import read_campaigns
from domain.facts import Received
from domain.journey import decisions as d
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.demo import shop
from infrastructure.event_store.codec import decode
from projections.campaign_report.reading import load_report
from projections.engine.generations import checkpoints
from projections.engine.projector import roll_back
from projections.registry import PROJECTIONS
from tests.projections.test_rebuilding import dump
from tests.support.commands import COMMAND, environment
from tests.support.ledgers import rows, take
from tests.support.servers import Server, running

GROUP = str(shop.CAMPAIGNS["app_group"])
CAMPAIGN_ID = str(shop.CAMPAIGNS["campaigns"][0]["id"])
BEFORE, LIVE = 40_000, 50_000
KILLS = 3
PATIENCE = 60.0

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of its own: both cores are busy."""
    with running() as server:
        yield server


class Reader(threading.Thread):
    """Reads a report again and again, and notes what it said at which position."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.ending = threading.Event()
        self.failed: BaseException | None = None
        self.said: dict[int, dict[str, Any]] = {}

    def run(self) -> None:
        """Until it is told to end."""
        try:
            with Service(self._url) as service:
                while not self.ending.wait(0.01):
                    with service.database.reading() as connection:
                        found = load_report(connection, GROUP, CAMPAIGN_ID)
                    assert found is not None
                    figures = found.as_json()
                    assert self.said.setdefault(found.position, figures) == figures
        except BaseException as error:  # noqa: BLE001 - told by the test
            self.failed = error


def counted(service: Service, positions: set[int]) -> dict[int, dict[str, Any]]:
    """What a report is to say at each of the positions, counted anew from the events one by one."""
    receipts: Counter[str] = Counter()
    conversions: Counter[tuple[str, int]] = Counter()
    recipients: Counter[str | None] = Counter()
    found = {}
    for row in rows(service):
        if row.topic.startswith("journey."):
            event = decode(row.topic, row.state)
            if getattr(event, "campaign_id", None) == CAMPAIGN_ID:
                _count(event, receipts, recipients, conversions)
        if row.position in positions:
            variants = {
                each: {"receipts": receipts[each], "unique_recipients": recipients[each]}
                | {"conversions": [conversions[each, index] for index in range(4)]}
                for each in receipts
            }
            found[row.position] = {"variants": variants, "unique_recipients": recipients[None]}
    return found


def _count(event: Any, receipts: Counter[Any], recipients: Counter[Any], conversions: Counter[Any]) -> None:
    match event:
        case Received():
            receipts[event.variant_id] += 1
        case d.RecipientCounted():
            recipients[event.variant_id] += 1
        case d.ConversionRecorded() | d.ConversionRestated() | d.ConversionWithdrawn():
            if (before := getattr(event, "before", None)) is not None:
                conversions[before.receipt.variant_id, event.index] -= 1
            if (now := getattr(event, "now", None)) is not None:
                conversions[now.receipt.variant_id, event.index] += 1


def in_short(figures: dict[str, Any]) -> dict[str, Any]:
    """The part of a report that is counted anew here."""
    variants = {
        each["variant_id"]: {"receipts": each["receipts"], "unique_recipients": each["unique_recipients"]}
        | {"conversions": each["conversions"] + [0] * (4 - len(each["conversions"]))}
        for each in figures["variants"]
        if each["receipts"]
    }
    return {"variants": variants, "unique_recipients": figures["totals"]["unique_recipients"]}


def building_at(service: Service) -> int:
    """How far the new generations are; 0 where none is building."""
    query = select(checkpoints.c.position).where(checkpoints.c.status == "building")
    with service.database.reading() as connection:
        return min(connection.execute(query).scalars(), default=0)


def rebuild(directory: Path, url: str) -> subprocess.Popen[bytes]:
    """`conversions rebuild --all`, in processes of its own."""
    own = environment(directory, {"CONVERSIONS_DATABASE_URL": url, "CONVERSIONS_LOG_LEVEL": "error"})
    return subprocess.Popen(
        [*COMMAND, "rebuild", "--all", "--keep-old", "--processes", "2", "--json"],
        cwd=directory,
        env=own,
        stdout=subprocess.PIPE,
    )


@contextmanager
def beside(settings: dict[str, str], command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Another process beside, which ends with what is done beside it."""
    process = subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def helpers_of(process: subprocess.Popen[bytes]) -> list[Path]:
    """The processes it began, as the system lists them."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [Path("/proc", child) for child in children]


def killed_once_it_has_moved(service: Service, directory: Path, url: str) -> None:
    """Begin a rebuild, and kill it when it has written something; its processes end with it."""
    before = building_at(service)
    process = rebuild(directory, url)
    until = time.monotonic() + PATIENCE
    while building_at(service) <= before:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    helpers = helpers_of(process)
    process.kill()
    process.communicate()
    assert helpers
    while any(helper.exists() for helper in helpers):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_killed_three_times_under_live_import_no_reader_sees_a_wrong_figure(
    server: Server, tmp_path: Path
) -> None:
    """On PostgreSQL: what readers saw is what the log held at the position they were told, before, during and after."""
    url = server.fresh_database()
    facts = list(islice(shop.facts(), BEFORE + LIVE))
    with Service(url) as service:
        service.campaigns.apply(read_campaigns(shop.CAMPAIGNS), stamp())
        for start in range(0, BEFORE, 8_000):
            take(service, facts[start : min(start + 8_000, BEFORE)], GROUP)
        service.projector.catch_up()
        path = tmp_path / "live.jsonl"
        path.write_text("".join(json.dumps(fact) + "\n" for fact in facts[BEFORE:]))
        sender = [
            sys.executable,
            "-m",
            "tests.support.sender",
            url,
            GROUP,
            str(path),
            "40",
            "7",
            "1.0",
        ]
        quiet = environment(tmp_path, {"CONVERSIONS_LOG_LEVEL": "error"})
        reader = Reader(url)
        reader.daemon = True
        reader.start()
        with (
            beside(quiet, sender) as live,
            beside(quiet | {"CONVERSIONS_DATABASE_URL": url}, [*COMMAND, "project"]),
        ):
            for _ in range(KILLS):
                killed_once_it_has_moved(service, tmp_path, url)
            assert live.poll() is None, "facts arrive throughout"
            last = rebuild(tmp_path, url)
            told = json.loads(last.communicate(timeout=2 * PATIENCE)[0])
        reader.ending.set()
        reader.join()
        assert reader.failed is None
        assert {each["name"] for each in told["rebuilt"]} == {projection.name for projection in PROJECTIONS}
        assert all(int(each["resumed_from"]) > 0 for each in told["rebuilt"])
        service.projector.catch_up()
        again = {projection.name: dump(service, projection) for projection in PROJECTIONS}
        expected = counted(service, set(reader.said))
        assert len(expected) > 10
        assert {position: in_short(said) for position, said in reader.said.items()} == expected
        _equal_to_those_that_ran_on(service, again)


def _equal_to_those_that_ran_on(service: Service, tables: dict[str, Any]) -> None:
    """The old generations, gone back to and caught up, hold the same rows."""
    for projection in PROJECTIONS:
        assert roll_back(service.projector, [projection])[0].generation == 1
        service.projector.catch_up(projection)
        assert dump(service, projection) == tables[projection.name]
