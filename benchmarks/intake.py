"""A whole import on SQLite as the command line does it, the share of each stage, and the limit beside it."""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from application.fact_commands import read_fact
from benchmarks import limit
from benchmarks.ledger import Totals, batches, commands, fresh, totals
from benchmarks.results import Ask, Progress, Table
from benchmarks.stages import STAGES, time_stages
from benchmarks.workload import CAMPAIGNS, GROUP
from domain.errors import FactRefused
from infrastructure.files import FactFile, open_facts
from infrastructure.importing import IMPORT_BATCH, Import, Rejected
from infrastructure.importing import Totals as Imported
from infrastructure.service import Service, stamp

ASKED_FACTS_A_SECOND = 10_000


@dataclass(frozen=True)
class Run:
    """One import: how long it took, stage by stage, and what it recorded."""

    facts: int
    events: int
    seconds: dict[str, float]
    processor: float

    @property
    def whole(self) -> float:
        """Seconds of all stages."""
        return sum(self.seconds.values())

    @property
    def without_projector(self) -> float:
        """Seconds but for the read models."""
        return self.whole - self.seconds["project"]

    @property
    def storage(self) -> float:
        """Seconds in which the database has the word."""
        return sum(self.seconds[stage] for stage in ("events", "index", "commit"))


def measure(path: Path, runs: int, progress: Progress) -> list[Table]:
    """Import the file a few times, and insert the rows of `events` that the last run recorded once more, bare."""
    reading = _read(path)
    done: list[Run] = []
    for number in range(1, runs):
        progress(f"import, run {number} of {runs}")
        with fresh(CAMPAIGNS) as service:
            done.append(_run(path, service))
    progress(f"import, run {runs} of {runs}")
    with fresh(CAMPAIGNS) as service:
        before = service.recorder.max_notification_id() or 0
        done.append(_run(path, service))
        bare = limit.measure(service, before, runs, progress)
    middle = sorted(done, key=lambda run: run.whole)[runs // 2]
    return [_stages(middle, runs, *reading), _limit(middle, runs, bare)]


def _run(path: Path, service: Service) -> Run:
    """Import a file as the command line does, and time its stages."""
    before = service.recorder.max_notification_id() or 0
    watch = time_stages(service)
    importing = Import(service, GROUP, _refuse)
    processor = process_time()
    watch.lap("read")
    done = importing.run([str(path)], None, _Unwatched())
    watch.lap("")
    events = (service.recorder.max_notification_id() or 0) - before
    return Run(done.accepted, events, watch.seconds, process_time() - processor)


def import_file(path: Path) -> tuple[float, int, Totals]:
    """Import a file untimed inside: seconds, facts, and the reports."""
    with fresh(CAMPAIGNS) as service:
        started = perf_counter()
        done = Import(service, GROUP, _refuse).run([str(path)], None, _Unwatched())
        return perf_counter() - started, done.accepted, totals(service, GROUP)


def record_batches(path: Path, size: int, most: int, most_seconds: float) -> tuple[float, int, Totals]:
    """Record a file's first facts in batches until the time is up: seconds, reports current; facts; the reports."""
    started = perf_counter()
    facts = commands(path)[:most]
    reading = perf_counter() - started
    taken = 0
    with fresh(CAMPAIGNS) as service:
        started = perf_counter()
        for batch in batches(facts, size):
            service.intake.record(GROUP, batch, stamp())
            taken += len(batch)
            if perf_counter() - started > most_seconds:
                break
        service.projector.catch_up()
        return reading + perf_counter() - started, taken, totals(service, GROUP)


class _Unwatched:
    """Nobody wants to know how the import goes."""

    def reading(self, file: FactFile, totals: Imported) -> None:
        pass

    def projecting(self, done: int, newest: int) -> None:
        pass


def _refuse(rejected: Rejected) -> None:
    raise AssertionError(rejected)


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


def _stages(run: Run, runs: int, parsing: float, validating: float) -> Table:
    title = f"Import on SQLite: {run.facts:,} facts, {run.events:,} events, batches of {IMPORT_BATCH:,}"
    table = Table("intake", title, ["stage", "seconds", "share %", "facts/s", "events/s"])
    stages = [(name, run.seconds[stage]) for stage, name in STAGES.items()]
    for name, seconds in (
        *stages,
        ("whole import", run.whole),
        ("projector's share taken out", run.without_projector),
        ("in the reader's thread, alone: read, parse JSON", parsing),
        ("in the reader's thread, alone: validate", validating),
    ):
        share = 100 * seconds / run.whole
        table.rows.append([name, seconds, share, run.facts / seconds, run.events / seconds])
    table.notes += [
        f"the import of median length of {runs}; facts in order of time, reports current at the end",
        f"processor time {run.processor:.2f} s, both threads; both share one interpreter lock",
    ]
    table.asks.append(Ask("import, facts/s, reports current", run.facts / run.whole, ASKED_FACTS_A_SECOND))
    return table


def _limit(run: Run, runs: int, bare: limit.Bare) -> Table:
    columns = ["what", "seconds", "events/s", "facts/s", "ratio to limit"]
    table = Table("limit", "The limit: bare executemany of the same rows", columns)
    for name, seconds in (
        ("bare executemany", bare.seconds),
        ("ours, whole import", run.whole),
        ("ours, projector's share taken out", run.without_projector),
        ("ours, storage alone (events, index, commit)", run.storage),
    ):
        ratio = bare.seconds / seconds
        table.rows.append([name, seconds, run.events / seconds, run.facts / seconds, ratio])
    table.notes.append(
        f"pysqlite3 with the ledger's own PRAGMAs (WAL, synchronous=FULL), the same table and index, "
        f"{bare.transactions} transactions as the import made them, median of {runs} runs"
    )
    table.asks.append(Ask("whole import / bare executemany", bare.seconds / run.whole, limit.ASKED_SHARE))
    return table
