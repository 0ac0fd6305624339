"""Audits: facts a second from an archive, and straight from each store, beside what else could be done with the same.

Beside an archive stand a bare scan of the same columns by the same engine, Polars on the question of conversions, the
domain's own code, and Spark here; beside a store stands a bare read of its log. Nothing may differ in any of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import audit_bytes
from benchmarks.audit_archive import Copies, ledger
from benchmarks.audit_bytes import Sizes
from benchmarks.audit_runs import Failed, Run, polars, spark, step
from benchmarks.disorder import disordered
from benchmarks.ledger import SQLITE
from benchmarks.peers import NotInstalled
from benchmarks.places import Place, PostgreSQL, folder
from benchmarks.results import Ask, Progress, Table, Value
from benchmarks.workload import facts, write

COPIED_FACTS = 100_000
"""Of the ledger that archives are made of, by copies of its journeys."""

ASKED_FACTS_A_SECOND = 1_000_000
ASKED_STRAIGHT = 150_000
ASKED_SHARE_STRAIGHT = 0.5
ASKED_SHARE_ARCHIVING = 0.33
ASKED_MEGABYTES = 2_000
ASKED_SLOPE = 1.5
_RUNS = 2


@dataclass(frozen=True)
class Straight:
    """What was measured of one ledger in one place."""

    place: str
    facts: int
    bare: Run
    audit: Run
    archiving: Run
    sizes: Sizes

    @property
    def share(self) -> float:
        """How near an audit comes to a bare read."""
        return self.bare.seconds / self.audit.seconds

    @property
    def share_archiving(self) -> float:
        """The same of archiving."""
        return self.bare.seconds / self.archiving.seconds


@dataclass
class Archived:
    """What was measured of archives: the audit and the bare scan by size, and the others at the smallest."""

    audits: list[Run] = field(default_factory=list)
    scans: list[Run] = field(default_factory=list)
    others: dict[str, Run] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def measure(stored: int, sizes: Sequence[int], server: PostgreSQL, progress: Progress) -> Iterator[Table]:
    """Audit archives of these sizes, and ledgers of so many facts."""
    straight: list[Straight] = []
    with folder() as path:
        archived = Archived()
        for number in sorted({COPIED_FACTS, stored}):
            write(path / "facts.jsonl", disordered(facts(number)))
            straight += [_straight(place, number, path, archived, progress) for place in (SQLITE, server)]
        copies = Copies(path / f"{SQLITE.name}-{COPIED_FACTS}" / "0", path / "copies")
        for number in sorted(sizes):
            progress(f"audit: an archive of {number:,} facts")
            copies.grow(number // COPIED_FACTS)
            _measure(path / "copies", archived, progress)
    yield _archive_table(archived)
    yield _straight_table(straight)
    yield audit_bytes.table([each.sizes for each in straight])


def _straight(place: Place, number: int, path: Path, archived: Archived, progress: Progress) -> Straight:
    """Measure a ledger; the smallest one in a file stays behind as an archive, and has its decisions replayed."""
    progress(f"audit: importing {number:,} facts into {place.name}")
    archive = path / f"{place.name}-{number}"
    with ledger(place, path / "facts.jsonl") as url:
        progress(f"audit: straight from {place.name}")
        bare = step("read", url, runs=_RUNS)
        audit = step("ledger", url, runs=_RUNS)
        archiving = min(
            (step("archiving", url, str(archive / str(run))) for run in range(_RUNS)),
            key=lambda run: run.seconds,
        )
        if place is SQLITE and number == COPIED_FACTS:
            progress("audit: the domain's own code")
            archived.others["the domain's own fold, 1 process"] = step("decisions", url)
        sizes = audit_bytes.measured(place.name, url, number, archive / "0")
    assert audit.facts >= number
    return Straight(place.name, number, bare, audit, archiving, sizes)


def _measure(path: Path, archived: Archived, progress: Progress) -> None:
    """Measure an archive; beside the smallest one, all that it stands beside."""
    address, smallest = str(path), not archived.audits
    archived.scans.append(step("scan", address, runs=_RUNS))
    archived.audits.append(step("archive", address, runs=_RUNS if smallest else 1))
    if smallest:
        _beside(path, archived, progress)


def _beside(path: Path, archived: Archived, progress: Progress) -> None:
    """Polars and Spark, whose outcome is to be that of the audit."""
    audit, same = archived.audits[0], step("conversions", str(path), runs=_RUNS)
    archived.others["conversions alone, DuckDB"] = same
    try:
        progress("audit: Polars")
        archived.others["conversions alone, Polars"] = polars(path, audit, progress, _RUNS)
    except (NotInstalled, Failed) as error:
        archived.notes.append(f"Polars is not measured: {error}")
    try:
        progress("audit: Spark")
        archived.others["the whole audit, Spark here, cold"] = spark(path)
    except Failed as error:
        archived.notes.append(f"Spark is not measured: {error}")
    for name, run in archived.others.items():
        assert not run.conversions or run.conversions == audit.conversions, name


def _archive_table(archived: Archived) -> Table:
    columns = [
        "facts: what",
        "seconds",
        "facts/s",
        "ratio to limit",
        "ratio to smallest",
        "processor s",
        "peak MB",
        "start s",
    ]
    table = Table("audit", "Audit from an archive", columns)
    smallest = archived.audits[0]
    for scan, audit in zip(archived.scans, archived.audits, strict=True):
        table.rows.append(_row("bare scan of the columns: the limit", scan, scan, archived.scans[0]))
        table.rows.append(_row("the whole audit, DuckDB", audit, scan, smallest))
    for name, run in archived.others.items():
        table.rows.append(_row(name, run, archived.scans[0], None))
    table.notes += [*_notes(), *archived.notes]
    table.asks += _archive_asks(archived)
    return table


def _row(name: str, run: Run, limit: Run, smallest: Run | None) -> list[Value]:
    """Seconds a fact grow as the ratio to the smallest does."""
    ratio = run.facts_a_second / limit.facts_a_second
    slope = None if smallest is None else smallest.facts_a_second / run.facts_a_second
    return [
        f"{run.facts:,}: {name}",
        run.seconds,
        run.facts_a_second,
        ratio,
        slope,
        run.processor,
        run.peak,
        run.start,
    ]


def _notes() -> list[str]:
    return [
        f"copies of the journeys of a ledger of {COPIED_FACTS:,} facts; the better of {_RUNS}, larger audits once",
        "each in a process of its own, whose start is not in the seconds; its memory, and its time on all cores",
        "an audit checks the files' sha256 first; Spark's seconds hold the start of its Java",
        "conversions alone: the first ones, and the receipts they are credited to; equal in all that judged them",
        f"the domain's fold (`conversions audit --decisions`) reads the ledger in {SQLITE.name}",
    ]


def _archive_asks(archived: Archived) -> Iterator[Ask]:
    slowest = min(archived.audits, key=lambda run: run.facts_a_second)
    first, last = archived.audits[0], archived.audits[-1]
    yield Ask("audit from an archive, facts/s", slowest.facts_a_second, ASKED_FACTS_A_SECOND)
    peak = max(run.peak or 0.0 for run in archived.audits)
    yield Ask(f"peak memory of it up to {last.facts:,} facts, MB", peak, ASKED_MEGABYTES, at_most=True)
    if last is not first:
        slope = first.facts_a_second / last.facts_a_second
        text = f"seconds a fact at {last.facts:,} / at {first.facts:,}"
        yield Ask(text, slope, ASKED_SLOPE, at_most=True)


def _straight_table(straight: Sequence[Straight]) -> Table:
    columns = [
        "where, facts: what",
        "seconds",
        "facts/s",
        "events/s",
        "ratio to bare read",
        "processor s",
        "peak MB",
        "start s",
    ]
    table = Table("audit_stores", "Audit and archive straight from a database", columns)
    for each in straight:
        for name, run in (
            ("bare read of the log", each.bare),
            ("audit", each.audit),
            ("archive", each.archiving),
        ):
            table.rows.append([
                f"{each.place}, {each.facts:,}: {name}", run.seconds, each.facts / run.seconds, run.events_a_second,
                each.bare.seconds / run.seconds, run.processor, run.peak, run.start,
            ])  # fmt: skip
    table.notes += [
        f"the better of {_RUNS}, each in a process of its own, whose start is not in the seconds",
        "a bare read is what both read by, into Arrow; an audit compares with the read models as well",
    ]
    table.asks += _straight_asks(straight)
    return table


def _straight_asks(straight: Sequence[Straight]) -> Iterator[Ask]:
    """Of each place at its worst; how fast an audit is to be, PostgreSQL alone is asked."""
    for place in dict.fromkeys(each.place for each in straight):
        here = [each for each in straight if each.place == place]
        if place == PostgreSQL.name:
            speed = min(each.audit.facts_a_second for each in here)
            yield Ask(f"audit straight from {place}, facts/s", speed, ASKED_STRAIGHT)
            share = min(each.share for each in here)
            yield Ask(f"audit straight from {place} / bare read", share, ASKED_SHARE_STRAIGHT)
        archiving = min(each.share_archiving for each in here)
        yield Ask(f"archiving / bare read, {place}", archiving, ASKED_SHARE_ARCHIVING)
