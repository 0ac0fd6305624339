"""Fingerprints of read models' code: `python -m tests.projections.fingerprints` accepts the code as it is.

Two versions of a read model's code may not add to the same rows. A ledger compares versions only, so whoever changes
what the rows hold has to raise the version; the test beside this file notices code that changed.
"""

import inspect
import io
import json
import sys
import tokenize
from collections.abc import Iterator
from functools import partial
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import Any

from projections.engine.projection import Projection
from projections.registry import PROJECTIONS

STORED = Path(__file__).with_name("fingerprints.json")

_ROOM = "projections."
_MACHINERY = {
    f"projections.engine.{name}"
    for name in (
        "folding",
        "generations",
        "in_memory",
        "projection",
        "projector",
        "rebuilding",
        "row_counts",
        "status",
    )
}
"""How read models are run and verified: it decides no row."""

_SILENT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def fingerprint(projection: Projection) -> str:
    """16 hexadecimal digits over its tables and the code that folds and writes, in all modules that it uses."""
    modules: set[str] = set()
    for function in (projection.fold, projection.write, *projection.handlers.values()):
        _reach(_module_of(function), modules)
    tables = [
        f"{table.name}({', '.join(f'{each.name} {each.type!r}' for each in table.columns)})"
        for table in projection.tables
    ]
    topics = sorted(event.__qualname__ for event in projection.handlers)
    hashed = blake2b(digest_size=8)
    for part in (*(_code_of(sys.modules[name]) for name in sorted(modules)), *tables, *topics):
        hashed.update(part.encode() + b"\0")
    return hashed.hexdigest()


def current() -> dict[str, dict[str, Any]]:
    """The version and the fingerprint of each read model, as its code is now."""
    return {each.name: {"version": each.version, "code": fingerprint(each)} for each in PROJECTIONS}


def _module_of(function: Any) -> str:
    return str(getattr(function.func if isinstance(function, partial) else function, "__module__", ""))


def _reach(name: str, found: set[str]) -> None:
    """Add a module of this room, and those whose functions it uses."""
    if not name.startswith(_ROOM) or name in found or name in _MACHINERY:
        return
    found.add(name)
    for value in vars(sys.modules[name]).values():
        _reach(value.__name__ if isinstance(value, ModuleType) else _module_of(value), found)


def _code_of(module: ModuleType) -> str:
    """The code without spaces and doubled braces: Pythons before and after 3.12 split f-strings differently."""
    words = "".join(_words(inspect.getsource(module)))
    return words.replace(" ", "").replace("{{", "{").replace("}}", "}")


def _words(source: str) -> Iterator[str]:
    """The tokens of a source without comments, line ends and strings that stand alone, which are docstrings."""
    at_start = True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in _SILENT:
            at_start = at_start or token.type in {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
            continue
        if not (at_start and token.type == tokenize.STRING):
            yield token.string
        at_start = False


if __name__ == "__main__":
    STORED.write_text(json.dumps(current(), indent=2) + "\n")
