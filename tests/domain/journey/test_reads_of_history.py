"""What a decision reads of the history: nothing that the state at hand answers, and nothing twice.

Each test here holds a shortcut that changes no decision, only how much is read for it.
"""

from collections.abc import Iterator
from datetime import datetime

from domain import lanes
from domain.facts import AnyFact, Key
from domain.journey.history import MemoryHistory
from tests.domain.journey_specification import (
    Given,
    GivenFact,
    bought,
    campaign,
    march,
    order_refunded,
    received,
    reported,
    session,
    under,
)

OPENS = campaign({"type": "starts_session", "deadline": "3d"})
R1, R9 = received("r1", march(1)), received("r9", march(9))
RECEIPTS, SESSIONS, IOS = lanes.receipts("spring"), lanes.SESSIONS, lanes.versions("ios")


class ReadHistory(MemoryHistory):
    """A history that says what was read of it: lanes, and how ids begin."""

    def __init__(self, history: MemoryHistory) -> None:
        super().__init__()
        self.__dict__.update(history.__dict__)
        self.reads: list[str] = []

    def before(self, lane: str, key: Key) -> AnyFact | None:
        self.reads.append(lane)
        return super().before(lane, key)

    def after(self, lane: str, key: Key) -> AnyFact | None:
        self.reads.append(f"after {lane}")
        return super().after(lane, key)

    def between(self, lane: str, start: datetime, end: datetime | None = None) -> Iterator[AnyFact]:
        self.reads.append(lane)
        return super().between(lane, start, end)

    def beginning(self, prefix: str) -> Iterator[AnyFact]:
        self.reads.append(prefix)
        return super().beginning(prefix)


def reads(given: Given, fact: GivenFact) -> list[str]:
    """What the decision on one more fact reads."""
    journey, _ = given.journey()
    assert isinstance(journey.history, MemoryHistory)
    journey.history = history = ReadHistory(journey.history)
    journey.take(given.read(fact))
    return history.reads


def test_r10_a_report_that_is_the_latest_of_its_app_reads_nothing() -> None:
    """R10: the one before it is at hand."""
    given = under().given(reported("v1", march(1), "1.0"), reported("w9", march(9), "7", app_id="web"))
    assert reads(given, reported("v5", march(5), "1.1")) == []
    assert reads(given, reported("w5", march(5), "6", app_id="web")) != []


def test_r10_nothing_is_sought_after_a_report_that_is_the_latest_of_all() -> None:
    """R10: its app may have had a report before, if the latest one was voided, and has none after."""
    given = under().given(reported("v1", march(1), "1.0"))
    assert reads(given, reported("w5", march(5), "7", app_id="web")) == [lanes.versions("web")]
    earlier = reported("w0", "2026-02-01T09:00:00Z", "7", app_id="web")
    assert reads(given, earlier) == ["after " + lanes.versions("web"), lanes.versions("web")]


def test_r7_no_receipt_is_sought_for_a_behaviour_that_converts_nothing() -> None:
    """R7: an earlier one did already."""
    given = under(OPENS).given(R1, session("s2", march(2)), R9)
    assert reads(given, session("s3", march(3))) == []
    assert reads(given, session("s1", march(1, "10:00:00"))) == [RECEIPTS]


def test_r14_no_behaviour_is_sought_for_a_late_receipt_after_the_conversion() -> None:
    """R7, R14: nothing after it can convert."""
    given = under(OPENS).given(R1, session("s2", march(2)), session("s9", march(9)))
    assert SESSIONS not in reads(given, received("r5", march(5)))
    assert SESSIONS in reads(given, received("r0", "2026-02-28T09:00:00Z"))


def test_r9_a_late_receipt_finds_the_purchases_of_each_corrected_order_once() -> None:
    """R9, R27: however the purchases of two orders lie between each other."""
    old = [
        bought(f"order:{order_id}:{product_id}", march(day), "11.00", product_id=product_id)
        for day, product_id in enumerate(("tea", "cup"), start=2)
        for order_id in ("o2", "o3")
    ]
    given = under(campaign()).given(*old, order_refunded("x2", "o2", amount="1"))
    given = given.given(order_refunded("x3", "o3", amount="1"))
    found = [each for each in reads(given, R1) if each.startswith("order:")]
    assert found == ["order:o2:", "order:o3:"]
