"""The fingerprint of a projection's code: the same however it is formatted, another when it acts otherwise."""

import inspect
import io
import sys
import tokenize
from collections.abc import Iterator
from functools import cache, partial
from hashlib import blake2b
from types import ModuleType
from typing import Any

from projections.engine.projection import Projection

_ROOM = "projections."
_SILENT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}
_MACHINERY = {
    f"projections.{name}"
    for name in ("projection", "projector", "generations", "fingerprint", "rebuilding", "folding")
}


def _of(modules: list[str], shapes: list[str]) -> str:
    hashed = blake2b(digest_size=8)
    for part in (*(_code(sys.modules[name]) for name in modules), *shapes):
        hashed.update(part.encode() + b"\0")
    return hashed.hexdigest()


@cache
def fingerprint(projection: Projection) -> str:
    """16 hexadecimal digits over its tables and the code that folds and writes, in all modules it reaches here."""
    functions = (projection.fold, projection.write, *projection.handlers.values())
    found: set[str] = set()
    for function in functions:
        _reach(_module(function), found)
    shapes = [
        f"{table.name}({', '.join(f'{each.name} {each.type!r}' for each in table.columns)})"
        for table in projection.tables
    ]
    topics = sorted(event.__qualname__ for event in projection.handlers)
    return _of(sorted(found), [*shapes, *topics])


def _module(function: Any) -> str:  # noqa: ANN401
    return str(getattr(function.func if isinstance(function, partial) else function, "__module__", ""))


def _reach(name: str, found: set[str]) -> None:
    """Add a module, and those of this room whose functions it uses; how projections are run is not their code."""
    if not name.startswith(_ROOM) or name in found or name in _MACHINERY:
        return
    found.add(name)
    for value in vars(sys.modules[name]).values():
        _reach(value.__name__ if isinstance(value, ModuleType) else _module(value), found)


def _code(module: ModuleType) -> str:
    return " ".join(_words(inspect.getsource(module)))


def _words(source: str) -> Iterator[str]:
    """The tokens of a source but for comments, line ends and strings that stand alone, which are docstrings."""
    at_start = True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in _SILENT:
            at_start = at_start or token.type in {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
            continue
        if not (at_start and token.type == tokenize.STRING):
            yield token.string
        at_start = False
