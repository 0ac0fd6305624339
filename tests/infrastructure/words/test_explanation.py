"""Explanations in sentences; what the terminal makes of them is tested in tests/infrastructure/cli/test_explaining.py."""

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from application.queries.explanation import as_json
from domain.app_group import AppGroup
from domain.campaigns.campaign import Campaign
from domain.campaigns.definition import Variant
from infrastructure.words.explanation import ExplanationInWords, put_in_words
from infrastructure.words.quantities import TERMINAL, Sentence, Writing, format_instants_in, isolated
from tests.domain.journey_specification import (
    Fields,
    bought,
    march,
    received,
    refunded,
    reported,
    session,
    voided,
)
from tests.domain.test_explanation import BUYS, OPENS, UPGRADE, story

VARIANTS: list[Fields] = [{"id": "A"}, {"id": "B"}, {"id": "holdout", "control": True}]
R1 = received("r1", march(1), "A")
SPAN = "2026-03-01 09:00:00 UTC to 2026-03-04 09:00:00 UTC"
WINDOW = f"the window of receipt r1, {SPAN}"


def told(event: Fields | None, *facts: Fields) -> dict[str, Any]:
    """The explanation of these facts as JSON, of a campaign with variant A and a control group."""
    spring = Campaign("shop", "spring")
    spring.draft(AppGroup("shop"), variants=tuple(Variant(**each) for each in VARIANTS))
    return as_json(spring, "ann", story(event, *facts, variants=VARIANTS))


def said(event: Fields | None, *facts: Fields, writing: Writing = TERMINAL) -> ExplanationInWords:
    """The same in words."""
    return put_in_words(told(event, *facts), writing)


def test_a_user_of_whom_nothing_is_known_and_one_who_received_nothing() -> None:
    """They are different answers: in the first the id may be wrong."""
    assert said(BUYS) == ExplanationInWords("No fact of this user was ever recorded; is the id right?")
    found = said(BUYS, bought("p1", march(2)))
    assert found.nothing == "This user never received the campaign."
    (event,) = found.conversion_events
    assert (event.converted, event.because) == (False, "There is no receipt, and so no window.")


@pytest.mark.parametrize(
    ("event", "facts", "verdict", "because"),
    [
        (
            OPENS,
            [session("s2", march(2))],
            Sentence("converted", "good"),
            f"session started s2 (ios) of 2026-03-02 09:00:00 UTC lies in {WINDOW}; it is credited to variant A.",
        ),
        (
            OPENS,
            [session("s9", march(9))],
            Sentence("not converted", "bad"),
            (
                "The nearest is session started s9 (ios) of 2026-03-09 09:00:00 UTC, "
                f"5 days after the window of receipt r1 ended ({SPAN})."
            ),
        ),
        (
            OPENS,
            [session("s4", march(4, "09:30:00"))],
            Sentence("not converted", "bad"),
            (
                "The nearest is session started s4 (ios) of 2026-03-04 09:30:00 UTC, "
                f"30 minutes after the window of receipt r1 ended ({SPAN})."
            ),
        ),
        (
            OPENS,
            [session("s0", "2026-02-28T09:00:00.000001Z")],
            Sentence("not converted", "bad"),
            (
                "The nearest is session started s0 (ios) of 2026-02-28 09:00:00.000001 UTC, "
                f"about 23 hours 59 minutes before the window of receipt r1 began ({SPAN})."
            ),
        ),
        (BUYS, [], Sentence("not converted", "bad"), "There is no behaviour of this user that matches."),
        (
            UPGRADE,
            [reported("v1", march(2), "1.9")],
            Sentence("not converted", "bad"),
            (
                f"app version v1 (ios 1.9) of 2026-03-02 09:00:00 UTC lies in {WINDOW}, but is no upgrade: "
                "it is the first report of this user and app, and the first is no upgrade (R10)."
            ),
        ),
    ],
)
def test_each_verdict_has_its_reason(
    event: Fields, facts: list[Fields], verdict: Sentence, because: str
) -> None:
    """R6, R7, R9, R10: the behaviour, the window and the credit are named."""
    (found,) = said(event, R1, *facts).conversion_events
    assert (found.letter, found.verdict, found.because) == ("A", verdict, because)
    assert found.converted is (verdict.role == "good")


