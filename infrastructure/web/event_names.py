"""The names of conversion events on a page: what they are and their deadline, never a letter alone."""

from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup, escape

from infrastructure.words.conversion_events import name_event, name_event_shortly
from infrastructure.words.quantities import Writing, isolated

_ON_A_PAGE: Final = Writing(name=isolated)
_SHORTENED: Final = Markup('<span title="{}">{}</span>')


def write_event(event: Mapping[str, Any], *, is_first: bool = False) -> Markup:
    """The name of a conversion event; where long ids are cut, the whole name is its title.

    With a capital where it begins a head or a sentence (`is_first`).
    """
    whole, short = name_event(event, _ON_A_PAGE), _keep_unit(name_event_shortly(event, _ON_A_PAGE))
    if is_first:
        whole, short = _capitalise(whole), _capitalise(short)
    return escape(short) if short == _keep_unit(whole) else _SHORTENED.format(whole, short)


def write_event_choice(event: Mapping[str, Any]) -> str:
    """The name of a conversion event in a list to choose from, whose values are letters."""
    return f"{name_event_shortly(event, _ON_A_PAGE)} (event {event['letter']})"


def _keep_unit(name: str) -> str:
    """The name with the number of its deadline and the unit on one line."""
    return "\N{NO-BREAK SPACE}".join(name.rsplit(" ", 1))


def _capitalise(name: str) -> str:
    return f"{name[0].upper()}{name[1:]}"
