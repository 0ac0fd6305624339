"""The state at hand stays small, and nothing is too late for it (R15)."""

from copy import deepcopy
from datetime import timedelta

import msgspec
import pytest

from domain import lanes
from domain.instants import EPOCH
from domain.journey.decisions import FactDisregarded
from domain.journey.history import MemoryHistory
from domain.journey.state import JourneyState, Standing
from domain.journey.user_journey import UserJourney
from tests.domain.journey_specification import (
    Fields,
    Given,
    bought,
    campaign,
    conversion_restated,
    conversion_withdrawn,
    converted,
    counted,
    decided,
    disregarded,
    earned,
    march,
    performed,
    received,
    recounted,
    reported,
    revenue_restated,
    revenue_withdrawn,
    session,
    uncounted,
    under,
    upgraded,
    voided,
)
from tests.domain.journeys import reloaded
from tests.support.reference import instant

BUYS = {"type": "makes_purchase", "deadline": "3d"}
SPRING, SUMMER = campaign(BUYS), campaign(BUYS | {"deadline": "30d"}, campaign_id="summer")
R1, R9, R20 = received("r1", march(1)), received("r9", march(9)), received("r20", march(20))
P2, P3 = bought("p2", march(2)), bought("p3", march(3))
LATER = session("s30", march(30))


def closed(given: Given) -> dict[str, Standing]:
    """The standings that the journey of these facts puts away."""
    journey, _ = given.journey()
    return journey.state.close(journey.definitions)


def size(journey: UserJourney) -> int:
    """How many bytes its state takes when it is kept."""
    return len(msgspec.json.encode(journey.state))


def test_r15_a_standing_without_an_open_window_is_put_away() -> None:
    """R15: as soon as something is known to have happened after its last window."""
    journey = under(SPRING, SUMMER).given(R1, received("r2", march(1), campaign_id="summer"))
    assert list(closed(journey.given(P2))) == []
    assert list(closed(journey.given(LATER))) == ["spring"]
    assert list(closed(journey.given(received("r30", march(30), campaign_id="summer")))) == ["spring"]
    assert list(closed(journey.given(R20, session("s22", march(22))))) == []


@pytest.mark.parametrize(("at", "is_closed"), [(march(4), False), (march(4, "09:00:00.000001"), True)])
def test_r15_a_window_whose_end_has_come_is_still_open(at: str, is_closed: bool) -> None:
    """R6, R15: the deadline itself is inside."""
    assert bool(closed(under(SPRING).given(R1, session("s4", at)))) == is_closed


def test_r15_the_longest_window_keeps_a_standing_at_hand() -> None:
    """R11, R15: of all conversion events, and of revenue where there are none."""
    long_last = campaign(BUYS | {"deadline": 1}, BUYS | {"deadline": "30d"})
    assert not closed(under(long_last).given(R1, LATER))
    assert not closed(under(campaign()).given(R1, P3))
    assert closed(under(campaign()).given(R1, LATER))


def test_r15_a_journey_of_nothing_puts_nothing_away() -> None:
    """R15: nor does one that only names facts to come."""
    assert closed(under(SPRING)) == closed(under(SPRING).given(voided("d1", "p1"))) == {}


def test_r15_a_standing_put_away_is_as_it_stood() -> None:
    """R15: with all that later facts are judged by."""
    journey, _ = under(SPRING).given(R1, P2, LATER).journey()
    standing = journey.state.standings["spring"]
    assert journey.state.close(journey.definitions) == {"spring": standing}
    assert journey.state == JourneyState(
        seen_until=instant(LATER),
        behaved_until=instant(LATER),
        closed_until=instant(R1) + timedelta(days=3),
        orders_as_purchases=False,
    )


def test_r15_a_late_behaviour_finds_a_standing_put_away() -> None:
    """R14, R15: it converts, or restates what stood, long after the window closed."""
    under(SPRING).given(R1, LATER).when(P3).then(converted(P3, R1), earned(P3, R1, "1"))
    under(SPRING).given(R1, P3, LATER).when(P2).then(
        conversion_restated((P3, R1), (P2, R1)), earned(P2, R1, "1")
    )
    under(SPRING).given(R1, P2, LATER).when(P3).then(earned(P3, R1, "1"))


def test_r15_a_behaviour_at_the_very_end_of_a_window_put_away_converts() -> None:
    """R6, R15: both ends are inside, of whichever of several windows put away was the last."""
    autumn = campaign(BUYS | {"deadline": "10d"}, campaign_id="autumn")
    r2, at_end, outside = (
        received("r2", march(1), campaign_id="autumn"),
        bought("p4", march(4)),
        bought("p11", march(11)),
    )
    journey = under(SPRING, autumn).given(R1, r2, LATER)
    journey.when(at_end).then(
        converted(at_end, r2), converted(at_end, R1), earned(at_end, r2, "1"), earned(at_end, R1, "1")
    )
    journey.when(outside).then(converted(outside, r2), earned(outside, r2, "1"))
    journey.when(bought("p12", march(11, "09:00:00.000001"))).then_nothing()


def test_r15_a_late_receipt_finds_a_standing_put_away() -> None:
    """R14, R15, R20: before or between the receipts known, or after them all."""
    near = received("r1b", march(1, "12:00:00"))
    first = received("r0", march(1, "08:00:00"))
    under(SPRING).given(R1, P2, LATER).when(near).then(
        conversion_restated((P2, R1), (P2, near)), revenue_restated(P2, (R1, "1"), (near, "1"))
    )
    under(SPRING).given(R1, P2, LATER).when(first).then(
        recounted("default", R1, first), recounted(None, R1, first)
    )
    under(SPRING).given(R1, P2, LATER).when(R9).then_nothing()


