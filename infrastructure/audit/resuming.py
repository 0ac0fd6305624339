"""Ranges that were judged are kept in files, so that an audit that was interrupted can continue after them."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec

from infrastructure.audit.outcome import Difference, Figure, Fingerprint, Judged
from infrastructure.audit.rules import statements


class _Stored(msgspec.Struct, frozen=True):
    fingerprint: Fingerprint
    totals: dict[str, int]
    said: list[tuple[str, str, int]]
    figures: list[tuple[Figure, Decimal]]
    differences: list[Difference]
    counted: list[tuple[str, str, str, str, int]]


class JudgedRanges:
    """The judged ranges of one audit; with another log, other rules or other read models it is another audit."""

    def __init__(self, work: Path | None, *audited: object) -> None:
        said = hashlib.sha256(repr((audited, statements())).encode()).hexdigest()[:16]
        self._directory = None if work is None else work / f"audit-{said}"

    def judge(self, number: int, judge: Callable[[], Judged]) -> Judged:
        """The result of a range: from an earlier run, or judged now."""
        if self._directory is None:
            return judge()
        self._directory.mkdir(parents=True, exist_ok=True)
        file = self._directory / f"range-{number:04}.json"
        before = _read(file)
        if before is not None:
            return before
        found = judge()
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_bytes(_encode(found))
        unfinished.replace(file)
        return found

    def end(self) -> None:
        """Remove the files: the audit is done."""
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)


def _encode(judged: Judged) -> bytes:
    return msgspec.json.encode(
        _Stored(
            judged.fingerprint,
            dict(judged.totals),
            [(*key, number) for key, number in judged.said.items()],
            list(judged.figures.items()),
            judged.differences,
            [(*key, number) for key, number in judged.counted.items()],
        )
    )


def _read(file: Path) -> Judged | None:
    """The result in a file; None if there is no file, or only a part of it, as a power cut may leave."""
    try:
        found = msgspec.json.decode(file.read_bytes(), type=_Stored)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return Judged(
        found.fingerprint,
        Counter(found.totals),
        Counter({(claim, what): number for claim, what, number in found.said}),
        dict(found.figures),
        found.differences,
        Counter(
            {(group, what, problem, claim): number for group, what, problem, claim, number in found.counted}
        ),
    )
