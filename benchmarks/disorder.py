"""Facts as services send them: some late, some again, purchases refunded, facts taken back; the same on every call."""

import heapq
from collections.abc import Iterable, Iterator
from random import Random
from typing import Final

from benchmarks.workload import Fact

_LATE: Final = 0.08
"""The share of facts that come after others which happened later,"""
_PLACES: Final = 2_000
"""by up to so many of them,"""
_VERY_LATE: Final = 0.01
_FAR: Final = 50_000
"""and of those that come much later."""
_AGAIN: Final = 0.03
_REFUNDED: Final = 0.06
_TAKEN_BACK: Final = 0.005


def disordered(facts: Iterable[Fact]) -> Iterator[Fact]:
    """The facts, and what comes of them: decisions are restated and withdrawn, and duplicates are dropped."""
    draw = Random(20260302)  # noqa: S311 - the same disorder on every call
    waiting: list[tuple[int, int, Fact]] = []
    number = 0
    for place, fact in enumerate(facts):
        for delay, each in _sent(fact, place, draw):
            number += 1
            heapq.heappush(waiting, (place + delay, number, each))
        while waiting and waiting[0][0] <= place:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _sent(fact: Fact, place: int, draw: Random) -> Iterator[tuple[int, Fact]]:
    """What is sent because of a fact, each after so many others."""
    yield _delay(draw), fact
    if draw.random() < _AGAIN:
        yield _delay(draw), fact
    about = {"user_id": fact["user_id"], "at": fact["at"]}
    if fact["type"] == "purchase" and draw.random() < _REFUNDED:
        amount = fact["price"] if draw.random() < 0.5 else "1"
        refund = {"type": "refund", "id": f"refund-{place}", "purchase_id": fact["id"], "amount": amount}
        yield draw.randrange(_FAR), refund | about
    if draw.random() < _TAKEN_BACK:
        # Now and then before the fact itself.
        yield draw.randrange(_PLACES), {"type": "void", "id": f"void-{place}", "fact_id": fact["id"]} | about


def _delay(draw: Random) -> int:
    chance = draw.random()
    if chance < _VERY_LATE:
        return draw.randrange(_FAR)
    return draw.randrange(_PLACES) if chance < _LATE else 0
