"""Turns: an app group that asks much waits for itself, and for nobody else."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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


def test_a_cancelled_request_holds_its_turn_until_its_thread_ends() -> None:
    """The thread works on: to give its turn back before that would let one app group have more threads than it may."""
    turns = Turns(PATIENCE, most=1)

    async def ask() -> None:
        begun, go, ended = asyncio.Event(), Event(), Event()
        loop = asyncio.get_running_loop()

        def work() -> None:
            loop.call_soon_threadsafe(begun.set)
            go.wait(PATIENCE)
            ended.set()

        cancelled = asyncio.create_task(turns.run("a", work))
        await begun.wait()
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        following = asyncio.create_task(turns.run("a", ended.is_set))
        assert await turns.run("b", lambda: "another app group has turns of its own")
        assert not following.done()
        go.set()
        assert await following
        assert turns._groups == {}

    asyncio.run(ask())


def test_what_is_given_up_before_it_has_a_thread_is_never_asked() -> None:
    """A thread that is free later takes the next question instead."""
    turns = Turns(PATIENCE)
    asked: list[str] = []

    async def ask() -> None:
        go = Event()
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        first = asyncio.create_task(turns.run("a", lambda: go.wait(PATIENCE)))
        second = asyncio.create_task(turns.run("a", lambda: asked.append("second")))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        go.set()
        assert await first
        assert await turns.run("a", lambda: "third") == "third"
        assert (asked, turns._groups) == ([], {})

    asyncio.run(ask())


def test_one_app_group_reads_the_log_with_some_of_the_turns_alone() -> None:
    """Two app groups share four turns, however much one of them asks."""
    turns = Turns(PATIENCE)

    async def ask() -> None:
        go, loop = Event(), asyncio.get_running_loop()
        begun: asyncio.Queue[str] = asyncio.Queue()

        def work(name: str) -> bool:
            loop.call_soon_threadsafe(begun.put_nowait, name)
            return go.wait(PATIENCE)

        of_a = [asyncio.create_task(turns.run_reading_log("a", partial(work, "a"))) for _ in range(3)]
        of_a.append(asyncio.create_task(turns.fold("a", partial(work, "a"))))
        assert [await begun.get(), await begun.get()] == ["a", "a"]
        assert await turns.run("a", lambda: "its other questions are answered")
        assert await turns.run_reading_log("b", lambda: "nobody else waits")
        assert begun.empty()
        assert not any(each.done() for each in of_a)
        go.set()
        assert await asyncio.gather(*of_a) == [True] * 4
        assert begun.qsize() == 2
        assert turns._groups == {}

    asyncio.run(ask())


def test_all_app_groups_together_read_the_log_at_most_so_many_times() -> None:
    """Whoever waits too long is refused, and what it held by then is free again."""
    turns, go = Turns(0.01, log_readers=1), Event()

    async def ask() -> None:
        held = asyncio.create_task(turns.run_reading_log("a", lambda: go.wait(PATIENCE)))
        await asyncio.sleep(0)
        with pytest.raises(Problem) as refused:
            await turns.run_reading_log("b", lambda: None)
        assert (refused.value.status, refused.value.code) == (503, "too_busy")
        assert "other times" in refused.value.detail
        go.set()
        assert await held
        assert await turns.run_reading_log("b", lambda: "next") == "next"
        assert turns._groups == {}

    asyncio.run(ask())
