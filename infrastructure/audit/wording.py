"""Differences in words: which thing, what is wrong with it, and what each side says about it."""

from decimal import Decimal

from domain.campaigns.conversion_events import LETTERS
from domain.instants import from_microseconds
from infrastructure.audit.outcome import UNREADABLE, Difference, Story

TOTALS = {
    "conversions": "conversions, control's too",
    "purchases that count": "purchases and orders that count",
    "recipients": "recipients of variants and campaigns",
    "upgrades": "upgrades",
}
"""Totals, and what they are called."""

_PROBLEMS = {
    "missing": "the rules have it, and it is not said",
    "unfounded": "it is said, and the rules do not have it",
    "other_behaviour": "another behaviour converts",
    "other_instant": "at another instant",
    "other_variant": "credited to another variant",
    "other_receipt": "another receipt",
    "other_net": "another net",
    "other_currency": "another currency",
    "other_type": "an order is said to be a purchase, or a purchase to be an order",
    "other_version": "another version",
    "other_number": "another number",
    "other_number_of_receipts": "another number of receipts",
    "says_what_did_not_stand_before": "a decision says something else than the decision before it",
    "event_missing": "events of the stream are missing",
    "recorded_twice": "recorded twice",
    "unknown_variant": "of a variant that the campaign does not have",
    "unknown_topic": "the rules do not know such an event",
    "unreadable": "a value is missing or cannot be read",
    "disregarded_twice": "disregarded more than once",
    "other_void": "disregarded because of a void that does not name it",
    "other_app_group": "in another app group",
    "other_control": "control is said to be no control, or the other way round",
    "other_window": "a window that ends at another instant",
    "other_stream": "in a stream other than its campaign's",
    "other_conversion_events": "other conversion events",
}


def describe_problem(problem: str) -> str:
    """What is wrong, in words."""
    return _PROBLEMS.get(problem, problem)


def describe_thing(difference: Difference) -> str:
    """Which conversion, purchase, order, recipient ... it is about."""
    campaign, thing = difference.campaign_id, difference.thing
    match difference.subject:
        case "conversion":
            return f"conversion {describe_conversion_event(thing)} of campaign {campaign}"
        case "revenue":
            kind = "order" if difference.is_order else "purchase"
            return f"{kind} {thing} for campaign {campaign}"
        case "recipient":
            of_variant = f"variant {thing}" if thing else "any variant but control"
            return f"recipient of campaign {campaign}, {of_variant}"
        case "upgrade":
            return f"upgrade of app {thing}"
        case "figure":
            variant = difference.judged.variant_id
            of_variant = "" if variant is None else f", variant {variant}"
            return f"{thing} of campaign {campaign}{of_variant}"
        case subject:
            return f"{subject} {thing}".rstrip()


def describe_conversion_event(conversion_event: str) -> str:
    """The letter of a conversion event; an unknown number stays as it is."""
    place = int(conversion_event)
    return LETTERS[place] if 0 <= place < len(LETTERS) else conversion_event


def describe_story(difference: Difference, story: Story) -> str:
    """What one side says."""
    if difference.subject == "figure":
        return "0" if story.net is None else f"{story.net.normalize():f}"
    parts = [
        *([story.id] if story.id else []),
        *([f"at {_when(story.at)}"] if story.at is not None else []),
        *([_amount(story.net)] if story.net is not None else []),
        *([story.text] if story.text else []),
        *([_receipt(story)] if story.receipt_id else []),
    ]
    return " ".join(parts) or "nothing"


def _receipt(story: Story) -> str:
    received = "" if story.received_at is None else f" of {_when(story.received_at)}"
    variant = "" if not story.variant_id else f", variant {story.variant_id}"
    return f"by receipt {story.receipt_id}{received}{variant}"


def _amount(net: Decimal) -> str:
    return "an amount that cannot be read" if net == UNREADABLE else f"{net.normalize():f}"


def _when(instant: int) -> str:
    """To the microsecond unless it is a whole second: a difference may be that small."""
    if instant == UNREADABLE:
        return "an instant that cannot be read"
    at = from_microseconds(instant)
    return at.strftime("%Y-%m-%d %H:%M:%S.%f UTC" if at.microsecond else "%Y-%m-%d %H:%M:%S UTC")
