"""Taking facts over HTTP, for every interface: read them, record them through the queue, keep the refused ones."""

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
from infrastructure.inbound import earlier_version, rejects
from infrastructure.inbound.queue import Closed, Full
from infrastructure.inbound.rejects import Refusal

log = structlog.get_logger()

T = TypeVar("T")

_INLINE = 16 * 1024
"""Bytes that are read in the event loop; more are read in another thread, so that other requests are not held up."""


_NAMES = ("type", "id", "user_id", "messageId", "userId", "anonymousId", "event")
"""The fields by which its sender recognises a fact, or a message of another service."""
_LONGEST_NAME = 1_024

_encode = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode


@dataclass(frozen=True)
class Read:
    """A fact as it was sent, and the command or refusal that reading it gave."""

    raw: Any
    fact: FactCommand | FactRefused
    rounded: int = 0
    """How many of its amounts were rounded (R11)."""
    earlier: Callable[[], list[FactCommand]] | None = None
    """Reads it as an earlier version did; None if that version read it alike."""

    @property
    def fact_id(self) -> str | None:
        """The id that it was sent with, or None."""
        if isinstance(self.fact, FactCommand):
            return self.fact.id
        found = self.raw.get("id") if isinstance(self.raw, dict) else None
        return found if isinstance(found, str) else None


@dataclass(frozen=True)
class Taken:
    """The answers in the order of the facts, and a position at or after all of them."""

    answers: list[Answer]
    position: int

    def count(self, verdict: Verdict) -> int:
        """How many have a verdict."""
        return sum(answer.verdict is verdict for answer in self.answers)


def read(raw: Any) -> Read:  # noqa: ANN401
    """Read a fact of plain values; a refusal is returned, not raised."""
    if isinstance(raw, FactRefused):
        return Read(None, raw)
    notes = Notes()
    try:
        return Read(raw, read_fact(raw, notes), notes.rounded)
    except FactRefused as refusal:
        return Read(raw, refusal)


async def read_off_loop(size: int, reader: Callable[[], T]) -> T:
    """Run a reader of so many bytes, in another thread if they are many."""
    return reader() if size <= _INLINE else await asyncio.to_thread(reader)


async def take(state: State, caller: Caller, facts: Sequence[Read], source: str) -> Taken:
    """Record the facts of one call, and answer once they are durable; raises Problem if none of them was taken."""
    known: dict[int, Answer] = {}
    if not state.earlier.is_new(caller.app_group):
        known = await asyncio.to_thread(state.earlier.find_answers, caller.app_group, facts)
    outcome = await _record(state, caller, earlier_version.select_new(facts, known))
    answers = earlier_version.merge_answers(facts, known, outcome.answers)
    for (verdict, code), facts_of in Counter((answer.verdict, answer.code) for answer in answers).items():
        metrics.FACTS.labels(source, verdict.value, code).inc(facts_of)
    if rounded := sum(each.rounded for each in facts):
        metrics.ROUNDED.labels(source).inc(rounded)
    await _keep_rejected(state, caller, zip(_to_keep(facts, known), answers, strict=True), source)
    return Taken(answers, outcome.position)


def _to_keep(facts: Sequence[Read], known: Collection[int]) -> Sequence[Read]:
    """What contradicts an earlier version's reading is kept so that no retry can take it by today's rules."""
    if not known:
        return facts
    return [
        replace(each, raw={"conflicting": each.raw}) if n in known else each for n, each in enumerate(facts)
    ]


async def _record(state: State, caller: Caller, commands: list[FactCommand]) -> Outcome:
    """Put the commands into the queue; the outcome once it is durable. Raises Problem if nothing was taken."""
    try:
        future = state.queue.submit(caller.app_group, commands, caller.stamp(new_command_id()))
    except Full as full:
        metrics.FULL.inc()
        headers = {"Retry-After": str(full.seconds)}
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too_busy", str(full), headers=headers) from None
    except Closed:
        headers = {"Retry-After": "5", "Connection": "close"}
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "ending",
            "this process is about to end; send it again",
            headers=headers,
        ) from None
    metrics.WAITING.set(state.queue.waiting)
    outcome = await asyncio.wrap_future(future)
    metrics.WAITING.set(state.queue.waiting)
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
            # The other facts of the call are recorded, and must be answered so.
            metrics.NOT_KEPT.inc(len(refused))
            log.error("rejects.not_kept", rejected=len(refused), error=type(error).__name__)  # noqa: TRY400


def _keep(state: State, app_group: str, source: str, refused: list[Refusal]) -> None:
    if state.settings.rejects_kept:
        with state.database.writing() as connection:
            rejects.keep(connection, app_group, source, refused, microseconds(state.now()))


def _as_kept(raw: Any) -> str:  # noqa: ANN401
    """The text to keep of what was sent; of what is too long, only its names and its size."""
    text = _as_sent(raw)
    if len(text) <= rejects.LONGEST_FACT:
        return text
    names = {name: raw[name] for name in _NAMES if name in raw and len(_as_sent(raw[name])) <= _LONGEST_NAME}
    return _as_sent(names | {"characters": len(text)})


def _as_sent(raw: Any) -> str:  # noqa: ANN401
    """JSON of what was sent, with all digits; if a whole number is too large for the encoder, decimals become text."""
    try:
        return _encode(raw).decode()
    except (OverflowError, TypeError, ValueError):
        return json.dumps(raw, default=str, separators=(",", ":"))
