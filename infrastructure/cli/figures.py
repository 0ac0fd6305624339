"""Figures as people read them on a terminal."""

from datetime import datetime
from typing import Any

from domain.instants import printed
from infrastructure.cli.console import out

NO_FIGURE = "\N{EN DASH}"
_ROOMY = 80
_FULL = "█"
_EIGHTHS = " ▏▎▍▌▋▊▉"


def say(text: str) -> None:
    """Print a sentence: with markup, on one line however long it is."""
    out.print(text, highlight=False, soft_wrap=True)


def counted(number: int, noun: str) -> str:
    """A number of things: "1 amount", "2 amounts"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def percent(rate: float | None) -> str:
    """A rate in percent; a dash where there is none."""
    return NO_FIGURE if rate is None else f"{rate * 100:.2f} %"


def bar(rate: float | None, longest: float, width: int = 20) -> str:
    """A bar as long as the rate is against the longest."""
    if not rate or not longest:
        return ""
    eighths = round(rate / longest * width * 8)
    return _FULL * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def bar_width() -> int:
    """How wide a bar may be on this terminal."""
    return 20 if out.width >= _ROOMY else 8


def deadline(seconds: int) -> str:
    """A deadline in the largest unit that is whole."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}" + ("s" if count > 1 else "")
    return f"{seconds} seconds"


def conversion_event(event: dict[str, Any]) -> str:
    """A conversion event in words: "makes a purchase of sku-9"."""
    match event["type"]:
        case "makes_purchase":
            product = event.get("product_id")
            return f"makes a purchase of {product}" if product else "makes a purchase"
        case "performs_custom_event":
            return f"performs {event['name']}"
        case kind:
            apps = event.get("app_ids") or []
            verb = "opens" if kind == "starts_session" else "upgrades"
            return f"{verb} {' or '.join(apps)}" if apps else f"{verb} any app"


def format_instant(instant: datetime | str) -> str:
    """An instant as people read it: always UTC, to the second unless there is more."""
    text = instant if isinstance(instant, str) else printed(instant)
    return text.removesuffix("Z").replace("T", " ") + " UTC"


def thousands(amount: str) -> str:
    """An amount with its thousands apart."""
    whole, point, decimals = amount.partition(".")
    return f"{int(whole):,}{point}{decimals}"


def revenue(amounts: dict[str, str]) -> str:
    """Revenue as people read it, a line for each currency."""
    return "\n".join(f"{thousands(amount)} {currency}" for currency, amount in amounts.items()) or NO_FIGURE
