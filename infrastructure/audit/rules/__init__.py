"""The audit's own statement of the rules, in SQL that an auditor can read: one file for each group of rules.

It shares nothing with the domain's code. Each file makes tables and views by `CREATE ... AS SELECT`, from tables that
earlier files made and from those that the caller provides. These are: `typed`, the log with the columns of
archive/typed.sql; `streams`, the versions of journeys' streams; `other_streams`, those of campaigns and app groups;
`campaigns`, `variants`, `conversion_events`, `conversion_event_apps` and `zones`, what was stated of campaigns and app
groups; `claims`; and `shown_conversions`, `shown_purchases`, `shown_recipients`, what read models hold.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_COMMENT = re.compile(r"--[^\n]*")
_STATEMENT = re.compile(r"\s*CREATE (?P<kind>TABLE|VIEW) (?P<table>\w+) AS\s(?P<query>.*)", re.DOTALL)


class Statement(NamedTuple):
    """A table, and the query that makes it, in DuckDB's SQL."""

    table: str
    query: str
    is_view: bool = False
    """Whether it is computed each time it is read: if it is read once, or is only a selection of rows."""


@cache
def statements() -> tuple[Statement, ...]:
    """All statements of the rules, in the order of their execution."""
    names = sorted(file.name for file in files(__name__).iterdir() if re.match(r"\d\d_.*\.sql", file.name))
    return tuple(statement for name in names for statement in _statements(_text(name)))


def _statements(text: str) -> Iterator[Statement]:
    for each in _COMMENT.sub("", text).split(";"):
        if each.strip():
            found = _STATEMENT.fullmatch(each)
            if found is None:
                raise ValueError(f"not CREATE TABLE or VIEW ... AS: {each.strip()[:60]}")
            yield Statement(found["table"], found["query"].strip(), found["kind"] == "VIEW")


def _text(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
