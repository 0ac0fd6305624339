"""How long after it was committed a fact is in the campaign report, while facts keep coming.

Three processes: `conversions project`; a sender, which is this module run as a program; and a reader, which looks at
the checkpoints again and again.
"""

import json
import signal
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import select

from application.commands.facts import FactCommand, read_fact
from benchmarks.crowd import BUSY_FEW
from benchmarks.garbage import less_collection
from benchmarks.ledger import batches
from benchmarks.places import folder
from benchmarks.reads import quantile
from benchmarks.rebuild_stores import Stores
from benchmarks.results import Ask, Progress, Table
from benchmarks.workload import GROUP
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.inbound.importing import IMPORT_BATCH
from infrastructure.logging import configure
from infrastructure.settings import read_settings
from projections.campaign_report import CAMPAIGN_REPORT
from projections.engine.generations import checkpoints

RATE: Final = 5_000
"""Facts a second."""
BATCH: Final = 250
SECONDS: Final = 15
STORED: Final = 100_000
"""Facts in the ledgers at first. In much larger ones on SQLite, sender and projector alone fill two cores."""
WARM_UP: Final = 40_000
"""Facts before those: the sender then has in memory what a process that runs has."""

ASKED_MILLISECONDS: Final = 200
ASKED_SHARE: Final = 0.98
"""Of the facts a second, that the pace was kept."""

_COMMAND = Path(sys.executable).with_name("conversions")
_LOOK_EVERY_SECONDS = 0.01
_PATIENCE_SECONDS = 60.0


class Sent(NamedTuple):
    """A batch: when it was given, when it was recorded, and a position that is not before any of its facts."""

    given: float
    recorded: float
    position: int


class Look(NamedTuple):
    """Where the campaign report stood, and the read model that was furthest behind."""

    at: float
    report: int
    last: int


@dataclass(frozen=True)
class Measured:
    """The batches, where the read models were seen, and what the process that keeps them current said."""

    sent: list[Sent]
    looks: list[Look]
    said: list[str]

    @property
    def speed(self) -> float:
        """Facts a second."""
        return len(self.sent) * BATCH / (self.sent[-1].recorded - self.sent[0].given)

    def milliseconds(self) -> dict[str, list[float]]:
        """What each batch took, by what was waited for."""
        report, last = ([look[column] for look in self.looks] for column in (1, 2))
        return {
            "recorded: the call alone": [1e3 * (each.recorded - each.given) for each in self.sent],
            "in the campaign report": [self._lag(each, report) for each in self.sent],
            "in all read models": [self._lag(each, last) for each in self.sent],
        }

    def _lag(self, each: Sent, positions: list[float]) -> float:
        """From when a batch was recorded to the first look that found its position reached."""
        place = bisect_left(positions, each.position)
        return 1e3 * max(self.looks[place].at - each.recorded, 0) if place < len(positions) else inf


def measure(stores: Stores, progress: Progress) -> Table:
    """Send facts to ledgers whose read models another process keeps current, and look at how far those are."""
    columns = ["where, what", "facts/s", "batches", "median ms", "p99 ms", "max ms"]
    title = f"Lag: from recorded to readable, {RATE:,} facts/s in batches of {BATCH} for {SECONDS} s"
    table = Table("lag", title, columns)
    for place, url in stores.urls.items():
        progress(f"lag on {place}")
        _add(table, place, _run(url, stores.facts))
    table.notes += [
        f"on top of {stores.facts:,} facts, after {WARM_UP:,} to warm up, which are readable when the clock starts",
        "`conversions project`, sender and reader are processes of their own",
        f"the reader looks every {1e3 * _LOOK_EVERY_SECONDS:.0f} ms, which the lag includes",
        f"{_PATIENCE_SECONDS:.0f} s after the last fact it gives up, and says inf",
    ]
    return table


