"""How a control group is named where its id may say already what it is."""

from typing import Final

_NAMES: Final = frozenset({"control", "control group", "control-group", "control_group"})


def is_called_control(variant_id: str) -> bool:
    """Whether the id of a control group says what it is, so that nobody has to say it again."""
    return variant_id.casefold() in _NAMES


def mark_control(variant_id: str, *, is_control: bool) -> str:
    """What follows the id of a variant in a list: " (control)" for a control group of another name."""
    return " (control)" if is_control and not is_called_control(variant_id) else ""
