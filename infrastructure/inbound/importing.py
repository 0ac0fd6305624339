"""Import: the facts of files are taken batch by batch, and then the reports are brought up to date.

Three threads share the work: one reads the next batch, the caller decides one, and the writer records the one before.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar

from application.commands.facts import FactCommand, read_fact
from application.commands.intake import Answer, Intake, Outcome, Verdict
from application.commands.values import Notes
from domain.errors import FactRefused
from infrastructure.access.operator import stamp
from infrastructure.inbound.earlier_version import Earlier, merge_answers, read_leniently, select_new
from infrastructure.inbound.files import FactFile, Raw, open_facts
from infrastructure.inbound.files.fact_rows import Reread
from infrastructure.process.garbage import less_garbage_collection
from projections.engine.projector import Projector
from projections.registry import WITH_IMPORTS

IMPORT_BATCH = 8_000
"""Facts in a transaction: large enough that journeys share the pages they dirty."""

BATCH_BYTES = 4 * 1024 * 1024
"""A batch of large facts ends after so many bytes, so that memory stays bounded."""

T = TypeVar("T")


@dataclass
class Totals:
    """What an import did, and how long it took until the reports were up to date."""

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    conversions: int = 0
    seconds: float = 0.0
    rounded: int = 0
    """Amounts with more than 6 decimals, which were rounded (R11)."""
    ignored: int = 0
    """Events of another service's export that mean nothing here; they are not in `read`."""
    versions_ignored: int = 0
    """Versions in such an export that are malformed, and so were treated as absent (R10)."""


class Rejected(NamedTuple):
    """A fact that was not taken; `fact` is None if the line could not be read."""

    path: str
    line: int
    code: str
    message: str
    fact: dict[str, Any] | None


class Watcher(Protocol):
    """Somebody who is shown how an import proceeds."""

    def reading(self, file: FactFile, totals: Totals) -> None:
        """One more batch was taken from the file."""

    def projecting(self, done: int, newest: int) -> None:
        """The reports hold the events up to one position, of as many."""


class _Read(NamedTuple):
    line: int
    raw: Raw
    fact: FactCommand | FactRefused

    @property
    def earlier(self) -> Callable[[], list[FactCommand]] | None:
        """Reads it as an earlier version did, if the file's reader says how."""
        return partial(read_leniently, self.raw.earlier) if isinstance(self.raw, Reread) else None


class _Taken(NamedTuple):
    """A batch, the answers found beforehand, and the outcome of the rest."""

    batch: list[_Read]
    known: dict[int, Answer]
    future: Future[Outcome]


class Import:
    """An import into one app group."""

    def __init__(
        self,
        intake: Intake,
        earlier: Earlier,
        projector: Projector,
        app_group: str,
        reject: Callable[[Rejected], None],
    ) -> None:
        self._intake = intake
        self._earlier = earlier
        self._projector = projector
        self._app_group = app_group
        self._reject = reject
        self.totals = Totals()

    def run(self, paths: Sequence[str], file_format: str | None, watcher: Watcher) -> Totals:
        """Take the facts of all files; raises UnreadableFile, but what was taken before stays recorded."""
        started = time.monotonic()
        try:
            with less_garbage_collection():
                for path in paths:
                    self._import_file(path, file_format, watcher)
        finally:
            self._projector.catch_up(*WITH_IMPORTS, progress=watcher.projecting)
            self.totals.seconds = round(time.monotonic() - started, 3)
        return self.totals

    def _import_file(self, path: str, file_format: str | None, watcher: Watcher) -> None:
        with open_facts(path, format=file_format) as file:
            notes = Notes()
            taken: deque[_Taken] = deque()

            def count_down_to(left: int) -> None:
                while len(taken) > left:
                    self._count_batch(path, *_wait_for_first(taken))
                    watcher.reading(file, self.totals)

            try:
                for batch in _read_ahead(_read_batches(file, notes)):
                    taken.append(self._take(batch))
                    # One batch is recorded while the next is decided; more would only take memory.
                    count_down_to(1)
            finally:
                self.totals.ignored += file.ignored
                self.totals.rounded += notes.rounded
                self.totals.versions_ignored += file.absent.get("version", 0)
                count_down_to(0)

    def _take(self, batch: list[_Read]) -> _Taken:
        known = self._earlier.find_answers(self._app_group, batch)
        return _Taken(batch, known, self._intake.submit(self._app_group, select_new(batch, known), stamp()))

    def _count_batch(self, path: str, batch: _Taken, outcome: Outcome) -> None:
        answers = merge_answers(batch.batch, batch.known, outcome.answers)
        for read, answer in zip(batch.batch, answers, strict=True):
            self._count(path, read, answer)
        self.totals.conversions += outcome.conversions

    def _count(self, path: str, read: _Read, answer: Answer) -> None:
        self.totals.read += 1
        if answer.verdict is Verdict.ACCEPTED:
            self.totals.accepted += 1
        elif answer.verdict is Verdict.DUPLICATE:
            self.totals.duplicates += 1
        else:
            self.totals.rejected += 1
            fact = None if isinstance(read.raw, FactRefused) else read.raw
            self._reject(Rejected(path, read.line, answer.code, answer.message, fact))


def _wait_for_first(taken: deque[_Taken]) -> tuple[_Taken, Outcome]:
    """The first batch and its outcome, once durable; after an interruption the batch is still there to be counted."""
    batch = taken[0]
    try:
        outcome = batch.future.result()
    except Exception:
        taken.popleft()
        raise
    taken.popleft()
    return batch, outcome


def _read_batches(file: FactFile, notes: Notes) -> Iterator[list[_Read]]:
    """Read the facts in batches; if the file breaks off, what came before is a batch of its own."""
    rows = iter(file)
    while True:
        batch: list[_Read] = []
        try:
            begun = file.plain_bytes
            for line, raw in islice(rows, IMPORT_BATCH):
                batch.append(_Read(line, raw, _read_fact(raw, notes)))
                if file.plain_bytes - begun >= BATCH_BYTES:
                    break
        except Exception:
            if batch:
                yield batch
            raise
        if not batch:
            return
        yield batch


def _read_fact(raw: Raw, notes: Notes) -> FactCommand | FactRefused:
    if isinstance(raw, FactRefused):
        return raw
    try:
        return read_fact(raw, notes)
    except FactRefused as refusal:
        return refusal


def _read_ahead(items: Iterable[T]) -> Iterator[T]:
    """The items, each made in another thread while the one before is used."""
    source = iter(items)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="reading") as executor:
        coming = executor.submit(_next, source)
        while (item := coming.result()) is not None:
            coming = executor.submit(_next, source)
            yield item


def _next(source: Iterator[T]) -> T | None:
    return next(source, None)
