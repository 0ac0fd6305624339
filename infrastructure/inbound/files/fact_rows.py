"""What every reader of a file of facts gives, as strictly as facts need it (R16), and the error that it raises.

JSON (RFC 8259) is read with exact digits, and with limits on everything.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NoReturn

from application.commands.facts import FIELDS, FactCommand
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


LEVELS = 32
"""How deep objects and lists may be nested, the outermost counted."""
NUMBER_LIMIT = 64
"""The most characters in a number."""

_EXPONENT_DIGITS = 3
_WHITE_SPACE = " \t\r\n"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_json(text: bytes, *, levels: int = LEVELS) -> dict[str, Any]:
    """The object in a JSON text; numbers are int or Decimal with all digits. Raises FactRefused."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError as error:
        raise FactRefused(f"not UTF-8 at byte {error.start + 1}") from None
    return read_object(decoded, levels=levels)


def read_object(text: str, *, levels: int = LEVELS) -> dict[str, Any]:
    """The same from decoded text."""
    value: dict[str, Any] = _read_value(text, levels, dict, "not a JSON object: a fact is written as {...}")
    return value


def _read_value(text: str, levels: int, kind: type[dict[str, Any] | list[Any]], otherwise: str) -> Any:  # noqa: ANN401
    text = text.strip(_WHITE_SPACE)
    try:
        value, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        raise FactRefused(f"not JSON: {error.msg} (character {error.pos + 1})") from None
    except RecursionError:
        raise _too_deep(levels) from None
    if end != len(text):
        raise FactRefused(f"not JSON: something follows the value (character {end + 1})")
    if type(value) is not kind:
        raise FactRefused(otherwise)
    # What UTF-8 forbids can only come by an escape, and depth needs brackets: most texts have neither.
    if "\\u" in text or text.count("{") + text.count("[") > levels:
        _look_inside(value, levels)
    return value


def read_properties(text: str) -> dict[str, Any]:
    """Properties written as JSON text in a cell, with the limits of a fact; raises FactRefused."""
    try:
        return read_object(text, levels=LEVELS - 1)
    except FactRefused as refusal:
        raise FactRefused(f"properties: {refusal.message}", place="properties") from None


def read_lines(text: str) -> list[Any]:
    """The lines of an order written as JSON text in a cell; raises FactRefused."""
    try:
        lines: list[Any] = _read_value(
            text, LEVELS - 1, list, "not a JSON list: lines are written as [{...}]"
        )
    except FactRefused as refusal:
        raise FactRefused(f"lines: {refusal.message}", place="lines") from None
    return lines


IN_CELLS: Final[dict[str, Callable[[str], Any]]] = {"properties": read_properties, "lines": read_lines}
"""The fields that are written as JSON text where a fact is a row of cells."""


def read_cells(fact: dict[str, Any]) -> dict[str, Any]:
    """The fact of a row of cells, with the JSON in them read; raises FactRefused."""
    for name in IN_CELLS.keys() & fact.keys():
        fact[name] = IN_CELLS[name](fact[name])
    return fact


def refuse_unstorable(text: str) -> None:
    """Raise FactRefused for what PostgreSQL or UTF-8 cannot hold: U+0000 and lone surrogates."""
    if "\0" in text:
        raise FactRefused("the character U+0000 cannot be kept")
    if not text.isascii() and _SURROGATE.search(text) is not None:
        raise FactRefused("a lone surrogate is no character")


def _look_inside(value: dict[str, Any] | list[Any], levels: int) -> None:
    nested: list[Any] = [value]
    depth = 0
    while nested:
        depth += 1
        if depth > levels:
            raise _too_deep(levels)
        items = [item for one in nested for item in (one.values() if isinstance(one, dict) else one)]
        keys = [key for one in nested if isinstance(one, dict) for key in one]
        refuse_unstorable("".join(keys + [item for item in items if isinstance(item, str)]))
        nested = [item for item in items if isinstance(item, dict | list)]


def _too_deep(levels: int) -> FactRefused:
    return FactRefused(f"objects and lists are nested more than {levels} levels deep")


def _whole(text: str) -> int:
    _check_length(text)
    return int(text)


def _decimal(text: str) -> Decimal:
    _check_length(text)
    if len(text.lower().partition("e")[2].lstrip("+-0")) > _EXPONENT_DIGITS:
        raise FactRefused(f"an exponent has at most {_EXPONENT_DIGITS} digits")
    return Decimal(text)


def _check_length(number: str) -> None:
    if len(number) > NUMBER_LIMIT:
        raise FactRefused(f"a number has at most {NUMBER_LIMIT} characters")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise FactRefused(f"{twice[:40]!r} is more than once in one object")
    return value


def _constant(name: str) -> NoReturn:
    raise FactRefused(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_decimal, parse_int=_whole, parse_constant=_constant
)


_NEEDED = frozenset({"type", *FactCommand.model_fields})


def check_columns(path: str, names: Sequence[str]) -> None:
    """Raise UnreadableFile for a column unknown or there twice, or one missing that every fact needs."""
    if unknown := sorted(set(names) - FIELDS):
        known = ", ".join(sorted(FIELDS))
        # Shown shortened: the header may be a whole file without commas.
        shown = ", ".join(repr(name[:40]) for name in unknown[:10])
        raise UnreadableFile(path, f"unknown columns {shown}; rename or drop them, known are {known}")
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise UnreadableFile(path, f"columns are there more than once: {', '.join(twice)}; keep one of each")
    if missing := sorted(_NEEDED.difference(names)):
        raise UnreadableFile(path, f"columns that every fact needs are missing: add {', '.join(missing)}")
