"""What a campaign did, in one sentence; what to do next; and what speaks against believing it."""

from dataclasses import dataclass
from typing import Any, Final

from infrastructure.words.comparing import describe_comparison, find_pair
from infrastructure.words.doubts import Warning, list_warnings, warn_of_report  # noqa: A004 - see there
from infrastructure.words.next_steps import SEND_CONTROL, advise, advise_one_variant, advises_declaration
from infrastructure.words.outcome import Outcome
from infrastructure.words.quantities import (
    TERMINAL,
    Writing,
    counted,
    deadline,
    decimals_for,
    join_names,
    list_amounts,
    percent,
)

__all__ = ["Summary", "Warning", "summarise"]

_TESTS: Final = {
    "anytime": "p is of the anytime test: it counts recipients whose window is over, and may be looked at on any day.",
    "sequential": "p is of the sequential test: it counts all recipients, and may be looked at on any day.",
    "fixed": "p is of the test of one look: it counts all recipients, and is valid on a day that was fixed beforehand.",
}


@dataclass(frozen=True)
class Summary:
    """One sentence, what to do next, and doubts; `basis` says what its interval and p are of, if it has any."""

    sentence: str
    next_step: str
    warnings: list[Warning]
    basis: str | None = None
    advises_declaration: bool = False
    """Whether the next step is to declare the winner that the test names."""


def summarise(
    results: dict[str, Any] | None,
    report: dict[str, Any],
    *,
    recipients_a_day: float | None = None,
    writing: Writing = TERMINAL,
) -> Summary:
    """Summarise a campaign from `results --json` and `report --json`, both of all receipts.

    Without results, which are not there while their read model is behind, the report alone is summarised.
    `recipients_a_day` are those of all variants together at the present rate: with them, waiting is said in days.
    """
    if (early := _summarise_early(report, results)) is not None:
        return early
    if results is None:
        return _summarise_report(report)
    outcome = Outcome(results, report, writing, recipients_a_day)
    if outcome.primary is None:
        return _summarise_without_events(outcome)
    if len(outcome.variants) == 1:
        return _summarise_one_variant(outcome)
    return _summarise_experiment(outcome)


def _summarise_early(report: dict[str, Any], results: dict[str, Any] | None) -> Summary | None:
    """A draft, or a campaign that nobody has received."""
    kind, status = report["kind"], report["status"]
    if status == "draft":
        return Summary(
            f"This {kind} is a draft: nobody can receive it yet.",
            "Check its variants and conversion events, and launch it: they cannot change after that.",
            [],
        )
    if any(each["receipts"] for each in report["variants"]) or _has_recipients(results):
        return None
    if status == "launched":
        return Summary(f"Nobody has received this {kind} yet.", "Send its first receipt.", [])
    sentence = f"Nobody has received this {kind}, and it is {status}."
    late = "Receipts that are reported late still count."
    return Summary(sentence, late if status == "archived" else f"Launch it again to send it. {late}", [])


def _has_recipients(results: dict[str, Any] | None) -> bool:
    return results is not None and any(each["first_receipts"] for each in results["health"]["shared"])


def _summarise_report(report: dict[str, Any]) -> Summary:
    totals = report["totals"]
    warnings = list(warn_of_report(report)) or [
        Warning(
            "behind", "The list of recipients is behind: how the variants compare cannot be said right now."
        )
    ]
    converted = (
        f", and {totals['conversions'][0]:,} of them converted{_in_brackets(totals['conversion_rates'][0])}"
        if totals["conversions"] and totals["unique_recipients"]
        else ""
    )
    return Summary(
        f"{_state_recipients(report)}{converted}; how the variants compare cannot be said right now.",
        "Ask again in a moment.",
        warnings,
    )


def _state_recipients(report: dict[str, Any]) -> str:
    """How many users received it: a control group alone has received nothing."""
    users = report["totals"]["unique_recipients"]
    held_back = sum(each["unique_recipients"] for each in report["variants"] if each["control"])
    if users or not held_back:
        return f"{counted(users, 'user')} received this {report['kind']}"
    are = "is" if held_back == 1 else "are"
    return f"Nobody has received this {report['kind']} yet: {counted(held_back, 'user')} {are} in the control group"


