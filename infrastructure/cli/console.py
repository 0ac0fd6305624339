"""Where commands write: figures and tables for people, JSON and CSV for programs, progress for whoever waits."""

import csv
import json
import sys
import time
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, cast

from infrastructure.words.quantities import NO_FIGURE, Role, Sentence, list_amounts, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Column, Table


_WIDE = 80
_FULL = "█"
_EIGHTHS = " ▏▎▍▌▋▊▉"


class _LazyConsole:
    """A console of Rich, which is loaded when something is printed for people: JSON needs none of it.

    Python looks up special methods on a class, so whatever enters the console (`with console:`) must have `loaded`.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options

    @cached_property
    def loaded(self) -> "Console":
        """The console itself."""
        from rich.console import Console  # noqa: PLC0415

        return Console(**self._options)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self.loaded, name)


# In a pipe or a file there is no width to keep to; 80, the library's guess, would cut tables.
out = cast("Console", _LazyConsole(width=None if sys.stdout.isatty() else 120))
_lazy_err = _LazyConsole(stderr=True)
err = cast("Console", _lazy_err)


def columns(*headings: str, **options: Any) -> "list[Column]":
    """Columns of a table that have these options of Rich's in common."""
    from rich.table import Column  # noqa: PLC0415 - loaded when a table is printed

    return [Column(each, **options) for each in headings]


def new_table(
    heads: "Iterable[Column | str]",
    rows: Iterable[Iterable[str]] = (),
    *,
    title: str | None = None,
    **options: Any,
) -> "Table":
    """A table with these rows."""
    from rich.table import Table  # noqa: PLC0415 - the same

    table = Table(*heads, title=title, title_justify="left", **options)
    for row in rows:
        table.add_row(*row)
    return table


def print_table(heads: "Iterable[Column | str]", rows: Iterable[Iterable[str]], **options: Any) -> None:
    """Print a table with these rows; `options` as `new_table` has them."""
    out.print(new_table(heads, rows, **options))


ROOMY = 110
"""From so many columns on there is room for what one can do without."""


def shown(text: object) -> str:
    """Text of others as it may be printed: no markup, and no control character that a terminal would obey."""
    from rich.markup import escape  # noqa: PLC0415 - JSON needs no markup

    return escape(plain(text))


_STYLES: dict[Role, str] = {"good": "green", "bad": "red", "doubt": "yellow", "dim": "dim"}


def styled(sentence: Sentence) -> str:
    """A sentence with the markup of what it means."""
    style = _STYLES.get(sentence.role)
    return shown(sentence.text) if style is None else f"[{style}]{shown(sentence.text)}[/]"


def print_json(value: Any) -> None:  # noqa: ANN401
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def print_csv(rows: Iterable[Iterable[Any]]) -> None:
    """Print rows on standard output; None is an empty cell."""
    csv.writer(sys.stdout).writerows(rows)


def say(text: str) -> None:
    """Print a sentence: with markup, on one line however long it is."""
    out.print(text, highlight=False, soft_wrap=True)


def bar(rate: float | None, longest: float, width: int = 20) -> str:
    """A bar as long as the rate is against the longest."""
    if not rate or not longest:
        return ""
    eighths = round(rate / longest * width * 8)
    return _FULL * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def bar_width() -> int:
    """How wide a bar may be on this terminal."""
    return 20 if out.width >= _WIDE else 8


def revenue(amounts: dict[str, str]) -> str:
    """Revenue as people read it, a line for each currency."""
    return "\n".join(list_amounts(amounts)) or NO_FIGURE


class Bar:
    """Progress on standard error: a bar on a terminal, a plain line now and then otherwise; silent when quick."""

    _LINE_EVERY_SECONDS = 5.0

    def __init__(self) -> None:
        self._progress = _progress() if sys.stderr.isatty() else None
        self._tasks: dict[str, Any] = {}
        self._shown_at = time.monotonic()

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, description: str, done: int, total: int | None, detail: str = "") -> None:
        """Say how far something is."""
        if self._progress is not None:
            if description not in self._tasks:
                self._tasks[description] = self._progress.add_task(description, total=total, detail=detail)
            self._progress.update(self._tasks[description], completed=done, total=total, detail=detail)
        elif time.monotonic() - self._shown_at >= self._LINE_EVERY_SECONDS:
            self._shown_at = time.monotonic()
            share = f": {done / total:.0%}" if total else ""
            err.print(plain(f"{description}{share}") + (f", {detail}" if detail else ""), highlight=False)


def _progress() -> Any:  # noqa: ANN401 - its type would load it
    """The bar of a terminal."""
    from rich.progress import (  # noqa: PLC0415 - in a pipe nobody sees a bar
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeRemainingColumn(),
        console=_lazy_err.loaded,
        transient=True,
    )
