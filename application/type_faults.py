"""What is wrong with a value that has not the type or size that is wanted, in plain English."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic_core import ErrorDetails

_SHOWN: Final = 300
"""How much of a message that may repeat the caller's text is passed on."""


def describe_fault(error: ErrorDetails | Mapping[str, Any]) -> str:
    """One fault of a checked value as a sentence without its place: "this is a whole number, such as 50"."""
    context = error.get("ctx") or {}
    words = _WORDS.get(error["type"])
    if words is None:
        return str(error["msg"]).removeprefix("Value error, ")[:_SHOWN]
    return (words if isinstance(words, str) else words(context))[:_SHOWN]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _say_too_short(context: Mapping[str, Any]) -> str:
    least = context["min_length"]
    return "this is empty" if least == 1 else f"this has {_count(least, 'character')} or more"


_WHOLE: Final = "this is a whole number, such as 50"
_NUMBER: Final = "this is a number, such as 0.5"
_TEXT: Final = "this is a text"
_YES_OR_NO: Final = "this is true or false"
_LIST: Final = "this is a list"
_NAMES: Final = "this is a mapping of names to values"

_WORDS: Final[Mapping[str, str | Callable[[Mapping[str, Any]], str]]] = {
    "missing": "this is missing",
    "extra_forbidden": "no such field is known here",
    "string_type": _TEXT,
    "string_too_short": _say_too_short,
    "string_too_long": lambda context: f"this has at most {_count(context['max_length'], 'character')}",
    "string_pattern_mismatch": "this has a character that is not allowed here",
    "literal_error": lambda context: f"this is {context['expected']}",
    "enum": lambda context: f"this is {context['expected']}",
    "union_tag_invalid": lambda context: f"this is one of {context['expected_tags']}",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": "this number is too large",
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _YES_OR_NO,
    "bool_parsing": _YES_OR_NO,
    "list_type": _LIST,
    "dict_type": _NAMES,
    "model_type": _NAMES,
    "model_attributes_type": _NAMES,
    "too_short": lambda context: f"this list has {_count(context['min_length'], 'item')} or more",
    "too_long": lambda context: f"this list has at most {_count(context['max_length'], 'item')}",
    "greater_than": lambda context: f"this is more than {context['gt']:,}",
    "greater_than_equal": lambda context: f"this is {context['ge']:,} or more",
    "less_than": lambda context: f"this is less than {context['lt']:,}",
    "less_than_equal": lambda context: f"this is {context['le']:,} or less",
}
