"""`python -m benchmarks`: all tables in one run; SIZE=full for a million facts, and stores of ten million."""

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import Annotated, NamedTuple

import typer
from pysqlite3 import dbapi2 as sqlite

from benchmarks import (
    anytime_simulations,
    assignments,
    audit,
    experiment_simulations,
    flatness,
    growth,
    http,
    intake,
    pages,
    postgresql,
    rebuild,
    selection_simulations,
    start,
    stock,
)
from benchmarks.ledger import SQLITE
from benchmarks.places import PostgreSQL, folder, production_server
from benchmarks.results import Printer, Progress, Table, as_json
from benchmarks.workload import facts, write
from infrastructure.logging import configure
from infrastructure.settings import read_settings


class Size(NamedTuple):
    """How many facts to import, how often, on top of how many; to rebuild; to audit; and to show in pages."""

    facts: int
    runs: int
    stores: Sequence[int]
    rebuilt: Sequence[int]
    audited: Sequence[int]
    shown: int


SIZES = {
    "default": Size(50_000, 2, (1_000, 250_000), (280_000,), (500_000,), 300_000),
    # A million events and a bit more, three and ten million; and ten million facts.
    "full": Size(
        1_000_000,
        1,
        (1_000, 1_000_000, 10_000_000),
        (560_000, 1_680_000, 5_600_000, 10_000_000),
        (1_000_000, 5_000_000, 10_000_000, 20_000_000),
        10_000_000,
    ),
}
ASKED_FACTS_A_SECOND = 10_000


class Part(StrEnum):
    """What can be run alone."""

    INTAKE = "intake"
    STOCK = "stock"
    FLAT = "flat"
    POSTGRESQL = "postgresql"
    GROWTH = "growth"
    REBUILD = "rebuild"
    HTTP = "http"
    AUDIT = "audit"
    ASSIGNMENTS = "assignments"
    EXPERIMENTS = "experiments"
    SELECTION = "selection"
    START = "start"
    WEB = "web"


@dataclass(frozen=True)
class Bench:
    """One run: its size, who is told how it goes, and the server, where a part needs one."""

    size: Size
    progress: Progress
    server: PostgreSQL | None

    @property
    def postgresql(self) -> PostgreSQL:
        """The server, for the parts that have one."""
        assert self.server is not None
        return self.server


def main(
    json: Annotated[Path | None, typer.Option(help="Write what was measured to this file.")] = None,
    only: Annotated[list[Part] | None, typer.Option(help="Run this part alone; may be repeated.")] = None,
) -> None:
    """Measure the ledger on this machine: import, its limit, the stock library, long journeys, and large stores."""
    size = os.environ.get("SIZE", "default")
    if size not in SIZES:
        raise typer.BadParameter(f"SIZE is one of {', '.join(SIZES)}")
    configure(read_settings())
    printer, started, parts = Printer(), perf_counter(), only or list(Part)
    with ExitStack() as stack:
        server = stack.enter_context(production_server()) if {*parts} & _ON_POSTGRESQL else None
        machine = _machine() | (server.machine() if server is not None else {})
        printer.table(Table("machine", "Machine", ["what", "is"], [list(each) for each in machine.items()]))
        bench, tables = Bench(SIZES[size], printer.progress, server), []
        for table in (table for part in parts for table in _PARTS[part](bench)):
            printer.table(table)
            tables.append(table)
    printer.asks([ask for table in tables for ask in table.asks])
    printer.progress(f"done in {perf_counter() - started:.0f} s, load average {os.getloadavg()[0]:.2f}")
    if json is not None:
        as_json(json, machine, tables)


def _machine() -> dict[str, str]:
    return {
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.2f} at the start",
        "processor": platform.machine(),
        "Python": platform.python_version(),
        "SQLite": f"{sqlite.sqlite_version} (pysqlite3)",
    }


def _intake(bench: Bench) -> Iterator[Table]:
    with folder() as path:
        bench.progress(f"writing {bench.size.facts:,} facts")
        write(path / "facts.jsonl", facts(bench.size.facts))
        measured = intake.measure(path / "facts.jsonl", SQLITE, bench.size.runs, bench.progress)
    yield intake.stages(measured, ASKED_FACTS_A_SECOND)
    yield intake.beside_limit(measured)


def _stock(bench: Bench) -> Iterator[Table]:
    with folder() as path:
        write(path / "facts.jsonl", facts(stock.FACTS))
        yield stock.measure(path / "facts.jsonl", bench.progress)


def _flat(bench: Bench) -> Iterator[Table]:
    yield from flatness.measure(bench.progress)


def _postgresql(bench: Bench) -> Iterator[Table]:
    with folder() as path:
        write(path / "facts.jsonl", facts(bench.size.facts))
        yield from postgresql.measure(path / "facts.jsonl", bench.postgresql, bench.size.runs, bench.progress)
        write(path / "few.jsonl", facts(stock.FACTS))
        yield postgresql.beside_stock(path / "few.jsonl", bench.postgresql, bench.progress)


def _growth(bench: Bench) -> Iterator[Table]:
    yield growth.measure(bench.size.stores, bench.postgresql, bench.progress)


def _rebuild(bench: Bench) -> Iterator[Table]:
    yield from rebuild.measure(bench.size.rebuilt, bench.postgresql, bench.progress)


def _http(bench: Bench) -> Iterator[Table]:
    yield from http.measure(SQLITE, bench.postgresql, bench.progress)


def _audit(bench: Bench) -> Iterator[Table]:
    yield from audit.measure(bench.size.facts, bench.size.audited, bench.postgresql, bench.progress)


def _assignments(bench: Bench) -> Iterator[Table]:
    yield from assignments.measure(SQLITE, bench.postgresql, bench.progress)


def _experiments(bench: Bench) -> Iterator[Table]:
    yield from experiment_simulations.measure(bench.progress)
    yield from anytime_simulations.measure(bench.progress)


def _selection(bench: Bench) -> Iterator[Table]:
    yield from selection_simulations.measure(bench.progress)


def _start(bench: Bench) -> Iterator[Table]:
    yield from start.measure(bench.progress)


def _web(bench: Bench) -> Iterator[Table]:
    yield from pages.measure(bench.size.shown, SQLITE, bench.postgresql, bench.progress)


_PARTS: dict[Part, Callable[[Bench], Iterator[Table]]] = {
    Part.INTAKE: _intake,
    Part.STOCK: _stock,
    Part.FLAT: _flat,
    Part.POSTGRESQL: _postgresql,
    Part.GROWTH: _growth,
    Part.REBUILD: _rebuild,
    Part.HTTP: _http,
    Part.AUDIT: _audit,
    Part.ASSIGNMENTS: _assignments,
    Part.EXPERIMENTS: _experiments,
    Part.SELECTION: _selection,
    Part.START: _start,
    Part.WEB: _web,
}
_ON_POSTGRESQL = {*Part} - {Part.INTAKE, Part.STOCK, Part.FLAT, Part.EXPERIMENTS, Part.SELECTION, Part.START}

if __name__ == "__main__":
    typer.run(main)
