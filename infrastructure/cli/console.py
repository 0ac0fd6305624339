"""Where commands write: text and tables for people, JSON for programs, progress for whoever waits."""

import json
import sys
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


class _Console:
    """A console of Rich, which is loaded when something is printed for people: JSON needs none of it."""

    def __init__(self, **options: Any) -> None:
        self._options = options

    @cached_property
    def _console(self) -> "Console":
        from rich.console import Console  # noqa: PLC0415

        return Console(**self._options)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._console, name)


# In a pipe or a file there is no width to keep to; 80, the library's guess, would cut tables.
out = cast("Console", _Console(width=None if sys.stdout.isatty() else 120))
err = cast("Console", _Console(stderr=True))


def new_table(**options: Any) -> "Table":
    """An empty table."""
    from rich.table import Table  # noqa: PLC0415 - loaded when a table is printed

    return Table(**options)


ROOMY = 110
"""From so many columns on there is room for what one can do without."""


def shown(text: object) -> str:
    """Text of others as it may be printed: no markup, and no control character that a terminal would obey."""
    from rich.markup import escape  # noqa: PLC0415 - JSON needs no markup

    return escape(plain(text))


def plain(text: object) -> str:
    """Text of others without control characters, for where markup is off."""
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_control(c) else c for c in str(text))


def _is_control(character: str) -> bool:
    return character != "\n" and (ord(character) < 32 or 127 <= ord(character) < 160)


def print_json(value: Any) -> None:  # noqa: ANN401
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


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
        console=err,
        transient=True,
    )
