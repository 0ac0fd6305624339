"""The verdict on an experiment in sentences: the winner by a test, what it was compared with, and who was declared."""

from dataclasses import dataclass

from application.queries.results import ExperimentResults
from domain.campaigns.evidence import DecidingTest
from infrastructure.words.doubts import FEW, describe_declared, name_few
from infrastructure.words.quantities import TERMINAL, Sentence, Writing, name_p

_TESTS = {
    DecidingTest.ANYTIME: "anytime test, valid on any day",
    DecidingTest.SEQUENTIAL: "sequential test, valid on any day",
    DecidingTest.FIXED: "test of one look: valid on a day that was fixed beforehand",
}


@dataclass(frozen=True)
class Verdict:
    """The winner or why there is none yet; `few` is a heading and the sentence that belongs to it."""

    sentence: Sentence
    test: str
    comparisons: list[str]
    few: tuple[str, str] | None
    declared: str | None


def describe_decision(found: ExperimentResults, writing: Writing = TERMINAL) -> Verdict:
    """Say which variant is the winner, or why there is none yet, and which one was declared."""
    decision = found.results.decision
    has_declared = found.snapshot.campaign.winner is not None
    return Verdict(
        Sentence(writing.name(decision.sentence), "good" if decision.winner else "doubt"),
        _TESTS[found.results.test],
        [
            f"{writing.name(decision.compared)} against {writing.name(each.against)}: "
            f"{'better' if each.against in decision.beaten else 'not found better'}, {name_p(each.adjusted)}"
            for each in decision.comparisons
        ],
        describe_few(found, writing),
        describe_declared(found.decision(), writing) if has_declared else None,
    )


def describe_few(found: ExperimentResults, writing: Writing = TERMINAL) -> tuple[str, str] | None:
    """The warning for a winner with few conversions: its heading and its sentence; None where there are enough."""
    little, is_fixed = found.too_little(), found.results.test is DecidingTest.FIXED
    if not little:
        return None
    advice = "Wait." if is_fixed else "How much better it is, is known only roughly."
    return (
        name_few(is_for_one_look=is_fixed),
        f"{', '.join(writing.name(each) for each in little)} with {FEW}. {advice}",
    )


def explain_best(found: ExperimentResults, writing: Writing = TERMINAL) -> str | None:
    """Explain why the variant that is most likely the best is not the one that leads; None where it is."""
    decision = found.results.decision
    likely = {
        each.variant_id: each.probability_best
        for event in found.results.conversion_events[:1]
        for each in event.variants
        if each.probability_best is not None
    }
    if decision.leader is None or not likely:
        return None
    best = max(likely, key=likely.__getitem__)
    if likely[best] <= likely.get(decision.leader, 0.0):
        return None
    return (
        f"{writing.name(best)} is most likely the best by Best, and {writing.name(decision.leader)} "
        f"{'is the winner' if decision.winner else 'leads'}: Best counts every recipient and does not allow for "
        "looking every day."
    )
