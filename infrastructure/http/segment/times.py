"""Times that clients left to us: the instant a message came first, however often it comes again (R13).

A message without a time happened when it came. When it comes again it is the same fact all the same, and so it is given
the time of the fact of its user and id that is recorded already. Two deliveries that are on their way at once meet in
the intake: the second is a conflict there, looks up the first, and asks again.
"""

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import cast

from sqlalchemy import Connection, select, tuple_

from application.fact_commands import FactCommand
from application.intake import Answer, Outcome
from application.ports import Stamp
from domain.errors import ConflictingFact
from domain.instants import printed
from infrastructure.database import Database
from infrastructure.gathering import Closed, Full, Gathering
from infrastructure.http.problems import Problem
from infrastructure.http.segment.meaning import Mapped
from infrastructure.http.state import State
from infrastructure.http.taking import Read, read
from infrastructure.schema import events, identities, journey_facts
from infrastructure.topics import decode

Named = tuple[str, str]
"""A fact by its user and id."""

_PAGE = 500


async def settled(state: State, app_group: str, facts: Sequence[Mapped]) -> list[Read]:
    """The facts, those without a time of their own at the time they are known with, where they are known."""
    named = {_named(each.read.fact) for each in facts if _is_open(each)}
    if not named:
        return [each.read for each in facts]
    known = await asyncio.to_thread(_times, state.service.database, app_group, named)
    return [_at_known_time(each, known) for each in facts]


def settling(state: State, facts: Sequence[Mapped]) -> State:
    """The state as it takes such facts: a conflict that is one of times alone is none."""
    still_open = {id(each.read.fact) for each in facts if _is_open(each)}
    if not still_open:
        return state
    # What takes facts asks nothing of it but `submit` and `waiting`.
    return replace(state, gathering=cast(Gathering, _Settling(state, still_open)))


def _is_open(each: Mapped) -> bool:
    return each.defaulted and isinstance(each.read.fact, FactCommand)


def _named(fact: object) -> Named:
    command = cast(FactCommand, fact)
    return command.user_id, command.id


def _at_known_time(each: Mapped, known: dict[Named, datetime]) -> Read:
    at = known.get(_named(each.read.fact)) if _is_open(each) else None
    return each.read if at is None else read(each.read.raw | {"at": printed(at)})


class _Settling:
    """Stands before the line of facts for one call; `still_open` are the identities of commands with a time from us."""

    def __init__(self, state: State, still_open: set[int]) -> None:
        self._state = state
        self._open = still_open

    @property
    def waiting(self) -> int:
        """Facts in the line."""
        return self._state.gathering.waiting

    def submit(self, app_group: str, commands: Sequence[FactCommand], stamp: Stamp) -> Future[Outcome]:
        """As the line itself has it; raises Full or Closed at once."""
        first = self._state.gathering.submit(app_group, commands, stamp)
        again = self._settled(first, app_group, commands, stamp)
        return asyncio.run_coroutine_threadsafe(again, asyncio.get_running_loop())

    async def _settled(
        self, first: Future[Outcome], app_group: str, commands: Sequence[FactCommand], stamp: Stamp
    ) -> Outcome:
        outcome = await asyncio.wrap_future(first)
        places = [
            place
            for place, (command, answer) in enumerate(zip(commands, outcome.answers, strict=True))
            if answer.code == ConflictingFact.code and id(command) in self._open
        ]
        if not places:
            return outcome
        asked = [commands[place] for place in places]
        known = await asyncio.to_thread(_times, self._state.service.database, app_group, map(_named, asked))
        moved = [each.model_copy(update={"at": known.get(_named(each), each.at)}) for each in asked]
        second = await asyncio.wrap_future(self._submitted(app_group, moved, stamp))
        answers: list[Answer] = list(outcome.answers)
        for place, answer in zip(places, second.answers, strict=True):
            answers[place] = answer
        position = max(outcome.position, second.position)
        return Outcome(answers, position, outcome.conversions + second.conversions)

    def _submitted(self, app_group: str, commands: list[FactCommand], stamp: Stamp) -> Future[Outcome]:
        try:
            return self._state.gathering.submit(app_group, commands, stamp)
        except (Full, Closed):
            headers = {"Retry-After": "1"}
            detail = "not all of it was recorded; send it again: what was recorded is a duplicate then"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too_busy", detail, headers=headers) from None


def _times(database: Database, app_group: str, named: Iterable[Named]) -> dict[Named, datetime]:
    wanted = list(named)
    with database.reading() as connection:
        pages = [wanted[start : start + _PAGE] for start in range(0, len(wanted), _PAGE)]
        return {name: at for page in pages for name, at in _page(connection, app_group, page)}


def _page(connection: Connection, app_group: str, named: list[Named]) -> list[tuple[Named, datetime]]:
    fact, event = journey_facts.c, events.c
    of_fact = (event.originator_id == fact.journey_id) & (event.originator_version == fact.version)
    query = (
        select(identities.c.user_id, fact.fact_id, event.topic, event.state)
        .join_from(identities, journey_facts, identities.c.journey_id == fact.journey_id)
        .join(events, of_fact)
        .where(identities.c.app_group == app_group, tuple_(identities.c.user_id, fact.fact_id).in_(named))
    )
    return [
        ((row.user_id, row.fact_id), decode(row.topic, row.state).at) for row in connection.execute(query)
    ]
