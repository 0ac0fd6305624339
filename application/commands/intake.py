"""Intake: takes facts in batches, each with a verdict of its own (R13, R16)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Any

import structlog

from application.commands.facts import (
    FactCommand,
    OrderUpdatedCommand,
    PurchaseCommand,
    ReceivedCommand,
)
from application.commands.translation import GroupDefinitions, Translation
from application.ports import Announced, JourneyUnitOfWork, LoadedJourney, MakeAnswer, Stamp, Writer
from domain.aggregate import Aggregate
from domain.app_group import AppGroup, stream_id
from domain.errors import ConflictingFact, DomainError, FactRefused
from domain.facts import (
    AnyFact,
)
from domain.instants import FUTURE_TOLERANCE
from domain.journey.decisions import ConversionRecorded, ConversionWithdrawn
from domain.journey.rules.earlier_orders import order_ids
from domain.journey.state import ORDERS_AS_PURCHASES
from domain.journey.user_journey import UserJourney

log = structlog.get_logger()


class Verdict(StrEnum):
    """What became of a fact."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict on one fact, with a code and a message if it is rejected."""

    verdict: Verdict
    code: str = ""
    message: str = ""


ACCEPTED = Answer(Verdict.ACCEPTED)
DUPLICATE = Answer(Verdict.DUPLICATE)


@dataclass(frozen=True)
class Outcome:
    """The answers in the order of the facts, and a position at or after all of them, duplicates included."""

    answers: list[Answer]
    position: int
    conversions: int
    """The change in the number of conversions, control included."""


class Intake:
    """Records batches of facts of one app group, each batch whole."""

    def __init__(self, writer: Writer, now: Callable[[], datetime]) -> None:
        self._writer = writer
        self._now = now
        self._definitions: dict[str, GroupDefinitions] = {}

    def record(self, app_group: str, commands: Sequence[FactCommand], stamp: Stamp) -> Outcome:
        """Take the facts, or raise and have taken none; raises UnknownAppGroup."""
        return self.submit(app_group, commands, stamp).result()

    def submit(self, app_group: str, commands: Sequence[FactCommand], stamp: Stamp) -> Future[Outcome]:
        """Decide the facts now; the future holds the outcome once they are durable. Raises UnknownAppGroup."""

        def decide(unit: JourneyUnitOfWork) -> MakeAnswer[Outcome]:
            group = unit.remember(stream_id(app_group), lambda: unit.aggregates.existing_app_group(app_group))
            batch = _Batch(unit, group, self._definitions_in(unit, app_group), self._now())
            answers = batch.take(commands)
            conversions = batch.conversions()
            unit.record(app_group, *batch.aggregates())
            return lambda position: _outcome(app_group, answers, position, conversions)

        return self._writer.submit(stamp, decide)

    def _definitions_in(self, unit: JourneyUnitOfWork, app_group: str) -> GroupDefinitions:
        # Journeys in memory hold on to the definitions; the unit's view is good as long as the unit.
        if app_group not in self._definitions:
            self._definitions[app_group] = GroupDefinitions(unit.aggregates, app_group)
        self._definitions[app_group].aggregates = unit.aggregates
        return self._definitions[app_group]


def _outcome(app_group: str, answers: list[Answer], position: int, conversions: int) -> Outcome:
    verdicts = Counter(answer.verdict.value for answer in answers)
    log.info("facts.recorded", app_group=app_group, position=position, **verdicts)
    return Outcome(answers, position, conversions)


