"""Read models in words: whether they keep up with the log, and what to do where one does not."""

from typing import Any, Final

from infrastructure.words.quantities import Role, Sentence, counted

WORST_FIRST: Final = ("stopped", "stalled", "not built", "moving", "current")
"""The states of read models; those that need somebody come first."""

_ROLES: Final[dict[str, Role]] = {"stopped": "bad", "stalled": "doubt", "not built": "dim", "current": "good"}


def describe_read_model(status: dict[str, Any]) -> Sentence:
    """How a read model is: "has every event", "12 events behind, the first of them for 3 seconds"."""
    return Sentence(_describe(status), _ROLES.get(status["state"], "plain"))


def _describe(status: dict[str, Any]) -> str:
    missing, age = counted(status["lag_events"], "event"), describe_age(status["lag_seconds"])
    behind = f"{missing} behind, the first of them for {age}"
    match status["state"]:
        case "stopped":
            return f"Stopped before position {int(status['position']) + 1}: an event could not be applied."
        case "stalled":
            return f"It does not move: {behind}."
        case "not built":
            return (
                "It was not built yet: the first question that needs it builds it, or `conversions rebuild`."
            )
        case "current" if status["status"] == "building":
            return "A new one is being built, and has every event."
        case "current":
            return "It has every event."
        case _ if status["status"] == "building":
            return f"A new one is being built: {missing} to go."
        case _:
            return f"It is catching up: {behind}."


def advise(status: dict[str, Any]) -> str | None:
    """What to do about a read model, None where nothing needs to be done."""
    match status["state"]:
        case "stopped":
            return (
                "On the service's machine `conversions projections` says why, `conversions verify` checks the log, and "
                "`conversions rebuild` builds it again."
            )
        case "stalled":
            return (
                "Is `conversions serve` or `conversions project` running? They bring read models up to date."
            )
        case _:
            return None


def describe_age(seconds: float) -> str:
    """A time in its largest unit, rounded down: "3 seconds", "2 hours"."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            return counted(int(seconds // size), unit)
    return counted(int(seconds), "second") if seconds >= 1 else "less than a second"
