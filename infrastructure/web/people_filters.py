"""The filters of the lists of people, as an address or a form has them."""

from collections.abc import Mapping

from application.queries.reads import BadQuestion, Days
from infrastructure.http.reports import read_day
from infrastructure.http.state import check_id

_YES = "true"


def read_text(given: Mapping[str, str], name: str) -> str | None:
    """A parameter that is left out or empty is not asked for; raises BadQuestion."""
    text = given.get(name) or None
    if text is None:
        return None
    try:
        return check_id(text)
    except ValueError as error:
        raise BadQuestion(str(error), code="malformed", place=name) from None


def read_wish(given: Mapping[str, str], name: str) -> bool:
    """Whether a box is ticked; raises BadQuestion."""
    text = given.get(name) or None
    if text not in {None, _YES}:
        raise BadQuestion(f"{name} is {_YES}, or is left out", code="bad_question", place=name)
    return text == _YES


def read_days(given: Mapping[str, str]) -> Days:
    """The days of the receipts; raises BadQuestion, and Problem for a text that is no day."""
    first, last = (read_day(name, given.get(name) or None) for name in ("from", "to"))
    return Days(first, last)
