"""A campaign's events in words: one sentence for each kind of event, and who did it."""

from typing import Any, get_args

import pytest

from domain.campaigns import events
from domain.campaigns.conversion_events import MakesPurchase, PerformsCustomEvent
from domain.campaigns.definition import Variant
from domain.campaigns.evidence import Comparison, Count, SelectionEvidence, Share, WinnerEvidence
from infrastructure.words.campaign_history import describe_history, name_actor

VARIANTS = (Variant("A"), Variant("B", "Big"), Variant("none", None, control=True))
WEIGHTS = {"A": 45, "B": 45, "none": 10}
DRAFTED = events.CampaignDrafted(
    "shop", "sale", "Sale", events.Kind.CANVAS, VARIANTS, WEIGHTS, (MakesPurchase(deadline_seconds=3_600),)
)
CHOSEN = SelectionEvidence(
    8, 0, 0.05, (Share("A", 1_500, 1_400.5, 60, 0.02), Share("B", 1, 1.0, 1, 0.98)), 0.004
)
WON = WinnerEvidence(
    7,
    "fixed",
    0.05,
    ((Count("A", 10, 1), Count("B", 10, 4)), (Count("A", 5, 0), Count("B", 1, 1))),
    (Comparison("A", 0.01, 0.02), Comparison("none", 0.00001, 0.00002)),
    as_of=3_600_000_000,
)

SAID: list[tuple[Any, str, list[str]]] = [
    (DRAFTED, "Drafted as the canvas Sale.", ["Variants A, B (Big) and none, the control group."]),
    (events.CampaignRenamed("New"), "Renamed from Sale to New.", []),
    (events.ChannelChanged("push"), "The channel is push from now on.", []),
    (events.ChannelChanged(None), "The campaign names no channel from now on.", []),
    (
        events.VariantsChanged((Variant("only"),), {"only": 1}),
        "The draft has other variants.",
        ["Variant only."],
    ),
    (
        events.VariantsRenamed({"A": "Small", "B": None, "none": "Nothing"}),
        "The variants have other names.",
        ["Variants A (Small), B and none (Nothing), the control group."],
    ),
    (events.ConversionEventsChanged(()), "The draft has other conversion events.", ["No conversion event."]),
    (
        events.ConversionEventsChanged(
            (PerformsCustomEvent(deadline_seconds=60, name="signed_up"), MakesPurchase(deadline_seconds=60))
        ),
        "The draft has other conversion events.",
        [
            "Event A (primary): performs signed_up within 1 minute of receiving, both ends included.",
            "Event B: makes a purchase of any product within 1 minute of receiving, both ends included.",
        ],
    ),
    (events.WeightsSet({"A": 1, "B": 1, "none": 1}), "Somebody set the weights.", []),
    (
        events.WinnerDeclared("B", WON),
        "Variant B was declared the winner.",
        [
            (
                "By the fixed test (one look, on a fixed day) at level 5 %, from the log up to position 7, "
                "windows that were over by 1970-01-01 01:00:00 UTC."
            ),
            "B against A: p = 0.0100, adjusted for all comparisons p = 0.0200.",
            "B against none: p < 0.0001, adjusted for all comparisons p < 0.0001.",
            "A: 1 of 15 users of this variant alone converted.",
            "B: 5 of 11 users of this variant alone converted.",
        ],
    ),
    (
        events.SelectionStarted(0.05),
        "Intelligent selection began: weights follow the primary conversion event, and each variant keeps 5 % at least.",
        [],
    ),
    (events.SelectionEnded(), "Somebody ended intelligent selection: weights stay as they are.", []),
    (
        events.SelectionEnded(CHOSEN),
        "Intelligent selection ended: going on would hardly improve the rate.",
        ["Another variant is more than 1 % better with a probability of 0.40 %."],
    ),
    (
        events.WeightsAdjusted({"A": 500, "B": 8_500, "none": 1_000}, CHOSEN),
        "Intelligent selection changed the weights.",
        [
            (
                "From the log up to position 8, as of 1970-01-01 00:00:00 UTC; each variant keeps 5 % at least."
            ),
            "A: 60 of 1,500 recipients converted; it is the best with a probability of 2.0 %.",
            "B: 1 of 1 recipient converted; it is the best with a probability of 98.0 %.",
        ],
    ),
    (events.CampaignLaunched(), "Launched: variants and conversion events are fixed from now on.", []),
    (events.CampaignStopped(), "Stopped: it goes out no more, and open windows run on.", []),
    (events.CampaignArchived(), "Archived: it cannot be launched again, and its reports stay.", []),
]


@pytest.mark.parametrize(
    ("event", "sentence", "details"),
    SAID,
    ids=[f"{type(each).__name__}-{place}" for place, (each, _, _) in enumerate(SAID)],
)
def test_an_event_is_a_sentence(event: Any, sentence: str, details: list[str]) -> None:
    """What happened, and what it was decided on."""
    *_, said = describe_history([DRAFTED, event])
    assert said.sentence == sentence
    assert said.details[: len(details)] == details


def test_every_kind_of_event_has_a_sentence() -> None:
    """A new kind that nobody wrote words for fails here."""
    assert {type(event) for event, _, _ in SAID} == set(get_args(events.AnyCampaignEvent))


def test_a_second_launch_is_another_one() -> None:
    """After a stop nothing becomes fixed: it was."""
    launched = events.CampaignLaunched()
    *_, said = describe_history([DRAFTED, launched, events.CampaignStopped(), launched])
    assert said.sentence == "Launched again."


def test_weights_name_control() -> None:
    """Each event that gives weights has them, with control marked as the variants of then say."""
    first, renamed, weighted = describe_history(
        [DRAFTED, events.CampaignRenamed("x"), events.WeightsSet({"A": 1, "B": 2, "none": 3})]
    )
    assert first.weights == [
        {"id": "A", "weight": 45, "control": False},
        {"id": "B", "weight": 45, "control": False},
        {"id": "none", "weight": 10, "control": True},
    ]
    assert renamed.weights is None
    assert [each["weight"] for each in weighted.weights or ()] == [1, 2, 3]


@pytest.mark.parametrize(
    ("actor", "name"),
    [
        ("key:k1", "key k1"),
        ("os:ann", "ann on the service's machine"),
        ("service:selection", "the service itself"),
        ("link:first", "the first link"),
        ("import", "import"),
        ("", "nobody who is known"),
        (None, "nobody who is known"),
    ],
)
def test_who_did_it(actor: str | None, name: str) -> None:
    """Keys by their ids, the operating system's users, and the service."""
    assert name_actor(actor) == name
