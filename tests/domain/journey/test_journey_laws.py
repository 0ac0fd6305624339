"""The laws of R13 to R15 as properties: whatever the order, batches and repeats, what stands is the reference's."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.journeys import Journeys, reloaded
from tests.support.reference import judge
from tests.support.strategies import arrivals, worlds


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """A world, and a plan of arrival for its facts."""
    campaigns, facts = draw(worlds())
    return campaigns, facts, draw(arrivals(facts))


@settings(max_examples=600)
@given(plans())
def test_r14_what_stands_depends_on_the_facts_alone(plan: Any) -> None:
    """R7 to R12, R14, R17, R18: any order and any repeats give what the reference finds in the set of facts."""
    campaigns, facts, batches = plan
    journeys = Journeys(campaigns)
    for batch in batches:
        journeys.take(batch)
    assert journeys.outcome() == judge(campaigns, facts)


@settings(max_examples=600)
@given(plans())
def test_r15_nothing_is_too_late_for_a_state_that_was_put_away(plan: Any) -> None:
    """R15: closing windows, keeping states and reading them again between any two facts changes no event."""
    campaigns, _, batches = plan
    at_hand, put_away = Journeys(campaigns), Journeys(campaigns)
    for batch in batches:
        at_hand.take(batch)
        put_away.take(batch, keep_states=True)
    assert put_away.events == at_hand.events


@settings(max_examples=300)
@given(plans())
def test_replay_equals_live(plan: Any) -> None:
    """A state evolved from the stream alone is the state that decided it."""
    campaigns, _, batches = plan
    journeys = Journeys(campaigns)
    for batch in batches:
        journeys.take(batch)
    for user_id, journey in journeys.journeys.items():
        replayed = type(journey)(user_id, journey.history, journey.definitions)
        for event in journeys.events[user_id]:
            replayed.evolve(event)
        assert replayed.state == journey.state


@settings(max_examples=300)
@given(plans())
def test_r13_a_fact_sent_again_changes_nothing(plan: Any) -> None:
    """R13: after everything has arrived, everything of it is a duplicate, also for a state read again."""
    campaigns, facts, batches = plan
    journeys = Journeys(campaigns)
    for batch in batches:
        journeys.take(batch)
    before = {user_id: len(events) for user_id, events in journeys.events.items()}
    journeys.journeys = {user_id: reloaded(journey) for user_id, journey in journeys.journeys.items()}
    journeys.take(facts)
    assert {user_id: len(events) for user_id, events in journeys.events.items()} == before
