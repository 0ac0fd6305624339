"""What a benchmark hands back and how it is printed: tables on a terminal, plain lines otherwise, JSON for machines."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

Value = str | int | float | None
Progress = Callable[[str], None]
"""Told what is being measured now."""


@dataclass(frozen=True)
class Ask:
    """What the project asks of a figure."""

    text: str
    measured: float
    wanted: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure is as asked."""
        return self.measured <= self.wanted if self.at_most else self.measured >= self.wanted


@dataclass
class Table:
    """Figures in rows, with notes below them and what is asked of them."""

    name: str
    title: str
    columns: list[str]
    rows: list[list[Value]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)


class Printer:
    """Prints to the terminal with rich, and plain lines where there is none."""

    def __init__(self) -> None:
        self._out = Console(highlight=False)
        self._err = Console(stderr=True, highlight=False)

    def progress(self, text: str) -> None:
        """Say what is being measured now."""
        if self._err.is_terminal:
            self._err.print(f"[dim]... {text}[/dim]")
        else:
            print(f"... {text}", file=sys.stderr, flush=True)

    def table(self, table: Table) -> None:
        """Print one table with its notes."""
        cells = [[_printed(value) for value in row] for row in table.rows]
        if self._out.is_terminal:
            self._out.print(_rich(table, cells))
        else:
            print(f"\n{table.title}")
            for line in _plain(table, [table.columns, *cells]):
                print(line)
        for note in table.notes:
            print(f"  {note}")

    def asks(self, asks: list[Ask]) -> None:
        """Print what was asked beside what was measured."""
        rows: list[list[Value]] = [
            [ask.text, ask.measured, f"{'at most' if ask.at_most else 'at least'} {_printed(ask.wanted)}",
             "yes" if ask.met else "NO"]
            for ask in asks
        ]  # fmt: skip
        self.table(Table("asks", "What is asked", ["figure", "measured", "asked", "met"], rows))


def as_json(path: Path, machine: dict[str, str], tables: list[Table]) -> None:
    """Write everything that was measured."""
    asks = [asdict(ask) | {"met": ask.met} for table in tables for ask in table.asks]
    whole = {"machine": machine, "tables": [_json(table) for table in tables], "asks": asks}
    path.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def _json(table: Table) -> dict[str, object]:
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return {"name": table.name, "title": table.title, "rows": rows, "notes": table.notes}


def _printed(value: Value) -> str:
    match value:
        case None:
            return ""
        case float() if abs(value) >= 1000:
            return f"{value:,.0f}"
        case float():
            return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
        case int():
            return f"{value:,}"
    return value


def _rich(table: Table, cells: list[list[str]]) -> RichTable:
    shown = RichTable(title=table.title, title_justify="left", title_style="bold")
    for place, column in enumerate(table.columns):
        shown.add_column(column, justify="right" if place and _is_number(table, place) else "left")
    for row in cells:
        shown.add_row(*row)
    return shown


def _is_number(table: Table, place: int) -> bool:
    return any(isinstance(row[place], int | float) for row in table.rows)


def _plain(table: Table, rows: list[list[str]]) -> list[str]:
    places = range(len(table.columns))
    widths = [max(len(row[place]) for row in rows) for place in places]
    right = [place > 0 and _is_number(table, place) for place in places]
    return [
        "  " + "  ".join(cell.rjust(width) if to_the_right else cell.ljust(width)
                         for cell, width, to_the_right in zip(row, widths, right, strict=True)).rstrip()
        for row in rows
    ]  # fmt: skip
