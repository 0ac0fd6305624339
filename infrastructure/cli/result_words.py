"""The verdict on an experiment in sentences: the winner, what speaks against it, and how users are shared."""

from collections.abc import Sequence

from application.queries.results import ExperimentResults
from domain.campaigns.evidence import DecidingTest
from domain.experiment.results import ENOUGH, Health, VariantRate
from infrastructure.cli.console import say, shown
from infrastructure.words.quantities import NO_FIGURE

_TESTS = {
    DecidingTest.ANYTIME: "anytime test, valid on any day",
    DecidingTest.SEQUENTIAL: "sequential test, valid on any day",
    DecidingTest.FIXED: "test of one look: valid on a day that was fixed beforehand",
}
FEW = f"fewer than {ENOUGH} conversions, or fewer than {ENOUGH} recipients who did not convert"


def show_decision(found: ExperimentResults) -> None:
    """Say which variant is the winner, or why there is none yet, and which one was declared."""
    decision, declared = found.results.decision, found.snapshot.campaign.winner
    style = "green" if decision.winner else "yellow"
    say(f"Winner: [{style}]{shown(decision.sentence)}[/] ({_TESTS[found.results.test]})")
    for each in decision.comparisons:
        said = "better" if each.against in decision.beaten else "not found better"
        say(f"  {shown(decision.compared)} against {shown(each.against)}: {said}, p {_equals(each.adjusted)}")
    if little := found.too_little():
        say(f"[yellow]{few(found)}[/]: {shown(', '.join(little))} with {FEW}. {_advice(found)}")
    if declared is not None:
        changed = "" if declared.variant_id == decision.winner else " That is not what the test says now."
        say(
            f"Declared: {shown(declared.variant_id)}, by the {declared.evidence.test} test, from the log up to "
            f"position {declared.evidence.position}.{changed}"
        )


def name_empty(variants: Sequence[VariantRate]) -> str:
    """Say which variants have no recipients."""
    names = ", ".join(shown(each.variant_id) + (" (control)" if each.control else "") for each in variants)
    return f"{names} {'has' if len(variants) == 1 else 'have'} no recipients"


def explain_best(found: ExperimentResults) -> str | None:
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
        f"{shown(best)} is most likely the best by Best, and {shown(decision.leader)} "
        f"{'is the winner' if decision.winner else 'leads'}: Best counts every recipient and does not allow for "
        "looking every day."
    )


def few(found: ExperimentResults) -> str:
    """The warning for a winner with few conversions: a test of one look may be wrong, the others allow for it."""
    return "Too little to go by yet" if found.results.test is DecidingTest.FIXED else "Few conversions yet"


def _advice(found: ExperimentResults) -> str:
    return (
        "Wait."
        if found.results.test is DecidingTest.FIXED
        else "How much better it is, is known only roughly."
    )


def show_health(health: Health) -> None:
    """Say whether users are shared as the weights say, and how many were left out."""
    if health.suspicious:
        say(f"[red]Sample ratio mismatch[/]: {shown(describe_mismatch(health))}")
    if health.users_in_several_variants:
        control = f", {health.with_control:,} of them control" if health.with_control else ""
        say(
            f"{health.users_in_several_variants:,} users received several variants{control}, and are left out."
        )


def describe_mismatch(health: Health) -> str:
    """Say how users are shared where it is not as the weights say."""
    shares = ", ".join(
        f"{each.variant_id} {each.first_receipts:,} (expected {each.expected:,.0f})" for each in health.shared
    )
    return (
        f"users are not shared as the weights say, p {_equals(health.sample_ratio_p)}: first receipts are {shares}. "
        "Find out why before you believe the results."
    )


def format_p(value: float | None) -> str:
    """A p with four decimals."""
    if value is None:
        return NO_FIGURE
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def _equals(value: float | None) -> str:
    """A p as it follows its name."""
    return format_p(value) if value is not None and value < 0.0001 else f"= {format_p(value)}"