def _in_brackets(rate: float | None) -> str:
    return "" if rate is None else f" ({percent(rate)})"


def _summarise_without_events(outcome: Outcome) -> Summary:
    report = outcome.report
    within = f"within {deadline(report['revenue_window_seconds'])} of receiving"
    amounts = list_amounts(report["totals"]["revenue"])
    revenue = (
        f"their revenue {within} is {join_names(amounts)}" if amounts else f"there is no revenue {within}"
    )
    next_step = f"Clone the {outcome.kind} and add a conversion event, to see who converts: it cannot get one any more."
    return Summary(
        f"{_state_recipients(report)}; it has no conversion event, so nobody converts, and {revenue}.",
        next_step if outcome.has_control else f"{next_step} {SEND_CONTROL}",
        list_warnings(outcome),
    )


def _summarise_one_variant(outcome: Outcome) -> Summary:
    (only,) = outcome.variants
    recipients = counted(only["recipients"], "recipient")
    if not only["converted"]:
        yet = " yet" if only["open"] or outcome.goes_on else ""
        said = f"Of {recipients} nobody has converted{yet}."
        return Summary(said, advise_one_variant(outcome), list_warnings(outcome))
    low, high = only["interval"] or (None, None)
    if low is None or high is None:
        rate = percent(only["rate"])
    else:
        decimals = decimals_for(high - low)
        rate = f"{percent(only['rate'], decimals)} ({low * 100:.{decimals}f} to {high * 100:.{decimals}f})"
    return Summary(
        f"{only['converted']:,} of {recipients} converted, {rate}; without a control group nobody can say how many "
        "would have converted anyway.",
        advise_one_variant(outcome),
        list_warnings(outcome),
        "The interval contains the true rate in 95 of 100 campaigns.",
    )


def _summarise_experiment(outcome: Outcome) -> Summary:
    if outcome.decision["why"] == "nothing_to_compare":
        return Summary(_describe_nothing_to_compare(outcome), advise(outcome), list_warnings(outcome))
    if not outcome.converted:
        yet = " yet" if outcome.open or outcome.goes_on else ""
        said = f"Of {counted(outcome.recipients, 'recipient')} of all variants nobody has converted{yet}."
        return Summary(said, advise(outcome), list_warnings(outcome))
    said = describe_comparison(outcome) or outcome.writing.name(outcome.decision["sentence"]).rstrip(".")
    if outcome.results["health"]["suspicious"]:
        said += "; but users are not shared as the weights say, so do not believe it yet"
    pair = find_pair(outcome)
    basis = (
        None
        if pair is None
        else _state_basis(outcome, has_interval=outcome.compare(*pair).interval is not None)
    )
    return Summary(
        _begin(f"{said}."), advise(outcome), list_warnings(outcome), basis, advises_declaration(outcome)
    )


def _begin(sentence: str) -> str:
    """A sentence that may begin with words of ours; an id keeps its own letters."""
    return f"T{sentence[1:]}" if sentence.startswith("the control group") else sentence


def _state_basis(outcome: Outcome, *, has_interval: bool) -> str:
    interval = (
        "The interval contains the true difference in 95 of 100 experiments, at one look. "
        if has_interval
        else ""
    )
    return (
        f"Users of exactly one variant are counted. {interval}{_TESTS.get(outcome.results['test'], '')} "
        "It is adjusted for all variants: 0.05 or less says that two rates differ."
    )


def _describe_nothing_to_compare(outcome: Outcome) -> str:
    if not outcome.received:
        several = counted(outcome.results["health"]["users_in_several_variants"], "user")
        return f"Every recipient ({several}) received several variants, so there is nothing to compare."
    if len(outcome.received) == 1:
        (only,) = outcome.received
        if only["control"]:
            return f"Only the control group has users to compare so far, {only['recipients']:,}, and they got nothing."
        recipients = counted(only["recipients"], "recipient")
        return (
            f"Only {outcome.name(only)} was received: {only['converted']:,} of {recipients} converted "
            f"({percent(only['rate'])}), and there is nothing to compare that with."
        )
    return (
        f"{outcome.converted:,} of {counted(outcome.recipients, 'recipient')} converted so far, and nothing can be "
        "compared yet: fewer than two variants have recipients whose window is over."
    )
