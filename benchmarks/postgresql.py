"""Import on PostgreSQL: where the time goes, how near it comes to the limit, and the stock library beside it."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks import bulk, commands, intake, peers
from benchmarks.bulk.postgresql import copy_in_batches
from benchmarks.commands import halves_by_time, halves_by_user
from benchmarks.intake import Measured, import_file, record_batches
from benchmarks.ledger import SQLITE, Totals
from benchmarks.places import PostgreSQL
from benchmarks.results import Ask, Progress, Table, Value
from benchmarks.stock import Result, outcome
from benchmarks.workload import CAMPAIGNS

ASKED_FACTS_A_SECOND = 12_000
ASKED_TIMES_SINGLE = 20
ASKED_TIMES_BATCHED = 3
_RUNS = 3


def measure(path: Path, place: PostgreSQL, runs: int, progress: Progress) -> Iterator[Table]:
    """Import the file in every way."""
    measured = intake.measure(path, place, runs, progress)
    yield intake.stages(measured, ASKED_FACTS_A_SECOND)
    yield _ways(path, place, measured, progress)


def _ways(path: Path, place: PostgreSQL, measured: Measured, progress: Progress) -> Table:
    """The limit, and beside it the command alone and twice at once."""
    table = intake.beside_limit(measured)
    progress("bare binary COPY of all tables")
    whole = _everything(path, place, measured.run.facts, progress)
    limit = measured.run.events / measured.bare.seconds
    said: list[Totals] = []
    for name, where, files in (
        ("`conversions import`, one process", place, [path]),
        ("two at once, each half of the users", place, halves_by_user(path)),
        ("two at once, each half of the time", place, halves_by_time(path)),
        ("`conversions import` on SQLite", SQLITE, [path]),
    ):
        progress(name)
        ran = commands.imported(where, files)
        speed = ran.events / ran.seconds
        table.rows.append([name, ran.seconds, speed, ran.facts / ran.seconds, speed / limit])
        said.append(ran.totals)
    table.rows.insert(2, _row("the same of all tables that the import fills", whole, measured))
    same = "yes" if all(each == said[0] for each in said) else "NO"
    table.notes.append(f"commands: their start included, reports current at the end; same reports: {same}")
    return table


def _row(name: str, seconds: float, measured: Measured) -> list[Value]:
    run, bare = measured.run, measured.bare
    return [name, seconds, run.events / seconds, run.facts / seconds, bare.seconds / seconds]


def _everything(path: Path, place: PostgreSQL, number: int, progress: Progress) -> float:
    """Seconds of bare copies of every row that the import leaves, index and states included."""
    with (
        place.empty() as url,
        bulk.decided(url, CAMPAIGNS, bulk.FromFile(path, number), progress) as made,
    ):
        return copy_in_batches(url, made.folder, made.numbering)


def beside_stock(path: Path, place: PostgreSQL, progress: Progress) -> Table:
    """Ours and the library's on the same facts."""
    columns = ["what", "facts", "seconds", "facts/s", "times stock one at a time", "times stock's best batch"]
    table = Table(
        "stock_postgresql", "The stock library on PostgreSQL (eventsourcing: Aggregate, repository)", columns
    )
    ours = _ours(path, place, progress)
    try:
        measured = peers.measure(path, place, progress)
    except peers.NotInstalled as error:
        table.notes.append(f"the library is not measured, it could not be installed: {error}")
        measured = {}
    results = {f"{peer.name}, {_batches(peer.batch)}": result for peer, result in measured.items()} | ours
    stock = [measured[peer].speed for peer in peers.STOCK if peer in measured]
    bases = (stock[0], max(stock[1:])) if stock else None
    for name, result in results.items():
        times: list[Value] = [None, None] if bases is None else [result.speed / base for base in bases]
        table.rows.append([name, result.facts, result.seconds, result.speed, *times])
    best = ours["ours, import"]
    if bases is not None:
        single, batched = (best.speed / base for base in bases)
        table.asks.append(Ask("ours / stock library one at a time, PostgreSQL", single, ASKED_TIMES_SINGLE))
        table.asks.append(Ask("ours / stock library's best batch, PostgreSQL", batched, ASKED_TIMES_BATCHED))
    table.notes.append(
        "reading and validating included; ours has its reports current, the library keeps none"
    )
    table.notes += outcome(path, results, best, peers.MOST_SECONDS)
    return table


def _batches(size: int) -> str:
    return "one at a time" if size == 1 else f"batches of {size:,}"


def _ours(path: Path, place: PostgreSQL, progress: Progress) -> dict[str, Result]:
    results = {}
    for size in (1, 1_000):
        name = f"ours, {_batches(size)}"
        progress(name)
        results[name] = Result(*record_batches(path, size, 10**9, peers.MOST_SECONDS, place))
    progress("ours, import")
    runs = sorted(
        (Result(*import_file(path, place)) for _ in range(_RUNS)), key=lambda result: result.seconds
    )
    return results | {"ours, import": runs[_RUNS // 2]}
