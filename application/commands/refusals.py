"""What is wrong with a fact, in words of whoever sends facts (R16)."""

from decimal import Decimal

from pydantic_core import ErrorDetails

from application.commands.values import NO_NUMERIC_ID
from application.type_faults import describe_fault
from domain.errors import FactRefused

_TYPES = (
    "received, session_started, purchase, refund, order, order_refund, order_cancelled, custom_event, "
    "app_version, void"
)
_WORDS = {
    "union_tag_invalid": f"type: there is no such type of fact; there are {_TYPES}",
    "union_tag_not_found": f"type: say of which type the fact is: {_TYPES}",
    "model_attributes_type": "a fact is an object: names and their values",
}
_KINDS = {
    "string_type": "a text is wanted",
    "dict_type": "an object is wanted: names and their values",
    "list_type": "a list is wanted",
    "model_type": 'a line is an object: {"product_id": ..., "price": ..., "quantity": ...}',
}
"""What a field is to be, by the type of the error."""
_SHOWN = 300
"""How much of a message that may repeat the caller's text is passed on."""


def is_id(field: object) -> bool:
    """Whether a field of a fact holds an id."""
    return isinstance(field, str) and (field == "id" or field.endswith("_id"))


def refuse(errors: list[ErrorDetails], nested: int = 1) -> FactRefused:
    """The refusal that the first error leads to; `nested` steps of its place were not written by the caller."""
    if errors[0]["type"] in _WORDS:
        return FactRefused(_WORDS[errors[0]["type"]], code="malformed", place="type")
    unknown = next((error for error in errors if error["type"] == "extra_forbidden"), None)
    error = unknown or errors[0]
    said = _describe(error)
    place = ".".join(str(step) for step in error["loc"][nested:])[:_SHOWN]
    if unknown:
        said = "a fact of this type has no such field" if nested else "there is no such field"
    message = f"{place}: {said}" if place else said
    return FactRefused(message, place=place, code="unknown_field" if unknown else "malformed")


def _describe(error: ErrorDetails) -> str:
    """What was wrong, in words of whoever sends facts."""
    if error["type"] == "string_type" and is_id(error["loc"][-1]):
        number = isinstance(error["input"], int | float | Decimal) and not isinstance(error["input"], bool)
        return NO_NUMERIC_ID if number else "an id is text"
    return _KINDS.get(error["type"]) or describe_fault(error)
