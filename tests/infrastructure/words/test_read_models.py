"""Read models in words: whether each keeps up, and what to do where it does not."""

from typing import Any

import pytest

from infrastructure.words.read_models import WORST_FIRST, advise, describe_age, describe_read_model


def status(state: str, **more: Any) -> dict[str, Any]:
    """The status of a read model."""
    return {"state": state, "status": "current", "position": "41", "lag_events": 0, "lag_seconds": 0.0} | more


@pytest.mark.parametrize(
    ("said_of", "text", "role"),
    [
        (status("current"), "It has every event.", "good"),
        (
            status("moving", lag_events=1, lag_seconds=0.2),
            "It is catching up: 1 event behind, the first of them for less than a second.",
            "plain",
        ),
        (
            status("stalled", lag_events=1_200, lag_seconds=7_300.0),
            "It does not move: 1,200 events behind, the first of them for 2 hours.",
            "doubt",
        ),
        (status("stopped"), "Stopped before position 42: an event could not be applied.", "bad"),
        (
            status("not built"),
            "It was not built yet: the first question that needs it builds it, or `conversions rebuild`.",
            "dim",
        ),
        (
            status("moving", status="building", lag_events=7),
            "A new one is being built: 7 events to go.",
            "plain",
        ),
        (status("current", status="building"), "A new one is being built, and has every event.", "good"),
    ],
    ids=["current", "moving", "stalled", "stopped", "not built", "building", "built"],
)
def test_a_status_in_words(said_of: dict[str, Any], text: str, role: str) -> None:
    """One sentence for each state."""
    said = describe_read_model(said_of)
    assert (said.text, said.role) == (text, role)


def test_only_what_needs_somebody_has_advice() -> None:
    """Stopped and stalled; the others help themselves."""
    advised = [state for state in WORST_FIRST if advise(status(state)) is not None]
    assert advised == ["stopped", "stalled"]


@pytest.mark.parametrize(
    ("seconds", "age"),
    [
        (0, "less than a second"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (60, "1 minute"),
        (7_200, "2 hours"),
        (90_000, "1 day"),
    ],
)
def test_an_age_in_its_largest_unit(seconds: float, age: str) -> None:
    """Rounded down."""
    assert describe_age(seconds) == age
