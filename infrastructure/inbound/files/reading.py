"""What every reader of a file of facts gives and raises."""

from collections.abc import Mapping
from typing import Any

from domain.errors import FactRefused

STANDARD_INPUT = "-"

Raw = dict[str, Any] | FactRefused
"""Plain values for `read_fact`, or why the line cannot be read."""


class Reread(dict[str, Any]):
    """Plain values that an earlier version read otherwise: `earlier` (R13)."""

    def __init__(self, fact: Mapping[str, Any], earlier: Mapping[str, Any]) -> None:
        super().__init__(fact)
        self.earlier = dict(earlier)


Row = tuple[int, Raw]
"""A fact and the line it begins on, from 1; in Parquet the row, from 1."""


class UnreadableFile(Exception):
    """The file, or the rest of it from `line` on, cannot be read; the message says what to do next."""

    def __init__(self, path: str, message: str, *, line: int | None = None) -> None:
        name = "standard input" if path == STANDARD_INPUT else path
        super().__init__(f"{name}: {message}" if line is None else f"{name}, line {line}: {message}")
        self.path = path
        self.line = line


def kept(refusal: FactRefused) -> FactRefused:
    """The refusal without what it was raised from: that would keep the refused text alive with it."""
    refusal.__context__ = None
    return refusal.with_traceback(None)
