"""Taking facts, by whichever interface they came: read, recorded together with others, and those refused kept."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
import structlog

from application.commands.facts import FactCommand, read_fact
from application.commands.intake import Answer, Outcome, Verdict
from application.commands.values import Notes
from domain.errors import FactRefused
from domain.instants import microseconds
from infrastructure.http import metrics
from infrastructure.http.access import Caller
from infrastructure.http.problems import FAILURES, Problem
from infrastructure.http.state import State, new_command_id
from infrastructure.inbound import earlier, rejects
from infrastructure.inbound.queue import Closed, Full
from infrastructure.inbound.rejects import Bounds, Refusal

log = structlog.get_logger()

T = TypeVar("T")

_INLINE = 16 * 1024
"""Bytes that are read at once; more are read in another thread, so that other requests go on."""

_DAY = 86_400_000_000

_NAMES = ("type", "id", "user_id", "messageId", "userId", "anonymousId", "event")
"""What tells whoever sent a fact which it was; of a message of another service, that none was made of, too."""
_LONGEST_NAME = 1_024

_encode = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode


@dataclass(frozen=True)
class Read:
    """A fact as it was sent, and as it was read."""

    raw: Any
    fact: FactCommand | FactRefused
    rounded: int = 0
    """Amounts in it that were rounded (R11)."""
    earlier: Callable[[], list[FactCommand]] | None = None
    """What an earlier version made of it, where that is not the same fact."""

    @property
    def fact_id(self) -> str | None:
        """The id it came with, where it came with one."""
        if isinstance(self.fact, FactCommand):
            return self.fact.id
        found = self.raw.get("id") if isinstance(self.raw, dict) else None
        return found if isinstance(found, str) else None


@dataclass(frozen=True)
class Taken:
    """The answers in the order of the facts, and a position that is not before any of those that were read."""

    answers: list[Answer]
    position: int

    def count(self, verdict: Verdict) -> int:
        """How many have a verdict."""
        return sum(answer.verdict is verdict for answer in self.answers)


def read(raw: Any) -> Read:  # noqa: ANN401
    """A fact of plain values, or why it is none."""
    if isinstance(raw, FactRefused):
        return Read(None, raw)
    notes = Notes()
    try:
        return Read(raw, read_fact(raw, notes), notes.rounded)
    except FactRefused as refusal:
        return Read(raw, refusal)


async def reading(size: int, reader: Callable[[], T]) -> T:
    """Read what so many bytes say, here or in another thread."""
    return reader() if size <= _INLINE else await asyncio.to_thread(reader)


async def take(state: State, caller: Caller, facts: Sequence[Read], source: str) -> Taken:
    """Record facts of one call; answered once they are durable. Raises Problem where none of them were taken."""
    known: dict[int, Answer] = {}
    if not state.earlier.is_new(caller.app_group):
        known = await asyncio.to_thread(state.earlier.answers, caller.app_group, facts)
    outcome = await _recorded(state, caller, earlier.to_take(facts, known))
    answers = earlier.answered(facts, known, outcome.answers)
    for (verdict, code), facts_of in Counter((answer.verdict, answer.code) for answer in answers).items():
        metrics.FACTS.labels(source, verdict.value, code).inc(facts_of)
    if rounded := sum(each.rounded for each in facts):
        metrics.ROUNDED.labels(source).inc(rounded)
    await _keep_rejected(state, caller, zip(_to_keep(facts, known), answers, strict=True), source)
    return Taken(answers, outcome.position)


def _to_keep(facts: Sequence[Read], known: Collection[int]) -> Sequence[Read]:
    """What contradicts an earlier version's reading is kept as no fact: a retry would take it by today's."""
    if not known:
        return facts
    return [
        replace(each, raw={"conflicting": each.raw}) if n in known else each for n, each in enumerate(facts)
    ]


async def _recorded(state: State, caller: Caller, commands: list[FactCommand]) -> Outcome:
    """The outcome once it is durable; raises Problem where nothing was taken."""
    try:
        future = state.gathering.submit(caller.app_group, commands, caller.stamp(new_command_id()))
    except Full as full:
        metrics.FULL.inc()
        headers = {"Retry-After": str(full.seconds)}
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too_busy", str(full), headers=headers) from None
    except Closed:
        headers = {"Retry-After": "5", "Connection": "close"}
        detail = "this process is about to end; send it again"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "ending", detail, headers=headers) from None
    metrics.WAITING.set(state.gathering.waiting)
    outcome = await asyncio.wrap_future(future)
    metrics.WAITING.set(state.gathering.waiting)
    return outcome


async def _keep_rejected(
    state: State, caller: Caller, answered: Iterable[tuple[Read, Answer]], source: str
) -> None:
    refused = [
        Refusal(answer.code, answer.message, _as_kept(each.raw))
        for each, answer in answered
        if answer.verdict is Verdict.REJECTED
    ]
    if refused:
        log.warning("facts.rejected", app_group=caller.app_group, source=source, rejected=len(refused))
        try:
            await asyncio.to_thread(_keep, state, caller.app_group, source, refused)
        except FAILURES as error:
            # The others of the call are recorded, and are answered so.
            metrics.NOT_KEPT.inc(len(refused))
            log.error("rejects.not_kept", rejected=len(refused), error=type(error).__name__)  # noqa: TRY400


def _keep(state: State, app_group: str, source: str, refused: list[Refusal]) -> None:
    settings, database = state.settings, state.database
    bounds = Bounds(settings.rejects_kept, settings.rejects_days * _DAY)
    with database.writing() as connection:
        rejects.keep(connection, app_group, source, refused, microseconds(state.now()), bounds)


def _as_kept(raw: Any) -> str:  # noqa: ANN401
    """What was sent; of what is too long to be kept, its names and its size: that is no fact any more."""
    text = _as_sent(raw)
    if len(text) <= rejects.LONGEST_FACT:
        return text
    names = {name: raw[name] for name in _NAMES if name in raw and len(_as_sent(raw[name])) <= _LONGEST_NAME}
    return _as_sent(names | {"characters": len(text)})


def _as_sent(raw: Any) -> str:  # noqa: ANN401
    """JSON of what was sent, with its digits; where a whole number is beyond the encoder, decimals become text."""
    try:
        return _encode(raw).decode()
    except (OverflowError, TypeError, ValueError):
        return json.dumps(raw, default=str, separators=(",", ":"))
