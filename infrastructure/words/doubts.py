"""What speaks against believing an experiment: each doubt a sentence, with details behind it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Final

from domain.experiment.results import ENOUGH
from infrastructure.words.comparing import contradicts, find_pair
from infrastructure.words.facts import describe_variant
from infrastructure.words.outcome import Outcome
from infrastructure.words.quantities import (
    TERMINAL,
    Writing,
    counted,
    deadline,
    join_names,
    name_p,
    percent,
    roughly,
)

FEW: Final = f"fewer than {ENOUGH} conversions, or fewer than {ENOUGH} recipients who did not convert"

MANY_DAYS: Final = 365
"""Longer than this nobody waits."""

_CAUSES: Final = (
    "the sender shares users by other weights, or changed them at another time than they were changed here.",
    "receipts of one variant get lost: the sender does not report them, or they are among the rejected facts.",
    "a program, or a test of the sender's, received one variant under many user ids.",
)
_CAUSE_WITH_CONTROL: Final = (
    "the sender reports only users whom the message reached, but everybody in control."
)


@dataclass(frozen=True)
class Warning:  # noqa: A001 - it is what the reader is given; nothing here warns a programmer
    """A doubt: a code for programs, a sentence, and details behind it."""

    code: str
    sentence: str
    details: list[str] = field(default_factory=list)


def list_warnings(outcome: Outcome) -> list[Warning]:
    """All doubts, the gravest first."""
    return [
        *warn_of_report(outcome.report),
        *_warn_of_shares(outcome),
        *_warn_of_several_variants(outcome),
        *_warn_of_empty(outcome),
        *_warn_of_few(outcome),
        *_warn_of_open(outcome),
        *_warn_of_contradictions(outcome),
        *_warn_of_declared(outcome),
    ]


def warn_of_report(report: dict[str, Any]) -> Iterator[Warning]:
    """Where the read model of recipients is behind, nobody knows which windows are open."""
    if "mature" in report and report["mature"] is None:
        yield Warning(
            "behind",
            "The list of recipients is behind the report: which windows are still open is not known right now.",
            ["The other figures of the report are complete.", "Ask again in a moment."],
        )


def describe_mismatch(health: dict[str, Any], writing: Writing = TERMINAL) -> str:
    """Say how users are shared where it is not as the weights say."""
    shares = ", ".join(
        f"{writing.name(each['variant_id'])} {each['first_receipts']:,} (expected {each['expected']:,.0f})"
        for each in health["shared"]
    )
    return (
        f"users are not shared as the weights say, {name_p(health['sample_ratio_p'])}: first receipts are {shares}. "
        "Find out why before you believe the results."
    )


def describe_several_variants(health: dict[str, Any]) -> str | None:
    """Say how many users were left out because they received several variants; None where nobody was."""
    number, with_control = health["users_in_several_variants"], health["with_control"]
    if not number:
        return None
    control = f", {with_control:,} of them control" if with_control else ""
    users = counted(number, "user")
    return f"{users} received several variants{control}, and {_be(number)} left out of the comparison."


def name_empty(variants: Sequence[dict[str, Any]], writing: Writing = TERMINAL) -> str:
    """Say which variants have no recipients."""
    names = join_names([describe_variant(each, writing) for each in variants])
    return f"{names} {'has' if len(variants) == 1 else 'have'} no recipients"


def name_few(*, is_for_one_look: bool) -> str:
    """The warning for few conversions: a test of one look may be wrong, the others allow for it."""
    return "Too little to go by yet" if is_for_one_look else "Few conversions yet"


def _warn_of_shares(outcome: Outcome) -> Iterator[Warning]:
    health = outcome.results["health"]
    if not health["suspicious"]:
        return
    shared = [
        f"{outcome.writing.name(each['variant_id'])}: {counted(each['first_receipts'], 'user')} received it first; "
        f"the weights let one expect {each['expected']:,.0f}."
        for each in health["shared"]
    ]
    unweighted = [
        f"{outcome.writing.name(each['variant_id'])} has no weight, and is sent all the same."
        for each in health["shared"]
        if each["first_receipts"] and not each["expected"]
    ]
    causes = [*_CAUSES, _CAUSE_WITH_CONTROL] if outcome.has_control else _CAUSES
    yield Warning(
        "sample_ratio",
        f"Users are not shared among the variants as the weights say ({name_p(health['sample_ratio_p'])}): "
        "find out why before you believe these figures.",
        [*shared, *unweighted, *(f"A likely cause: {cause}" for cause in causes)],
    )


def _warn_of_several_variants(outcome: Outcome) -> Iterator[Warning]:
    health = outcome.results["health"]
    said = describe_several_variants(health)
    if said is not None:
        users = sum(each["first_receipts"] for each in health["shared"])
        share = health["users_in_several_variants"] / users if users else 1.0
        yield Warning(
            "several_variants",
            said,
            [
                f"That is {percent(share, 1)} of all users who received it.",
                "The report counts them, so its rates differ from those that are compared.",
                "If they are many, the sender does not keep each user in one variant.",
            ],
        )


def _warn_of_empty(outcome: Outcome) -> Iterator[Warning]:
    empty = [each for each in outcome.variants if not each["recipients"]]
    if empty and len(empty) < len(outcome.variants):
        yield Warning(
            "no_recipients",
            f"{capitalise(name_empty(empty, outcome.writing))}: nothing can be said about that yet.",
        )


def _warn_of_few(outcome: Outcome) -> Iterator[Warning]:
    few = [each for each in outcome.received if each["too_little"] and _count_rarer(each) < ENOUGH]
    if few:
        names = join_names([_name_variant(outcome, each) for each in few])
        few_text = name_few(is_for_one_look=outcome.is_for_one_look)
        yield Warning(
            "too_little", f"{few_text}: {names} with {FEW}.", [_name_lacking(outcome, each) for each in few]
        )


def _count_rarer(variant: dict[str, Any]) -> int:
    """The fewer of those who converted and those who did not."""
    return min(int(variant["converted"]), int(variant["recipients"]) - int(variant["converted"]))


def _name_lacking(outcome: Outcome, variant: dict[str, Any]) -> str:
    """What a variant lacks, and how many recipients and days that takes at the present rates."""
    converted, recipients = variant["converted"], variant["recipients"]
    has = f"{outcome.name(variant)} has {counted(converted, 'conversion')} of {counted(recipients, 'recipient')}"
    others = recipients - converted
    if converted < ENOUGH:
        share, missing = converted / recipients, ENOUGH - converted
        lacking = counted(missing, "more conversion")
    else:
        share, missing = others / recipients, ENOUGH - others
        lacking = f"{counted(missing, 'more recipient')} without a conversion"
    said = _upper(f"{has}; {lacking} {_be(missing)} missing")
    if share <= 0:
        return f"{said}."
    more = ceil(missing / share)
    wanted = roughly(more, "more recipient")
    return f"{said}: at its present rate that takes {wanted}{_in_days(outcome, variant, more)}."


def _in_days(outcome: Outcome, variant: dict[str, Any], more: int) -> str:
    """How long it takes until a variant has so many recipients more; nothing if nobody knows how many come a day."""
    days = count_days(outcome, variant, more)
    if days is None:
        return ""
    return ", more than a year" if days > MANY_DAYS else f", {roughly(days, 'day')}"


def count_days(outcome: Outcome, variant: dict[str, Any], more: int) -> int | None:
    """The days until a variant has so many recipients more, at the present rate; not counted beyond `MANY_DAYS`."""
    a_day = outcome.recipients_a_day
    if not outcome.goes_on or a_day is None or not a_day > 0 or not variant["recipients"]:
        return None
    share = int(variant["recipients"]) / outcome.recipients
    days = more / share / a_day
    return MANY_DAYS + 1 if days > MANY_DAYS else max(1, ceil(days))


def _warn_of_open(outcome: Outcome) -> Iterator[Warning]:
    if not outcome.open or outcome.primary is None:
        return
    noun, verb = ("windows", "are") if outcome.open > 1 else ("window", "is")
    yield Warning(
        "open_windows",
        f"The {noun} of {outcome.open:,} of {counted(outcome.recipients, 'recipient')} {verb} still open.",
        [
            *(
                f"{capitalise(_name_variant(outcome, each))}: {each['open']:,} of {each['recipients']:,}."
                for each in outcome.received
                if each["open"]
            ),
            f"A window lasts {deadline(outcome.primary['deadline_seconds'])} from the receipt.",
            *_say_as_of(outcome),
            "The mature rates count only recipients whose last window is over.",
        ],
    )


def _say_as_of(outcome: Outcome) -> Iterator[str]:
    at = outcome.results.get("as_of")
    if at is not None:
        yield f"That is as of {outcome.writing.instant(at)}: windows are judged by the full hour."


def _warn_of_contradictions(outcome: Outcome) -> Iterator[Warning]:
    """Where the interval that is shown and the test that decides seem to say different things."""
    pair = find_pair(outcome)
    if pair is None or outcome.decision["why"] in {"no_conversion_event", "nothing_to_compare"}:
        return
    difference = outcome.compare(*pair)
    if contradicts(outcome, difference):
        yield Warning(
            "mixed_periods",
            "Weights moved while rates moved, so rates of all periods together mislead; the test does not mix them.",
        )
        return
    found = outcome.decision["why"] == "test_says_so" or bool(outcome.decision["worse"])
    if difference.interval is not None and difference.is_clear != found and not outcome.is_for_one_look:
        counts = (
            ", and counts only recipients whose window is over"
            if outcome.results["test"] == "anytime"
            else ""
        )
        yield Warning(
            "two_measures",
            "The interval in points is for one look at all recipients. "
            f"The test that decides allows for looking every day{counts}: where they disagree, believe the test.",
        )


def _warn_of_declared(outcome: Outcome) -> Iterator[Warning]:
    declared = outcome.decision["declared"]
    if declared is not None and declared["variant_id"] != outcome.decision["variant_id"]:
        yield Warning("declared", describe_declared(outcome.decision, outcome.writing))


def describe_declared(decision: dict[str, Any], writing: Writing = TERMINAL) -> str:
    """Who was declared the winner, on what, and whether the test says so still."""
    declared = decision["declared"]
    evidence = declared["evidence"]
    changed = (
        "" if declared["variant_id"] == decision["variant_id"] else " That is not what the test says now."
    )
    return (
        f"Declared: {writing.name(declared['variant_id'])}, by the {evidence['test']} test, from the log up to "
        f"position {evidence['position']}.{changed}"
    )


def _be(number: int) -> str:
    return "is" if number == 1 else "are"


def _name_variant(outcome: Outcome, variant: dict[str, Any]) -> str:
    """A variant where nothing beside it says that it is one: conversion events have letters too."""
    name = outcome.name(variant)
    return name if variant["control"] else f"variant {name}"


def capitalise(sentence: str) -> str:
    """A sentence that begins with words of ours."""
    return f"{sentence[0].upper()}{sentence[1:]}"


def _upper(sentence: str) -> str:
    """A sentence with a capital where it begins with words of ours; an id keeps its own letters."""
    return f"T{sentence[1:]}" if sentence.startswith("the control group") else sentence
