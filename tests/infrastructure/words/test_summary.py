"""What a campaign did in one sentence, what to do next, and what speaks against it: from real results, and from any."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.campaigns.evidence import DecidingTest
from infrastructure.words.quantities import TERMINAL, Writing, isolated
from infrastructure.words.results import Summary, summarise
from tests.infrastructure.words.experiments import Asked, Of, ask, holdout, of

SEND_CONTROL = "Send a control group next time: without one nobody sees what a campaign causes."
LARGER = "Larger differences show sooner."


def sentence(asked: Asked) -> str:
    """The sentence alone."""
    return summarise(*asked).sentence


def codes(asked: Asked) -> list[str]:
    """The codes of what speaks against it."""
    return [each.code for each in summarise(*asked).warnings]


@pytest.mark.parametrize(
    ("asked", "said", "next_step"),
    [
        pytest.param(
            ask(of("A", 1356, 202), of("B", 1313, 278), holdout(821, 68)),
            (
                "B converted 21.17 % of its recipients and the control group 8.28 %: 12.89 points more "
                "(9.91 to 15.74), which chance does not explain (p < 0.0001)."
            ),
            "Declare B the winner, and send B to everyone.",
            id="beats control and all others",
        ),
        pytest.param(
            ask(of("A", 1356, 260), of("B", 1313, 278), holdout(821, 68)),
            (
                "B converted 21.17 % of its recipients and the control group 8.28 %: 12.89 points more "
                "(9.91 to 15.74), which chance does not explain (p < 0.0001); it is not found better than A yet."
            ),
            "Declare B the winner, and send B to everyone. A may be as good.",
            id="beats control, perhaps not another",
        ),
        pytest.param(
            ask(of("A", 1000, 260), of("B", 1000, 260), holdout(821, 68)),
            (
                "A converted 26.00 % of its recipients and the control group 8.28 %: 17.72 points more "
                "(14.37 to 21.00), which chance does not explain (p < 0.0001); "
                "B beats the control group too, level with it."
            ),
            "Declare A the winner, and send A to everyone. B may be as good.",
            id="two level winners",
        ),
        pytest.param(
            ask(of("A", 2000, 100), of("B", 2000, 90), of("C", 2000, 195), holdout(2000, 200)),
            (
                "B converted 4.50 % of its recipients and the control group 10.00 %: 5.50 points fewer "
                "(3.91 to 7.12), which chance does not explain (p < 0.0001); A is worse than the control group too; "
                "C is not shown to be better or worse."
            ),
            "Stop sending A and B: fewer users convert than without it.",
            id="harm",
        ),
        pytest.param(
            ask(of("A", 2000, 210), of("B", 2000, 190), holdout(2000, 200)),
            (
                "A, the best so far, converted 10.50 % of its recipients and the control group 10.00 %: "
                "0.50 points more (1.38 fewer to 2.38 more), which chance may explain (p = 1.0000)."
            ),
            (
                "Wait for about 28,000 more recipients of A: so many usually show 10 % more conversions, "
                f"if there are. {LARGER}"
            ),
            id="not shown to beat control",
        ),
        pytest.param(
            ask(of("A", 2000, 200), holdout(2000, 210)),
            (
                "A converted 10.00 % of its recipients and the control group 10.50 %: 0.50 points fewer "
                "(2.38 fewer to 1.38 more), which chance may explain (p = 1.0000)."
            ),
            (
                "Wait for about 26,000 more recipients of A: so many usually show 10 % more conversions, "
                f"if there are. {LARGER}"
            ),
            id="control leads",
        ),
        pytest.param(
            ask(of("A", 2000, 300), of("B", 2000, 200)),
            (
                "A converted 15.00 % of its recipients and B 10.00 %: 5.00 points more (2.95 to 7.05), "
                "which chance does not explain (p = 0.0002)."
            ),
            f"Declare A the winner, and send A to everyone. {SEND_CONTROL}",
            id="without control, the first wins",
        ),
        pytest.param(
            ask(of("A", 2000, 200), of("B", 2000, 300)),
            (
                "B converted 15.00 % of its recipients and A 10.00 %: 5.00 points more (2.95 to 7.05), "
                "which chance does not explain (p = 0.0002)."
            ),
            f"Declare B the winner, and send B to everyone. {SEND_CONTROL}",
            id="without control, the second wins",
        ),
        pytest.param(
            ask(of("A", 2000, 200), of("B", 2000, 300), of("C", 2000, 150)),
            (
                "B converted 15.00 % of its recipients, and of the others A converted most, 10.00 %; "
                "chance does not explain the lead over any of them (p at most 0.0002)."
            ),
            f"Declare B the winner, and send B to everyone. {SEND_CONTROL}",
            id="without control, best of three",
        ),
        pytest.param(
            ask(of("A", 2000, 200), of("B", 2000, 210), of("C", 2000, 100)),
            (
                "B converted 10.50 % of its recipients, and of the others A converted most, 10.00 %; "
                "chance may explain the lead over A (p = 1.0000)."
            ),
            (
                "Wait for about 28,000 more recipients of B: so many usually show 10 % more conversions, "
                f"if there are. {LARGER} {SEND_CONTROL}"
            ),
            id="without control, three too close",
        ),
        pytest.param(
            ask(of("A", 2000, 200), of("B", 2000, 200)),
            "A and B are level: each converted 10.00 % of its recipients, and nobody leads.",
            (
                "Wait for about 28,000 more recipients of B: so many usually show 10 % more conversions, "
                f"if there are. {LARGER} {SEND_CONTROL}"
            ),
            id="without control, level",
        ),
        pytest.param(
            ask(of("A", 2_000_000, 300), holdout(2_000_000, 280), test=DecidingTest.FIXED),
            (
                "A converted 0.0150 % of its recipients and the control group 0.0140 %: 0.0010 points more "
                "(0.0014 fewer to 0.0034 more), which chance may explain (p = 0.4062)."
            ),
            (
                "Wait for about 9,800,000 more recipients of A: so many usually show 10 % more conversions, "
                f"if there are. {LARGER}"
            ),
            id="rates so small that two decimals say nothing",
        ),
        pytest.param(
            ask(of("A", 40_000, 4_000), holdout(40_000, 4_000)),
            (
                "A converted 10.00 % of its recipients and the control group 10.00 %: "
                "no difference (0.42 fewer to 0.42 more), which chance may explain (p = 1.0000)."
            ),
            (
                "Do not wait: so many recipients usually show 10 % more conversions, if there are. "
                "Choose by other reasons, or try something bolder."
            ),
            id="enough recipients, and nothing found",
        ),
        pytest.param(
            ask(Of("A", [(4000, 200), (1000, 500)]), Of("holdout", [(1000, 30), (4000, 1700)], control=True)),
            (
                "A converts more than the control group when compared within each period of weights, which chance "
                "does not explain (p < 0.0001), although over all periods A converted 14.00 % of its recipients and "
                "the control group 34.60 %."
            ),
            "Declare A the winner, and send A to everyone.",
            id="periods that all together point the other way",
        ),
        pytest.param(
            ask(of("A", 200, 40), holdout(200, 10), test=DecidingTest.FIXED),
            (
                "A converted 20.00 % of its recipients and the control group 5.00 %: 15.00 points more "
                "(8.66 to 21.49), which chance does not explain (p < 0.0001)."
            ),
            "Wait for more conversions: with so few, a test of one look may be wrong.",
            id="the test of one look with few",
        ),
        pytest.param(
            ask(of("A", 2000, 0), holdout(1000, 0)),
            "Of 3,000 recipients of all variants nobody has converted yet.",
            "Wait: more conversions are needed before anybody can say how many recipients it takes.",
            id="nobody converted",
        ),
        pytest.param(
            ask(of("A", 30, 5, open=30), holdout(10, 1, open=10)),
            (
                "6 of 40 recipients converted so far, and nothing can be compared yet: "
                "fewer than two variants have recipients whose window is over."
            ),
            "Wait: the windows of 40 recipients are still open, and a window lasts 3 days.",
            id="no window over",
        ),
        pytest.param(
            ask(of("A", 0, 0), of("B", 30, 3), holdout(0, 0)),
            "Only B was received: 3 of 30 recipients converted (10.00 %), and there is nothing to compare that with.",
            "Check what the sender sends: variant A and the control group (holdout) have no recipients.",
            id="one variant was received",
        ),
        pytest.param(
            ask(of("A", 0, 0), holdout(30, 3)),
            "Only the control group has users to compare so far, 30, and they got nothing.",
            "Check what the sender sends: variant A has no recipients.",
            id="only control has users",
        ),
        pytest.param(
            ask(of("A", 0, 0), holdout(30, 0), has_event=False),
            (
                "Nobody has received this campaign yet: 30 users are in the control group; it has no conversion "
                "event, so nobody converts, and there is no revenue within 3 days of receiving."
            ),
            "Clone the campaign and add a conversion event, to see who converts: it cannot get one any more.",
            id="only control has users, no conversion event",
        ),
        pytest.param(
            ask(of("A", 0, 0), of("B", 0, 0), several=10),
            "Every recipient (10 users) received several variants, so there is nothing to compare.",
            "Find out why the sender does not keep each user in one variant.",
            id="everybody received several variants",
        ),
        pytest.param(
            ask(of("default", 1000, 100)),
            (
                "100 of 1,000 recipients converted, 10.00 % (8.29 to 12.02); "
                "without a control group nobody can say how many would have converted anyway."
            ),
            SEND_CONTROL,
            id="one variant",
        ),
        pytest.param(
            ask(of("default", 1, 0, open=1)),
            "Of 1 recipient nobody has converted yet.",
            "Wait: the window of 1 recipient is still open, and a window lasts 3 days.",
            id="one variant, nobody converted",
        ),
        pytest.param(
            ask(of("default", 5_186, 0), has_event=False, revenue={"EUR": "20938.10", "JPY": "164224"}),
            (
                "5,186 users received this campaign; it has no conversion event, so nobody converts, and their "
                "revenue within 3 days of receiving is 20,938.10 EUR and 164,224 JPY."
            ),
            (
                "Clone the campaign and add a conversion event, to see who converts: it cannot get one any more. "
                f"{SEND_CONTROL}"
            ),
            id="no conversion event",
        ),
        pytest.param(
            ask(of("A", 1, 0), holdout(1, 0), has_event=False),
            (
                "1 user received this campaign; it has no conversion event, so nobody converts, "
                "and there is no revenue within 3 days of receiving."
            ),
            "Clone the campaign and add a conversion event, to see who converts: it cannot get one any more.",
            id="no conversion event, no revenue",
        ),
        pytest.param(
            ask(of("A", 0, 0), of("B", 0, 0), status="draft"),
            "This campaign is a draft: nobody can receive it yet.",
            "Check its variants and conversion events, and launch it: they cannot change after that.",
            id="draft",
        ),
        pytest.param(
            ask(of("A", 0, 0), holdout(0, 0)),
            "Nobody has received this campaign yet.",
            "Send its first receipt.",
            id="launched, nothing received",
        ),
        pytest.param(
            ask(of("A", 0, 0), status="stopped"),
            "Nobody has received this campaign, and it is stopped.",
            "Launch it again to send it. Receipts that are reported late still count.",
            id="stopped, nothing received",
        ),
        pytest.param(
            ask(of("A", 0, 0), status="archived"),
            "Nobody has received this campaign, and it is archived.",
            "Receipts that are reported late still count.",
            id="archived, nothing received",
        ),
    ],
)
def test_each_outcome_has_its_sentence_and_next_step(asked: Asked, said: str, next_step: str) -> None:
    """R4, R18, R21: every `why` of the decision, and every state before there is one."""
    found = summarise(*asked)
    assert (found.sentence, found.next_step) == (said, next_step)


WINS = (of("A", 2000, 300), holdout(2000, 200))
OPEN_QUESTION = (of("A", 2000, 210), holdout(2000, 200))


@pytest.mark.parametrize(
    ("variants", "status", "next_step"),
    [
        (WINS, "stopped", "Declare A the winner, and send A next time."),
        (WINS, "archived", "Send A next time."),
        (
            (of("A", 2000, 100), holdout(2000, 200)),
            "stopped",
            "Do not send A again: fewer users converted than without it.",
        ),
        (
            OPEN_QUESTION,
            "stopped",
            "Launch it again, or send it to more users next time: these are too few to tell.",
        ),
        (OPEN_QUESTION, "archived", "Send it to more users next time: these are too few to tell."),
        (
            (of("A", 2000, 210, open=4), holdout(2000, 200)),
            "stopped",
            (
                "Wait: the windows of 4 recipients are still open, and a window lasts 3 days. "
                "After that, only more recipients could tell."
            ),
        ),
    ],
)
def test_r4_nobody_waits_for_recipients_of_a_campaign_that_is_not_sent(
    variants: tuple[Of, ...], status: str, next_step: str
) -> None:
    asked = ask(*variants, status=status)
    assert summarise(*asked, recipients_a_day=100).next_step == next_step


@pytest.mark.parametrize(
    ("recipients_a_day", "waiting"),
    [
        (None, "Wait for about 28,000 more recipients of A"),
        (0, "Wait for about 28,000 more recipients of A"),
        (1_000, "Wait about 56 days at the present rate, for about 28,000 more recipients of A"),
        (1e9, "Wait 1 day at the present rate, for about 28,000 more recipients of A"),
        (
            10,
            (
                "Do not wait for a difference as small as 10 % more conversions: "
                "to show it takes about 28,000 more recipients of A, more than a year at the present rate."
            ),
        ),
    ],
)
def test_waiting_is_said_in_days_where_the_rate_of_receipts_is_known(
    recipients_a_day: float | None, waiting: str
) -> None:
    """Recipients of A are half of all: 27,502 of A come with as many of control."""
    assert summarise(*ask(*OPEN_QUESTION), recipients_a_day=recipients_a_day).next_step.startswith(waiting)


def test_looking_every_day_takes_twice_the_recipients_of_one_look() -> None:
    """docs/statistics.md, Simulations: 14,751 at one look, less those who are there; 29,502 on any day."""
    one_look = ask(*OPEN_QUESTION, test=DecidingTest.FIXED)
    assert one_look.results["conversion_events"][0]["comparisons"][0]["recipients_needed"] == 12_751
    assert summarise(*one_look).next_step.startswith("Wait for about 13,000 more recipients")
    assert summarise(*ask(*OPEN_QUESTION)).next_step.startswith("Wait for about 28,000 more recipients")


def test_an_uplift_that_was_asked_about_is_the_one_that_is_waited_for() -> None:
    asked = ask(*OPEN_QUESTION)
    asked.results["uplift_asked"] = -0.05
    assert "usually show 5 % fewer conversions" in summarise(*asked).next_step


def test_a_declared_winner_is_said_to_be_declared() -> None:
    assert summarise(*ask(*WINS, declared="A")).next_step == "A is declared the winner: send A to everyone."
    assert "declared" not in codes(ask(*WINS, declared="A"))


def test_a_declared_winner_that_the_test_does_not_name_now_is_doubted() -> None:
    (doubt,) = summarise(*ask(*OPEN_QUESTION, declared="A")).warnings
    assert (doubt.code, doubt.sentence) == (
        "declared",
        "Declared: A, by the anytime test, from the log up to position 123. That is not what the test says now.",
    )


def test_a_suspicious_split_goes_before_everything_else() -> None:
    """Both splits and likely causes are there, and nothing is to be decided on it."""
    found = summarise(*ask(of("A", 2000, 300, expected=1500.0), holdout(1000, 100, expected=1500.0)))
    assert found.sentence.endswith("; but users are not shared as the weights say, so do not believe it yet.")
    assert (
        found.next_step
        == "Find out why users are not shared as the weights say, and decide nothing before that."
    )
    doubt = found.warnings[0]
    assert doubt.code == "sample_ratio"
    assert doubt.sentence.startswith(
        "Users are not shared among the variants as the weights say (p < 0.0001)"
    )
    assert doubt.details[:2] == [
        "A: 2,000 users received it first; the weights let one expect 1,500.",
        "holdout: 1,000 users received it first; the weights let one expect 1,500.",
    ]
    causes = [each for each in doubt.details if each.startswith("A likely cause: ")]
    assert len(causes) == len(doubt.details) - 2 == 4


def test_a_variant_without_weight_that_was_received_is_named_as_a_cause() -> None:
    found = summarise(*ask(of("A", 2000, 300, expected=2100.0), of("B", 100, 10, expected=0.0)))
    assert "B has no weight, and is sent all the same." in found.warnings[0].details
    assert not any("in control" in each for each in found.warnings[0].details)


def test_users_in_several_variants_are_a_doubt() -> None:
    (doubt,) = summarise(*ask(*WINS, several=375, with_control=12)).warnings
    assert doubt.code == "several_variants"
    assert (
        doubt.sentence
        == "375 users received several variants, 12 of them control, and are left out of the comparison."
    )
    (one,) = summarise(*ask(*WINS, several=1)).warnings
    assert one.sentence == "1 user received several variants, and is left out of the comparison."


def test_too_little_is_said_for_each_figure_with_what_is_lacking() -> None:
    """Conversions, or recipients without one; in days where the rate of receipts is known."""
    few = ask(of("A", 1000, 960), of("B", 1000, 49), of("C", 1000, 0), holdout(1000, 500))
    (doubt,) = summarise(*few, recipients_a_day=100).warnings
    assert doubt.code == "too_little"
    assert doubt.sentence == (
        "Few conversions yet: variant A, variant B and variant C with fewer than 50 conversions, "
        "or fewer than 50 recipients who did not convert."
    )
    assert doubt.details == [
        (
            "A has 960 conversions of 1,000 recipients; 10 more recipients without a conversion are missing: "
            "at its present rate that takes about 250 more recipients, about 10 days."
        ),
        (
            "B has 49 conversions of 1,000 recipients; 1 more conversion is missing: "
            "at its present rate that takes about 21 more recipients, 1 day."
        ),
        "C has 0 conversions of 1,000 recipients; 50 more conversions are missing.",
    ]


def test_open_windows_are_a_doubt_with_their_variants() -> None:
    (doubt,) = summarise(*ask(of("A", 3000, 450, open=1000), holdout(2000, 195, open=1))).warnings
    assert doubt.code == "open_windows"
    assert doubt.sentence == "The windows of 1,001 of 5,000 recipients are still open."
    assert doubt.details[:3] == [
        "Variant A: 1,000 of 3,000.",
        "The control group: 1 of 2,000.",
        "A window lasts 3 days from the receipt.",
    ]


def test_one_open_window_is_one() -> None:
    (doubt,) = summarise(*ask(of("A", 3000, 450, open=1), holdout(2000, 195))).warnings
    assert doubt.sentence == "The window of 1 of 5,000 recipients is still open."


def test_variants_without_recipients_are_a_doubt() -> None:
    assert codes(ask(of("A", 0, 0), *WINS[1:], of("B", 2000, 300))) == ["no_recipients"]


def test_an_interval_that_seems_to_contradict_the_test_is_explained() -> None:
    """0 is outside the interval for one look, and the test for any day is not sure yet."""
    asked = ask(of("A", 2000, 240), holdout(2000, 200))
    low, _ = asked.results["conversion_events"][0]["comparisons"][0]["difference_interval"]
    assert low > 0
    assert asked.results["winner"]["variant_id"] is None
    assert codes(asked) == ["two_measures"]
    assert codes(ask(of("A", 2000, 240), holdout(2000, 200), test=DecidingTest.FIXED)) == []


def test_periods_that_point_the_other_way_are_explained() -> None:
    better = ask(Of("A", [(4000, 200), (1000, 500)]), Of("holdout", [(1000, 30), (4000, 1700)], control=True))
    worse = ask(Of("A", [(1000, 30), (4000, 1700)]), Of("holdout", [(4000, 200), (1000, 500)], control=True))
    assert codes(better) == codes(worse) == ["mixed_periods"]
    assert sentence(worse).startswith(
        "A converts less than the control group when compared within each period"
    )


def test_a_read_model_that_is_behind_is_a_doubt_and_no_results_are_no_failure() -> None:
    """The report alone still says how many received it and converted."""
    asked = ask(*WINS)
    asked.report["mature"] = None
    assert codes(asked) == ["behind"]
    found = summarise(None, asked.report)
    assert found.sentence == (
        "2,000 users received this campaign, and 300 of them converted (15.00 %); "
        "how the variants compare cannot be said right now."
    )
    assert ([each.code for each in found.warnings], found.next_step) == (["behind"], "Ask again in a moment.")
    assert summarise(None, ask(of("A", 0, 0), holdout(1, 1)).report).sentence == (
        "Nobody has received this campaign yet: 1 user is in the control group; "
        "how the variants compare cannot be said right now."
    )
    del asked.report["mature"]
    assert [each.code for each in summarise(None, asked.report).warnings] == ["behind"]
    assert codes(asked) == []


@pytest.mark.parametrize("test", DecidingTest)
def test_what_interval_and_p_are_of_is_said_beside_the_sentence(test: DecidingTest) -> None:
    found = summarise(*ask(*WINS, test=test))
    assert found.basis is not None
    assert "at one look" in found.basis
    assert ("on any day" in found.basis) == (test is not DecidingTest.FIXED)
    assert summarise(*ask(of("A", 0, 0))).basis is None


def test_a_canvas_is_called_one() -> None:
    asked = ask(of("A", 0, 0))
    asked.report["kind"] = "canvas"
    assert sentence(asked) == "Nobody has received this canvas yet."


def _texts(found: Summary) -> Iterator[str]:
    yield from (found.sentence, found.next_step, found.basis or "-")
    for each in found.warnings:
        yield from (each.code, each.sentence, *each.details)


def test_ids_of_others_are_harmless_in_every_sentence() -> None:
    """Control characters everywhere, and on a page what turns the sentence around."""
    evil = "\x1b[2J\u202e<b>A"
    several = [
        ask(of(evil, 2000, 300, expected=0.0, open=3), of("B", 0, 0), holdout(2000, 200, expected=2000.0)),
        ask(of(evil, 2000, 10), of("B", 2000, 9), declared="B"),
        ask(of("A", 0, 0), of(evil, 9, 1)),
    ]
    for asked in several:
        for name, bad in ((TERMINAL.name, "\x1b"), (isolated, "\x1b\u202e")):
            texts = list(_texts(summarise(*asked, writing=Writing(name=name))))
            assert any("<b>A" in text for text in texts)
            assert not set("".join(texts)) & set(bad)


MISSING = re.compile(r"None|\bnan\b|\binf\b|[{}]|  |\.\.")
"""What a sentence has where a value was missing that it needs."""

RATES = st.none() | st.floats(0, 1)
INTERVALS = st.none() | st.tuples(st.none() | st.floats(-1, 1), st.none() | st.floats(-1, 1)).map(list)
NUMBERS = st.integers(0, 10**7)
IDS = ["A", "B", "C", "holdout"]


@st.composite
def anything(draw: st.DrawFn) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Answers of the right shape whose figures need not agree with each other."""
    ids = draw(st.permutations(IDS).map(lambda found: found[:3]) | st.just(["A"]) | st.just(["B", "holdout"]))
    controls = draw(st.sampled_from([[], ["holdout"]]))
    some = st.lists(st.sampled_from(ids), unique=True)
    one = st.none() | st.sampled_from(ids)

    def variant(variant_id: str) -> dict[str, Any]:
        recipients = draw(st.just(0) | NUMBERS)
        converted = draw(st.integers(0, recipients))
        return {
            "variant_id": variant_id,
            "control": variant_id in controls,
            "recipients": recipients,
            "converted": converted,
            "rate": converted / recipients if recipients else None,
            "interval": draw(INTERVALS),
            "open": draw(st.integers(0, recipients)),
            "too_little": draw(st.booleans()),
        }

    def comparison(variant_id: str, against: str) -> dict[str, Any]:
        return {
            "variant_id": variant_id,
            "against": against,
            "difference": draw(st.none() | st.floats(-1, 1)),
            "difference_interval": draw(INTERVALS),
            "adjusted": draw(RATES),
            "recipients_needed": draw(st.none() | NUMBERS),
        }

    against = draw(st.sampled_from(ids))
    others = draw(some)
    event = {
        "deadline_seconds": draw(st.integers(1, 30 * 86_400)),
        "variants": [variant(each) for each in ids],
        "comparisons": [comparison(each, against) for each in ids if each != against],
    }
    declared = draw(one)
    results = {
        "test": draw(st.sampled_from([each.value for each in DecidingTest])),
        "significance": 0.05,
        "against": against,
        "uplift_asked": draw(st.sampled_from([0.1, -0.05, 0.001])),
        "winner": {
            "variant_id": draw(one),
            "why": draw(
                st.sampled_from(
                    [
                        "test_says_so",
                        "no_conversion_event",
                        "nothing_to_compare",
                        "no_variant_beats_control",
                        "too_close",
                    ]
                )
            ),
            "sentence": "Nothing yet.",
            "leader": draw(one),
            "level": draw(some),
            "too_little": draw(some),
            "worse": draw(some),
            "compared": draw(one),
            "comparisons": [
                {"against": each, "p": 0.5, "adjusted": draw(st.floats(0, 1))} for each in others
            ],
            "declared": declared and {"variant_id": declared, "evidence": {"test": "fixed", "position": "7"}},
        },
        "health": {
            "sample_ratio_p": draw(RATES),
            "suspicious": draw(st.booleans()),
            "shared": [
                {"variant_id": each, "first_receipts": draw(NUMBERS), "expected": draw(st.floats(0, 1e7))}
                for each in ids
            ],
            "users_in_several_variants": draw(NUMBERS),
            "with_control": draw(NUMBERS),
        },
        "conversion_events": draw(st.sampled_from([[], [event]])),
    }
    report = {
        "kind": draw(st.sampled_from(["campaign", "canvas"])),
        "status": draw(st.sampled_from(["draft", "launched", "stopped", "archived"])),
        "revenue_window_seconds": 259_200,
        "totals": {
            "unique_recipients": draw(NUMBERS),
            "conversions": [3],
            "conversion_rates": [draw(RATES)],
            "revenue": draw(st.sampled_from([{}, {"EUR": "1.00"}, {"EUR": "1.00", "USD": "0.00"}])),
        },
        "variants": [
            {
                "variant_id": each,
                "control": each in controls,
                "receipts": draw(st.just(0) | NUMBERS),
                "unique_recipients": draw(st.just(0) | NUMBERS),
            }
            for each in ids
        ],
        "mature": draw(st.sampled_from([None, {"as_of": "2026-03-10T08:00:00Z"}])),
    }
    return draw(st.sampled_from([None, results, results, results])), report


