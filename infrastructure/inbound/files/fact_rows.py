"""What every reader of a file of facts gives, and the error that it raises."""

from collections.abc import Mapping
from typing import Any

from domain.errors import FactRefused

STANDARD_INPUT = "-"

Raw = dict[str, Any] | FactRefused
"""Plain values for `read_fact`, or the reason why the line cannot be read."""


class Reread(dict[str, Any]):
    """Plain values that an earlier version read differently, as `earlier` (R13)."""

    def __init__(self, fact: Mapping[str, Any], earlier: Mapping[str, Any]) -> None:
        super().__init__(fact)
        self.earlier = dict(earlier)


Row = tuple[int, Raw]
"""The line that a fact begins on, from 1, and the fact; in Parquet the row, from 1."""


class UnreadableFile(Exception):
    """The file, or the rest of it from `line` on, cannot be read; the message says what to do next."""

    def __init__(self, path: str, message: str, *, line: int | None = None) -> None:
        name = "standard input" if path == STANDARD_INPUT else path
        super().__init__(f"{name}: {message}" if line is None else f"{name}, line {line}: {message}")
        self.path = path
        self.line = line


def without_context(refusal: FactRefused) -> FactRefused:
    """The refusal without its cause and traceback, which would keep the refused text in memory."""
    refusal.__context__ = None
    return refusal.with_traceback(None)
