"""`python -m benchmarks`: all tables in one run; SIZE=full for a million facts."""

import os
import platform
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import Annotated, NamedTuple

import typer
from pysqlite3 import dbapi2 as sqlite

from benchmarks import flatness, intake, stock
from benchmarks.ledger import SQLITE
from benchmarks.places import folder
from benchmarks.results import Printer, Progress, Table, as_json
from benchmarks.workload import facts, write
from infrastructure.logging import configure
from infrastructure.settings import Settings


class Size(NamedTuple):
    """How many facts to import, and how often."""

    facts: int
    runs: int


SIZES = {"default": Size(100_000, 3), "full": Size(1_000_000, 1)}


ASKED_FACTS_A_SECOND = 10_000


class Part(StrEnum):
    """What can be run alone."""

    INTAKE = "intake"
    STOCK = "stock"
    FLAT = "flat"


def main(
    json: Annotated[Path | None, typer.Option(help="Write what was measured to this file.")] = None,
    only: Annotated[list[Part] | None, typer.Option(help="Run this part alone; may be repeated.")] = None,
) -> None:
    """Measure the ledger on this machine: import, its limit, the stock library, and the cost of long journeys."""
    size = os.environ.get("SIZE", "default")
    if size not in SIZES:
        raise typer.BadParameter(f"SIZE is one of {', '.join(SIZES)}")
    configure(Settings())
    printer, started = Printer(), perf_counter()
    machine = _machine()
    printer.table(Table("machine", "Machine", ["what", "is"], [list(each) for each in machine.items()]))
    tables = []
    for part in only or list(Part):
        for table in _PARTS[part](SIZES[size], printer.progress):
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


def _intake(size: Size, progress: Progress) -> Iterator[Table]:
    with folder() as path:
        progress(f"writing {size.facts:,} facts")
        write(path / "facts.jsonl", facts(size.facts))
        measured = intake.measure(path / "facts.jsonl", SQLITE, size.runs, progress)
    yield intake.stages(measured, ASKED_FACTS_A_SECOND)
    yield intake.beside_limit(measured)


def _stock(_size: Size, progress: Progress) -> Iterator[Table]:
    with folder() as path:
        write(path / "facts.jsonl", facts(stock.FACTS))
        yield stock.measure(path / "facts.jsonl", progress)


def _flat(_size: Size, progress: Progress) -> Iterator[Table]:
    yield from flatness.measure(progress)


_PARTS: dict[Part, Callable[[Size, Progress], Iterator[Table]]] = {
    Part.INTAKE: _intake,
    Part.STOCK: _stock,
    Part.FLAT: _flat,
}

if __name__ == "__main__":
    typer.run(main)