@settings(max_examples=400)
@given(anything(), st.none() | st.floats(0, 1e6))
def test_no_answer_raises_and_no_sentence_says_what_only_a_program_understands(
    asked: tuple[dict[str, Any] | None, dict[str, Any]], recipients_a_day: float | None
) -> None:
    """Also where figures contradict each other: sentences are whole, without the names of missing values."""
    found = summarise(*asked, recipients_a_day=recipients_a_day)
    for text in _texts(found):
        assert text
        assert not MISSING.search(text), text
    for text in (found.sentence, found.next_step):
        assert text.endswith(".")


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from(DecidingTest),
    st.sampled_from(["launched", "stopped", "archived"]),
)
def test_real_results_of_any_counts_have_whole_sentences(
    counts: list[tuple[int, float, float]], has_control: bool, test: DecidingTest, status: str
) -> None:
    """By the domain's own computation: here the figures agree, and the sentence's rates are those of the results."""
    variants = [
        Of(
            IDS[place],
            [(recipients, round(recipients * rate))],
            control=has_control and place == 1,
            open=round(recipients * still),
        )
        for place, (recipients, rate, still) in enumerate(counts)
    ]
    asked = ask(*variants, test=test, status=status)
    found = summarise(*asked, recipients_a_day=7.5)
    for text in _texts(found):
        assert text
        assert not MISSING.search(text), text
    winner = asked.results["winner"]["variant_id"]
    if winner is not None and not asked.results["health"]["suspicious"]:
        assert found.sentence.startswith(winner)
        assert "chance does not explain" in found.sentence
    else:
        assert "chance does not explain" not in found.sentence or asked.results["winner"]["worse"] or winner