def test_r15_a_campaign_received_again_finds_its_standing_put_away() -> None:
    """R7, R15: who has converted converts no more, and who is a recipient is no new one."""
    again, purchase = received("r31", march(31)), bought("p31", march(31))
    under(SPRING).given(R1, P2, LATER).when(again).then_nothing()
    under(SPRING).given(R1, P2, LATER, again).when(purchase).then(earned(purchase, again, "1"))


def test_r15_a_campaign_first_received_after_others_were_put_away_is_new() -> None:
    """R15, R18: only what was put away is brought back."""
    first = received("r31", march(31), campaign_id="summer")
    under(SPRING, SUMMER).given(R1, P2, LATER).when(first).then(
        counted("default", first), counted(None, first)
    )


@pytest.mark.parametrize("fact", [R1, P2], ids=["received", "purchase"])
def test_r15_a_void_finds_a_standing_put_away(fact: Fields) -> None:
    """R15, R17: whatever it stood on is gone."""
    void = voided("d1", fact["id"])
    gone = [uncounted("default", R1), uncounted(None, R1)] if fact is R1 else []
    under(SPRING).given(R1, P2, LATER).when(void).then(
        disregarded(void, fact), *gone, conversion_withdrawn(P2, R1), revenue_withdrawn(P2, R1, "1")
    )


def test_r15_a_late_report_finds_its_neighbours() -> None:
    """R10, R15: the versions of long ago, and the standing of a campaign put away."""
    journey = under(campaign({"type": "upgrades_app", "deadline": "3d"}))
    old, new = reported("v1", march(1), "1.2"), reported("v2", march(2), "1.3")
    journey.given(R1, old, reported("v30", march(30), "1.2")).when(new).then(
        upgraded(new, over=old), converted(new, R1)
    )


def test_r15_a_standing_put_away_twice_forgets_nothing() -> None:
    """R15: brought back by a late fact, it is put away as it stands then."""
    spring = under(SPRING).given(R1, LATER)
    journey = reloaded(spring.journey()[0])
    journey.take(spring.read(P3))
    journey.collect_events()
    journey = reloaded(journey)
    journey.take(spring.read(P2))
    assert decided(journey)[1:] == [conversion_restated((P3, R1), (P2, R1)), earned(P2, R1, "1")]


def test_r15_a_standing_brought_back_is_not_looked_up_again() -> None:
    """R15: what was put away is as it stood then; what has changed since stands at hand."""
    spring = under(SPRING).given(R1, LATER)
    journey = reloaded(spring.journey()[0])
    assert isinstance(journey.history, MemoryHistory)
    stored = deepcopy(journey.history.standings)
    for purchase in (P3, P2):
        journey.collect_events()
        journey.take(spring.read(purchase))
        journey.history.standings.update(deepcopy(stored))
    assert decided(journey)[1:] == [conversion_restated((P3, R1), (P2, R1)), earned(P2, R1, "1")]


def test_r15_a_history_of_the_newest_events_alone_takes_out_only_what_it_holds() -> None:
    """R15: what a batch has not yet saved lies over what is stored elsewhere."""
    newest = MemoryHistory()
    s1, s2, s3 = (under().read(session(f"s{day}", march(day))) for day in (1, 2, 3))
    newest.add(s2, 7)
    newest.add(FactDisregarded("d1", s1), 8)
    newest.add(FactDisregarded("d1", s3), 9)
    assert list(newest.between(lanes.SESSIONS, EPOCH)) == [s2]


def test_r15_the_state_does_not_grow_with_behaviours() -> None:
    """R15: 5,000 behaviours under one open campaign take no more room than 5."""
    summer = under(SUMMER).given(received("r1", march(1), campaign_id="summer"))
    journey, _ = summer.journey()
    sizes = []
    for number in range(5_000):
        at = f"2026-03-02T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z"
        behaviours = session("s", at), bought("p", at), performed("c", at)
        journey.take(summer.read(behaviours[number % 3] | {"id": f"b{number:04}"}))
        sizes.append(size(journey))
    assert sizes[4] == sizes[-1]


def test_r15_the_state_does_not_grow_with_campaigns_put_away() -> None:
    """R15: 50 campaigns of long ago take no more room than one."""
    campaigns = [campaign(BUYS, campaign_id=f"c{number:02}") for number in range(50)]
    receipts = [received(f"r{number:02}", march(1), campaign_id=f"c{number:02}") for number in range(50)]
    journeys = [under(*campaigns).given(*some, LATER).journey()[0] for some in (receipts[:1], receipts)]
    one, all_of_them = (size(reloaded(journey)) for journey in journeys)
    assert one == all_of_them


def test_a_state_is_kept_and_read_again_as_it_was() -> None:
    """R15: with every part of it in use."""
    summer = received("r2", march(1), campaign_id="summer")
    facts = [R1, summer, reported("v1", march(2), "1.2"), P2, voided("d1", "s1"), session("s9", march(9))]
    journey, _ = under(SPRING, SUMMER).given(*facts).journey()
    assert journey.state.close(journey.definitions).keys() == {"spring"}
    assert msgspec.json.decode(msgspec.json.encode(journey.state), type=JourneyState) == journey.state
