"""A conversion event in words: its name, what it asks in short, and the whole rule (R2, R3, R6)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from infrastructure.words.quantities import TERMINAL, Writing, deadline, shorten

MOST_OF_AN_ID: Final = 24
"""So many signs of a product, an app or a custom event are in a short name."""

_MOST_APPS: Final = 2


def name_event(event: Mapping[str, Any], writing: Writing = TERMINAL) -> str:
    """The name of a conversion event in heads, sentences and pictures: "purchase of sku-9 in 3 d".

    It begins with words of ours. A letter alone would not do: variants are often called A and B too.
    """
    return f"{_name_behaviour(event, writing)} in {deadline(event['deadline_seconds'], is_short=True)}"


def name_event_first(event: Mapping[str, Any], writing: Writing = TERMINAL) -> str:
    """The same where a head, a label or a sentence begins: "Purchase of sku-9 in 3 d"."""
    name = name_event(event, writing)
    return f"{name[0].upper()}{name[1:]}"


def name_event_shortly(event: Mapping[str, Any], writing: Writing = TERMINAL) -> str:
    """The same with long ids cut and many apps counted: who shows it shows the whole name to those who point at it."""
    short = replace(writing, name=lambda text: writing.name(shorten(text, MOST_OF_AN_ID)))
    apps = event.get("app_ids") or []
    if len(apps) <= _MOST_APPS:
        return name_event(event, short)
    return name_event({**event, "app_ids": None}, short).replace("app", f"one of {len(apps)} apps", 1)


def naming_events(writing: Writing, events: Mapping[str, Sequence[Mapping[str, Any]]]) -> Writing:
    """The writing for sentences about campaigns whose conversion events are known, by the campaigns' ids."""

    def name(campaign_id: str, index: int) -> str:
        known = events.get(campaign_id, ())
        letter = writing.event(campaign_id, index)
        return f"{name_event_shortly(known[index], writing)} ({letter})" if index < len(known) else letter

    return replace(writing, event=name)


def _name_behaviour(event: Mapping[str, Any], writing: Writing) -> str:
    match event["type"]:
        case "makes_purchase":
            product = event.get("product_id")
            return f"purchase of {writing.name(product)}" if product else "purchase"
        case "performs_custom_event":
            return f"custom event {writing.name(event['name'])}"
        case kind:
            done = "opened" if kind == "starts_session" else "upgraded"
            apps = [writing.name(each) for each in event.get("app_ids") or []]
            return f"app {' or '.join(apps)} {done}" if apps else f"app {done}"


def name_conversion_event(event: dict[str, Any], writing: Writing = TERMINAL) -> str:
    """A conversion event in short: "makes a purchase of sku-9"."""
    match event["type"]:
        case "makes_purchase":
            product = event.get("product_id")
            return f"makes a purchase of {writing.name(product)}" if product else "makes a purchase"
        case "performs_custom_event":
            return f"performs {writing.name(event['name'])}"
        case kind:
            apps = [writing.name(each) for each in event.get("app_ids") or []]
            verb = "opens" if kind == "starts_session" else "upgrades"
            return f"{verb} {' or '.join(apps)}" if apps else f"{verb} any app"


def name_with_deadline(event: dict[str, Any], writing: Writing = TERMINAL) -> str:
    """The same with its deadline: "makes a purchase within 3 days"."""
    return f"{name_conversion_event(event, writing)} within {deadline(event['deadline_seconds'])}"


def state_rule(event: dict[str, Any], writing: Writing = TERMINAL) -> str:
    """The whole rule, defaults included: "makes a purchase of any product within 3 days of receiving, both ..."."""
    what = name_conversion_event(event, writing)
    if event["type"] == "makes_purchase" and not event.get("product_id"):
        what += " of any product"
    return f"{what} within {deadline(event['deadline_seconds'])} of receiving, both ends included"


def state_revenue_rule(events: Sequence[dict[str, Any]], revenue_window_seconds: int) -> str:
    """What counts as revenue (R11), and where there is no conversion event what that means."""
    within = f"within {deadline(revenue_window_seconds)} of receiving, both ends included"
    if events:
        return f"Purchases and orders of any product {within}, count as revenue."
    return (
        "There is no conversion event, so nobody converts. "
        f"Purchases and orders of any product {within}, count as revenue."
    )
