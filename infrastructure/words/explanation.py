"""Why a user converted on a campaign, or why not: the answer of `Explanations.explain` in sentences."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infrastructure.words.conversion_events import name_event, name_with_deadline, state_rule
from infrastructure.words.facts import describe_behaviour, describe_kind, describe_variant
from infrastructure.words.quantities import TERMINAL, Sentence, Writing, how_long
from infrastructure.words.revenue import (
    SaleInWords,
    describe_idle,
    describe_order_without_money,
    describe_sale,
)


@dataclass(frozen=True)
class ReceiptInWords:
    """A receipt: when it was, and what the user received."""

    at: str
    text: str


@dataclass(frozen=True)
class EventInWords:
    """A conversion event: in short, as the whole rule, the verdict, and why.

    `details` say what a version report was compared with, which voided facts would match, and when it was decided
    again.
    """

    letter: str
    name: str
    hope: str
    rule: str
    converted: bool
    verdict: Sentence
    because: str
    details: list[Sentence]


@dataclass(frozen=True)
class ExplanationInWords:
    """An explanation; `nothing` says why there is nothing to explain, where that is so."""

    nothing: str | None
    receipts: list[ReceiptInWords] = field(default_factory=list)
    conversion_events: list[EventInWords] = field(default_factory=list)
    sales: list[SaleInWords] = field(default_factory=list)
    orders_without_money: list[str] = field(default_factory=list)
    disregarded: list[str] = field(default_factory=list)
    refunds_without_effect: list[str] = field(default_factory=list)


def put_in_words(explanation: dict[str, Any], writing: Writing = TERMINAL) -> ExplanationInWords:
    """An explanation in sentences."""
    if not explanation["known"]:
        return ExplanationInWords("No fact of this user was ever recorded; is the id right?")
    receipts = explanation["receipts"]
    return ExplanationInWords(
        None if receipts else "This user never received the campaign.",
        [describe_receipt(each, writing) for each in receipts],
        [describe_event(each, writing) for each in explanation["conversion_events"]],
        [describe_sale(each, writing) for each in explanation["revenue"]],
        [describe_order_without_money(each, writing) for each in explanation["orders_without_money"]],
        [describe_disregarded(each, writing) for each in explanation["disregarded"]],
        [describe_idle(each, writing) for each in explanation["refunds_without_effect"]],
    )


def describe_receipt(receipt: dict[str, Any], writing: Writing = TERMINAL) -> ReceiptInWords:
    """A receipt: "received variant A (receipt r1)"."""
    variant = describe_variant(receipt, writing)
    return ReceiptInWords(
        writing.instant(receipt["at"]), f"received {variant} (receipt {writing.name(receipt['id'])})"
    )


def describe_disregarded(disregarded: dict[str, Any], writing: Writing = TERMINAL) -> str:
    """A fact that a void names."""
    fact = disregarded["fact"]
    return (
        f"{fact['type']} {writing.name(fact['id'])} of {writing.instant(fact['at'])} is disregarded: "
        f"void {writing.name(disregarded['void_id'])} names it."
    )


def describe_event(event: dict[str, Any], writing: Writing = TERMINAL) -> EventInWords:
    """A conversion event: whether the user converted, and why."""
    converted = event["converted"]
    return EventInWords(
        event["letter"],
        name_event(event, writing),
        name_with_deadline(event, writing),
        state_rule(event, writing),
        converted,
        Sentence("converted", "good") if converted else Sentence("not converted", "bad"),
        _explain_verdict(event, writing),
        list(_list_details(event, writing)),
    )


def _list_details(event: dict[str, Any], writing: Writing) -> Iterator[Sentence]:
    if event["behaviour"] and event["type"] == "upgrades_app" and event["reason"] != "not_an_upgrade":
        yield Sentence(f"It is an upgrade: {_compare_versions(event, writing)}.")
    if not event["converted"]:
        for each in event["disregarded"]:
            void = writing.name(each["void_id"])
            fact = describe_behaviour(each["fact"], writing)
            yield Sentence(f"{fact} would match, but void {void} names it.", "dim")
    for change in event["restatements"]:
        before, now = (_describe_conversion(change[name], writing) for name in ("before", "now"))
        decided = writing.instant(change["recorded_at"])
        yield Sentence(f"Decided again on {decided}. Before: {before}. Now: {now}.", "dim")


def _explain_verdict(event: dict[str, Any], writing: Writing) -> str:
    match event["reason"]:
        case "no_receipt":
            return "There is no receipt, and so no window."
        case "no_matching_behaviour":
            return "There is no behaviour of this user that matches."
    behaviour, span = describe_behaviour(event["behaviour"], writing), _describe_window(event, writing)
    match event["reason"]:
        case None:
            return (
                f"{behaviour} lies in {span}; it is credited to {_name_credited(event['receipt'], writing)}."
            )
        case "not_an_upgrade":
            return f"{behaviour} lies in {span}, but is no upgrade: {_compare_versions(event, writing)}."
        case _:
            return f"The nearest is {behaviour}, {_describe_miss(event, writing)}."


def _describe_miss(event: dict[str, Any], writing: Writing) -> str:
    """How far a behaviour is from a window: "30 minutes after the window of receipt r1 ended (... to ...)"."""
    receipt, window = event["receipt"], event["window"]
    is_early = event["reason"] == "before_receipt"
    edge = window["from" if is_early else "to"]
    distance = how_long(abs(datetime.fromisoformat(event["behaviour"]["at"]) - datetime.fromisoformat(edge)))
    side, ended = ("before", "began") if is_early else ("after", "ended")
    return (
        f"{distance} {side} the window of receipt {writing.name(receipt['id'])} {ended} "
        f"({_describe_span(window, writing)})"
    )


def _describe_window(event: dict[str, Any], writing: Writing) -> str:
    receipt, window = event["receipt"], event["window"]
    return f"the window of receipt {writing.name(receipt['id'])}, {_describe_span(window, writing)}"


def _describe_span(window: dict[str, Any], writing: Writing) -> str:
    return f"{writing.instant(window['from'])} to {writing.instant(window['to'])}"


def _name_credited(receipt: dict[str, Any], writing: Writing) -> str:
    return "the control group" if receipt["control"] else f"variant {writing.name(receipt['variant_id'])}"


def _compare_versions(event: dict[str, Any], writing: Writing) -> str:
    """What a version report was compared with."""
    before, report = event["compared_with"], event["behaviour"]
    if before is None:
        return "it is the first report of this user and app, and the first is no upgrade (R10)"
    version = writing.name(before["version"])
    if before["id"] is None:
        return f"no earlier report is known, and it names {version} itself as the version before"
    earlier = f"{describe_kind(before)} {writing.name(before['id'])} of {writing.instant(before['at'])}"
    return f"before it, {earlier} reported {writing.name(report['app_id'])} {version}"


def _describe_conversion(conversion: dict[str, Any] | None, writing: Writing) -> str:
    if conversion is None:
        return "no conversion"
    behaviour, receipt = conversion["behaviour"], conversion["receipt"]
    return (
        f"{writing.name(behaviour['id'])} of {writing.instant(behaviour['at'])}, "
        f"credited to {describe_variant(receipt, writing)}"
    )
