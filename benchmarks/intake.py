"""A whole import as the command line does it, the share of each stage, and the limit beside it."""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from application.commands.facts import read_fact
from benchmarks import limit
from benchmarks.ledger import SQLITE, Totals, Unwatched, batches, commands, fresh, refuse, totals
from benchmarks.places import Place
from benchmarks.results import Ask, Progress, Table
from benchmarks.stages import DECIDING, RECORDING, time_stages
from benchmarks.workload import CAMPAIGNS, GROUP
from domain.errors import FactRefused
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.inbound.files import open_facts
from infrastructure.inbound.importing import IMPORT_BATCH


@dataclass(frozen=True)
class Run:
    """One import: how long it took, thread by thread and stage by stage, and what it recorded."""

    facts: int
    events: int
    whole: float
    seconds: dict[str, float]
    processor: float

    @property
    def without_projector(self) -> float:
        """Seconds but for the read models."""
        return self.whole - self.seconds["project"]

    @property
    def recording(self) -> float:
        """Seconds in which the recording thread is busy."""
        return sum(self.seconds[stage] for stage in RECORDING)


@dataclass(frozen=True)
class Measured:
    """The import of median length, the bare rows beside it, and the seconds that reading and validating take alone."""

    place: str
    run: Run
    runs: int
    bare: limit.Bare
    reading: tuple[float, float]

    @property
    def share_of_limit(self) -> float:
        """How near the whole import comes to the limit."""
        return self.bare.seconds / self.run.whole


def measure(path: Path, place: Place, runs: int, progress: Progress) -> Measured:
    """Import the file a few times, and put the rows of `events` that the last run recorded once more, bare."""
    reading = _read(path)
    done: list[Run] = []
    for number in range(1, runs):
        progress(f"import on {place.name}, run {number} of {runs}")
        with fresh(CAMPAIGNS, place) as service:
            done.append(_run(path, service))
    progress(f"import on {place.name}, run {runs} of {runs}")
    with fresh(CAMPAIGNS, place) as service:
        before = service.recorder.max_notification_id() or 0
        done.append(_run(path, service))
        bare = limit.measure(service, place, before, runs, progress)
    middle = sorted(done, key=lambda run: run.whole)[runs // 2]
    return Measured(place.name, middle, runs, bare, reading)


def _run(path: Path, service: Service) -> Run:
    """Import a file as the command line does, and time its stages."""
    before = service.recorder.max_notification_id() or 0
    importing = service.start_import(GROUP, refuse)
    watch = time_stages(service, importing)
    started, processor = perf_counter(), process_time()
    with watch.stage("read"):
        done = importing.run([str(path)], None, Unwatched())
    whole, processor = perf_counter() - started, process_time() - processor
    events = (service.recorder.max_notification_id() or 0) - before
    return Run(done.accepted, events, whole, watch.seconds, processor)


def import_file(path: Path, place: Place = SQLITE) -> tuple[int, float, Totals]:
    """Import a file untimed inside: facts, seconds, and the reports."""
    with fresh(CAMPAIGNS, place) as service:
        started = perf_counter()
        done = service.start_import(GROUP, refuse).run([str(path)], None, Unwatched())
        return done.accepted, perf_counter() - started, totals(service, GROUP)


def record_batches(
    path: Path, size: int, most: int, most_seconds: float, place: Place = SQLITE
) -> tuple[int, float, Totals]:
    """Record a file's first facts in batches until the time is up: facts; seconds, reports current; the reports."""
    started = perf_counter()
    facts = commands(path)[:most]
    reading = perf_counter() - started
    taken = 0
    with fresh(CAMPAIGNS, place) as service:
        started = perf_counter()
        for batch in batches(facts, size):
            service.intake.record(GROUP, batch, stamp())
            taken += len(batch)
            if perf_counter() - started > most_seconds:
                break
        service.projector.catch_up()
        return taken, reading + perf_counter() - started, totals(service, GROUP)


def _read(path: Path) -> tuple[float, float]:
    """Seconds to read and parse the file, and to validate its facts: the work of the import's second thread."""
    parsing = validating = 0.0
    with open_facts(str(path)) as file:
        rows = batches(file, IMPORT_BATCH)
        while True:
            started = perf_counter()
            batch = next(rows, None)
            parsed = perf_counter()
            if batch is None:
                return parsing, validating
            for _, raw in batch:
                if not isinstance(raw, FactRefused):
                    read_fact(raw)
            parsing += parsed - started
            validating += perf_counter() - parsed


def stages(measured: Measured, asked: int) -> Table:
    """Where the time of the import went; so many facts a second are asked."""
    run, (parsing, validating) = measured.run, measured.reading
    title = (
        f"Import on {measured.place}: {run.facts:,} facts, {run.events:,} events, batches of {IMPORT_BATCH:,}"
    )
    columns = ["thread and stage", "seconds", "share %", "facts/s", "events/s"]
    table = Table(f"intake_{measured.place.lower()}", title, columns)
    for name, seconds in (
        *((f"deciding: {name}", run.seconds[stage]) for stage, name in DECIDING.items()),
        *((f"recording: {name}", run.seconds[stage]) for stage, name in RECORDING.items()),
        ("reading, alone: read, parse JSON", parsing),
        ("reading, alone: validate", validating),
        ("whole import", run.whole),
        ("projector's share taken out", run.without_projector),
    ):
        table.rows.append(
            [name, seconds, 100 * seconds / run.whole, run.facts / seconds, run.events / seconds]
        )
    table.notes += [
        f"the import of median length of {measured.runs}; facts in order of time, reports current at the end",
        f"processor time {run.processor:.2f} s, all threads; they share one interpreter lock, and wait for it as well",
    ]
    text = f"import on {measured.place}, facts/s, reports current"
    table.asks.append(Ask(text, run.facts / run.whole, asked))
    return table


def beside_limit(measured: Measured) -> Table:
    """The import beside the bare rows."""
    run, bare = measured.run, measured.bare
    title = f"The limit on {measured.place}: bare {bare.how} of the same rows"
    columns = ["what", "seconds", "events/s", "facts/s", "ratio to limit"]
    table = Table(f"limit_{measured.place.lower()}", title, columns)
    for name, seconds in (
        (f"bare {bare.how}, no index", bare.without_indexes),
        (f"bare {bare.how}, both indexes: the limit", bare.seconds),
        ("ours, whole import", run.whole),
        ("ours, projector's share taken out", run.without_projector),
        ("ours, the recording thread alone", run.recording),
    ):
        if seconds is not None:
            ratio = bare.seconds / seconds
            table.rows.append([name, seconds, run.events / seconds, run.facts / seconds, ratio])
    table.notes.append(
        f"the ledger's own settings, the same table and indexes, {bare.transactions} transactions, one a batch of the "
        f"import, median of {measured.runs} runs"
    )
    text = f"whole import / bare {bare.how}, {measured.place}"
    table.asks.append(Ask(text, measured.share_of_limit, limit.ASKED_SHARE))
    return table