class _Batch:
    """One batch while it is being decided."""

    def __init__(
        self, unit: JourneyUnitOfWork, group: AppGroup, definitions: GroupDefinitions, now: datetime
    ) -> None:
        self._unit = unit
        self._group = group
        self._definitions = definitions
        self._translation = Translation(group, definitions)
        self._latest = now + FUTURE_TOLERANCE
        self._journeys: dict[str, LoadedJourney] = {}

    def take(self, commands: Sequence[FactCommand]) -> list[Answer]:
        """Decide the facts one by one; returns the answers in the order given.

        They are decided by instant, then id, so that one call does not restate its own decisions. Of several facts with
        one id the first given is decided first (R13), and the others after all other facts, in case it is refused.
        """
        asked = defaultdict(list)
        for command in commands:
            campaign_id = command.campaign_id if isinstance(command, ReceivedCommand) else None
            asked[command.user_id].append(Announced(command.id, campaign_id))
        self._journeys = self._unit.journeys(self._group.app_group, asked, self._definitions)
        answers: list[Answer] = [DUPLICATE] * len(commands)
        for place in _in_order(commands):
            answers[place] = self._answer(commands[place])
        return answers

    def conversions(self) -> int:
        """The change in the number of conversions that was decided, control included."""
        kinds = Counter(
            type(recorded.event) for loaded in self._journeys.values() for recorded in loaded.journey.pending
        )
        return kinds[ConversionRecorded] - kinds[ConversionWithdrawn]

    def aggregates(self) -> list[Aggregate[Any]]:
        """The app group and the journeys, by their ids: streams that are written together lie together in the index."""
        journeys = sorted(
            (loaded.journey for loaded in self._journeys.values()), key=lambda journey: journey.id
        )
        return [self._group, *journeys]

    def _answer(self, command: FactCommand) -> Answer:
        try:
            return ACCEPTED if self._take(command) else DUPLICATE
        except DomainError as refusal:
            return Answer(Verdict.REJECTED, refusal.code, refusal.message)

    def _take(self, command: FactCommand) -> bool:
        if command.at > self._latest and "at" not in command.defaults:
            raise FactRefused("the fact is more than 5 minutes ahead of the clock", code="in_the_future")
        loaded = self._journeys[command.user_id]
        fact, text = self._translation.fact(command, loaded)
        if isinstance(command, OrderUpdatedCommand):
            _refuse_unknown_order(loaded.journey, fact)
        if not loaded.journey.take(fact):
            return False
        if text is not None:
            self._unit.keep_text(loaded.journey.id, fact.id, text)
        name = getattr(fact, "name", None)
        if name is not None:
            self._group.see_custom_event(name)
        return True


def _in_order(commands: Sequence[FactCommand]) -> Iterable[int]:
    """The places of commands in the order in which they are decided: the first of each id, then the others.

    An order and the purchases that an earlier version would have made of it are of one id in this. What updates orders
    comes last: it makes none, and those that it names may be in the same batch.
    """
    seen: set[tuple[str, str]] = set()
    parts: set[tuple[str, str]] = set()
    firsts: list[int] = []
    others: list[int] = []
    updates: list[int] = []
    for place, command in enumerate(commands):
        if isinstance(command, OrderUpdatedCommand):
            updates.append(place)
            continue
        user_id, fact_id = identity = command.user_id, command.id
        is_first = identity not in seen
        seen.add(identity)
        if fact_id.startswith(ORDERS_AS_PURCHASES) and isinstance(command, PurchaseCommand):
            of = {(user_id, order_id) for order_id in order_ids(fact_id, command.product_id)}
            is_first &= seen.isdisjoint(of)
            parts |= of
        elif identity in parts:
            is_first = False
        (firsts if is_first else others).append(place)
    firsts.sort(key=lambda place: (commands[place].at, commands[place].id))
    return chain(firsts, others, updates)


def _refuse_unknown_order(journey: UserJourney, order: AnyFact) -> None:
    """Raise ConflictingFact unless the order is known and says the same: an update makes no order."""
    try:
        if journey.is_known(order):
            return
    except ConflictingFact:
        raise ConflictingFact(
            f"the order {order.id!r} is known with other content, and is not changed by an update", place="id"
        ) from None
    raise ConflictingFact(f"the order {order.id!r} is not known, and an update makes none", place="id")