def _add(table: Table, place: str, measured: Measured) -> None:
    taken = measured.milliseconds()
    for name, each in taken.items():
        shares = [quantile(each, share) for share in (0.5, 0.99, 1)]
        table.rows.append([f"{place}: {name}", measured.speed, len(each), *shares])
    table.notes += [f"{place}: {line}" for line in measured.said]
    p99 = quantile(taken["in the campaign report"], 0.99)
    table.asks += [
        Ask(f"facts/s sent while the lag is measured, {place}", measured.speed, ASKED_SHARE * RATE),
        Ask(f"lag of the campaign report, p99 in ms, {place}", p99, ASKED_MILLISECONDS, at_most=True),
    ]


def _run(url: str, first: int) -> Measured:
    with Service(url) as service, folder() as path:
        service.projector.catch_up()
        with _projecting(url, path / "said"):
            list(_looks(service, lambda: True))
            command = [sys.executable, "-m", "benchmarks.lag", url, str(first)]
            with (path / "sent").open("w") as file, subprocess.Popen(command, stdout=file) as sender:  # noqa: S603
                looks = list(_looks(service, lambda: sender.poll() is not None))
            assert sender.returncode == 0
        sent = [Sent(*each) for each in json.loads((path / "sent").read_text())]
        said = [line for line in (path / "said").read_text().splitlines() if "projection.stopped" in line]
    return Measured(sent, looks, said)


@contextmanager
def _projecting(url: str, said: Path) -> Iterator[None]:
    """`conversions project` in a process of its own, which has begun."""
    with said.open("w") as file:
        process = subprocess.Popen([_COMMAND, "project", "--database", url], stderr=file)  # noqa: S603
        try:
            while "Keeping" not in said.read_text():
                assert process.poll() is None, said.read_text()
                time.sleep(0.05)
            yield
            assert process.poll() is None, said.read_text()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE_SECONDS)


def _looks(service: Service, ended: Callable[[], bool]) -> Iterator[Look]:
    """What changed, until it has ended and everything is in the read models, or patience ends."""
    before = Look(0, -1, -1)
    give_up: float | None = None
    while True:
        look = _look(service)
        if look[1:] != before[1:]:
            before = look
            yield look
        if give_up is None and ended():
            give_up = look.at + _PATIENCE_SECONDS
        if give_up is not None and (look.last >= _newest(service) or look.at > give_up):
            return
        time.sleep(_LOOK_EVERY_SECONDS)


_STANDS = select(checkpoints.c.name, checkpoints.c.position).where(checkpoints.c.status == "current")


def _look(service: Service) -> Look:
    with service.database.reading() as connection:
        stands = {row.name: row.position for row in connection.execute(_STANDS)}
    return Look(time.monotonic(), stands[CAMPAIGN_REPORT.name], min(stands.values()))


def _newest(service: Service) -> int:
    with service.database.reading() as connection:
        return service.log.last_position(connection)


def send(url: str, first: int) -> None:
    """Record the crowd's next facts, paced by the clock after a warm-up, and print the batches as JSON."""
    configure(read_settings())
    facts = [read_fact(raw) for raw in BUSY_FEW.facts(WARM_UP + RATE * SECONDS, first)]
    sent: list[Future[Sent]] = []
    with Service(url) as service, less_collection():
        for batch in batches(facts[:WARM_UP], IMPORT_BATCH):
            service.intake.record(GROUP, batch, stamp())
        list(_looks(service, lambda: True))
        started = time.monotonic()
        for number, batch in enumerate(batches(facts[WARM_UP:], BATCH)):
            time.sleep(max(started + number * BATCH / RATE - time.monotonic(), 0))
            sent.append(_sent(service, batch))
        print(json.dumps([each.result() for each in sent]))


def _sent(service: Service, batch: Sequence[FactCommand]) -> Future[Sent]:
    """Give a batch to be recorded; the next one is decided meanwhile."""
    done: Future[Sent] = Future()
    given = time.monotonic()
    recording = service.intake.submit(GROUP, batch, stamp())
    recording.add_done_callback(
        lambda each: done.set_result(Sent(given, time.monotonic(), each.result().position))
    )
    return done


if __name__ == "__main__":
    send(sys.argv[1], int(sys.argv[2]))