def test_what_was_decided_again_is_said_with_the_decision_before() -> None:
    """R14: an earlier behaviour of an earlier receipt of control takes the conversion over."""
    r10 = received("r0", "2026-02-28T09:00:00Z", "holdout")
    (found,) = said(
        OPENS, R1, session("s3", march(3)), r10, session("s2", march(1, "08:00:00"))
    ).conversion_events
    assert found.details == [
        Sentence(
            "Decided again on 2026-04-01 00:03:00 UTC. Before: s3 of 2026-03-03 09:00:00 UTC, credited to variant A. "
            "Now: s2 of 2026-03-01 08:00:00 UTC, credited to the control group (holdout).",
            "dim",
        )
    ]
    assert found.because.endswith("it is credited to the control group.")


def test_r17_a_fact_that_a_void_names_would_match() -> None:
    """R17: it is said at the conversion event, and with the facts that are disregarded."""
    found = said(OPENS, R1, session("s2", march(2)), voided("d1", "s2"))
    (event,) = found.conversion_events
    assert event.details[0] == Sentence(
        "session started s2 (ios) of 2026-03-02 09:00:00 UTC would match, but void d1 names it.", "dim"
    )
    assert event.details[1].text.endswith("credited to variant A. Now: no conversion.")
    assert found.disregarded == [
        "session_started s2 of 2026-03-02 09:00:00 UTC is disregarded: void d1 names it."
    ]


def test_r12_revenue_is_said_with_its_refunds() -> None:
    """R11, R12: the net first, and each refund behind it; one that gives nothing back with its reason."""
    found = said(
        BUYS, R1, bought("p1", march(2), "20.00"), refunded("x1", "p1", "5.00"), refunded("x2", "p7", "1")
    )
    (sale,) = found.sales
    assert sale.text == (
        "Revenue: 15.00 EUR after 1 refund on 20.00, purchase p1 of 2026-03-02 09:00:00 UTC, credited to variant A"
    )
    assert sale.details == ["Refund x1 of 2026-03-09 09:00:00 UTC gave back 5.00 EUR."]
    assert found.refunds_without_effect == [
        "Refund x2 of 1 has no effect: no purchase p7 of this user is known (yet)."
    ]


def test_instants_are_in_the_zone_that_the_page_asks_for() -> None:
    """Every one of them: of receipts, windows, behaviours and decisions."""
    berlin = Writing(format_instants_in(ZoneInfo("Europe/Berlin")))
    found = said(BUYS, R1, bought("p1", march(2), "20.00"), refunded("x1", "p1", "5.00"), writing=berlin)
    assert found.receipts[0].at == "2026-03-01 10:00:00 CET"
    (event,) = found.conversion_events
    assert (
        "of 2026-03-02 10:00:00 CET lies in the window of receipt r1, 2026-03-01 10:00:00 CET to"
        in event.because
    )
    assert "UTC" not in " ".join([event.because, found.sales[0].text, *found.sales[0].details])


@pytest.mark.parametrize("name", [TERMINAL.name, isolated])
def test_ids_of_others_are_harmless_wherever_they_are_named(name: Any) -> None:
    """No control character and, on a page, nothing that turns the sentence around."""
    evil = "\x1b[2J\u202eevil\x9b"
    found = put_in_words(
        told(
            BUYS,
            received(f"r{evil}", march(1), "A"),
            bought(f"p{evil}", march(2), "20.00", product_id=f"tea{evil}"),
            refunded(f"x{evil}", f"p{evil}", "5.00"),
            refunded(f"y{evil}", f"q{evil}", "5.00"),
            voided(f"d{evil}", f"z{evil}"),
            session(f"z{evil}", march(2)),
        ),
        Writing(format_instants_in(UTC), name),
    )
    (event,), (sale,) = found.conversion_events, found.sales
    texts = [event.because, sale.text, *sale.details, *found.disregarded, *found.refunds_without_effect]
    texts += [each.text for each in found.receipts]
    assert len(texts) == 6
    for text in texts:
        assert "evil" in text
        assert "\x1b" not in text
        assert "\x9b" not in text
        assert name is TERMINAL.name or "\u202e" not in text
