"""What a conversion event asks, in words: short for headings, and as the whole rule (R2, R3, R6)."""

from collections.abc import Sequence
from typing import Any

from infrastructure.words.quantities import TERMINAL, Writing, deadline


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
