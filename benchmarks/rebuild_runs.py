"""Rebuilds as a user runs them, and the limit beside them: a bare read of the same rows by the driver alone."""

import json
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from sqlalchemy import bindparam, literal_column, select

from benchmarks.garbage import less_collection
from infrastructure.composition import Service
from infrastructure.database.dialect import Prepared
from infrastructure.database.schema import events
from infrastructure.event_store.codec import TOPICS
from infrastructure.read_models.folding_pool import start_folding
from projections.engine.projection import Projection, Tally
from projections.engine.projector import BATCH
from projections.engine.rebuilding import Task

_COMMAND = Path(sys.executable).with_name("conversions")


class Run(NamedTuple):
    """A pass over the log: how many events it holds, and the seconds, of which `start` went before the first one."""

    events: int
    seconds: float
    start: float = 0.0

    @property
    def speed(self) -> float:
        """Events of the log a second, the start included."""
        return self.events / self.seconds

    @property
    def speed_once_begun(self) -> float:
        """The same without the start."""
        return self.events / (self.seconds - self.start)


def rebuilt(url: str, names: list[str], processes: int, runs: int) -> Run:
    """The fastest of a few runs of `conversions rebuild`, from the start of its process to its end."""
    return min((_rebuilt(url, names, processes) for _ in range(runs)), key=lambda run: run.seconds)


def _rebuilt(url: str, names: list[str], processes: int) -> Run:
    options = ["--processes", str(processes), "--database", url, "--json"]
    command = [str(_COMMAND), "rebuild", *names, *options]
    started = perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    seconds = perf_counter() - started
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    begun = {each["resumed_from"] for each in printed["rebuilt"]}
    assert begun == {"0"}, begun
    (position,) = {int(each["position"]) for each in printed["rebuilt"]}
    return Run(position, seconds, seconds - printed["seconds"])


def pool_start(url: str, processes: int) -> float:
    """Seconds until processes that fold have begun and done nothing: they begin within a rebuild."""
    started = perf_counter()
    with start_folding(processes, lambda: Service(url).projector) as pool:
        list(pool.map(Task((), 0, 0) for _ in range(processes)))
        return perf_counter() - started


def read_bare(service: Service, wanted: Collection[type[Any]] | None, runs: int) -> Run:
    """The fastest of a few reads of whole rows, in this process: all of them, or those of the events wanted."""
    topic, position = events.c.topic, events.c.position
    query = select(events).where(position > bindparam("after"), position <= bindparam("last"))
    if wanted is not None:
        # As the log asks for them.
        others: list[Any] = [
            literal_column(f"'{name}'") for event, name in TOPICS.items() if event not in wanted
        ]
        query = query.where(topic.not_in(others))
    statement = Prepared(query.order_by(position), service.database.dialect.compiler)
    return min((_read_bare(service, statement) for _ in range(runs)), key=lambda run: run.seconds)


def _read_bare(service: Service, statement: Prepared) -> Run:
    with service.database.reading() as connection, less_collection():
        last = service.log.last_position(connection)
        started = perf_counter()
        for after in range(0, last, BATCH):
            statement.all(connection, after=after, last=min(after + BATCH, last))
        return Run(last, perf_counter() - started)


def tally(service: Service) -> Tally:
    """All events of the log, counted by the database."""
    log = service.log
    with service.database.reading() as connection:
        return log.tally(connection, 0, log.last_position(connection))


def by_event(counted: Tally, projection: Projection) -> Iterator[tuple[str, int, bool]]:
    """The name of each event, how many there are, and whether the projection reads them; the most frequent first."""
    read = {event.__name__ for event in projection.handlers}
    names: dict[str, int] = {}
    for (name, _), number in counted.items():
        names[name] = names.get(name, 0) + number
    for name, number in sorted(names.items(), key=lambda each: -each[1]):
        if number:
            yield name, number, name in read
