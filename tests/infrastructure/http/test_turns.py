"""Turns: an app group that asks much waits for itself, and for nobody else."""

import asyncio
from threading import Event

import pytest

from infrastructure.http.problems import Problem
from infrastructure.http.turns import Turns

PATIENCE = 30.0


def test_an_app_group_waits_for_its_own_questions_alone() -> None:
    """As many as may are answered; the next one waits until one of them is."""
    turns, go = Turns(PATIENCE, most=2), Event()

    async def ask() -> None:
        held = [asyncio.create_task(turns.run("a", lambda: go.wait(PATIENCE))) for _ in range(3)]
        await asyncio.sleep(0)
        assert await turns.run("b", lambda: "answered") == "answered"
        assert not any(each.done() for each in held)
        go.set()
        assert await asyncio.gather(*held) == [True, True, True]
        assert turns._groups == {}

    asyncio.run(ask())


def test_who_waits_too_long_is_told_to_come_again() -> None:
    """And the turn that it did not get is not lost."""
    turns, go = Turns(0.01, most=1), Event()

    async def ask() -> None:
        held = asyncio.create_task(turns.run("a", lambda: go.wait(PATIENCE)))
        await asyncio.sleep(0)
        with pytest.raises(Problem) as refused:
            await turns.run("a", lambda: None)
        assert (refused.value.status, refused.value.code) == (503, "too_busy")
        go.set()
        assert await held
        assert await turns.run("a", lambda: "next") == "next"

    asyncio.run(ask())


def test_a_question_that_fails_or_is_given_up_gives_its_turn_back() -> None:
    """Whatever ends it."""
    turns = Turns(PATIENCE, most=1)

    async def ask() -> None:
        with pytest.raises(ZeroDivisionError):
            await turns.run("a", lambda: 1 // 0)
        go = Event()
        held = asyncio.create_task(turns.run("a", lambda: go.wait(PATIENCE)))
        waiting = asyncio.create_task(turns.run("a", lambda: None))
        await asyncio.sleep(0)
        waiting.cancel()
        go.set()
        assert await held
        assert await turns.run("a", lambda: "next") == "next"
        assert turns._groups == {}

    asyncio.run(ask())
