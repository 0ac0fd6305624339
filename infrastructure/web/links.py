"""The addresses of pages. An id may hold anything: all of it but letters and digits is encoded in a path."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from infrastructure.http.state import unquote_id

_PAGES = {"new", "list", "details", "data_series"}
"""Steps that are pages, or are of programs: an id that reads the same has its first letter encoded."""
_DOTS = {".": "=%2E", "..": "=%2E%2E"}
"""The steps of two ids that browsers take for this folder and the one above, also when they are encoded. In other steps
of ours an equals sign is encoded, so that none of them reads like these."""
_OF_DOTS = {step: each for each, step in _DOTS.items()}


@dataclass(frozen=True)
class Address:
    """The address of a page: a path and parameters."""

    path: str
    given: Mapping[str, str]

    def but(self, **changed: object) -> str:
        """The same page with other parameters; None leaves one out."""
        return with_query(self.path, merge(self.given, **changed))

    @property
    def whole(self) -> str:
        """The address as it is."""
        return with_query(self.path, self.given)


def merge(given: Mapping[str, str], **changed: object) -> dict[str, str]:
    """Parameters with others in their place; None leaves one out."""
    merged = {**given, **changed}
    return {name: str(value) for name, value in merged.items() if value is not None}


def path_of(*steps: str) -> str:
    """A path of steps: a dot is encoded too, because a path that ends in `.json` is the page as JSON."""
    return "".join("/" + _encode(step) for step in steps)


def _encode(step: str) -> str:
    if step in _DOTS:
        return _DOTS[step]
    if step in _PAGES:
        return f"%{ord(step[0]):02X}{step[1:]}"
    return quote(step, safe="").replace(".", "%2E")


def read_step(step: str) -> str:
    """The id of a step of a path, as it was sent; raises ValueError for what is no id."""
    return _OF_DOTS.get(step) or unquote_id(step)


def campaign_path(campaign_id: str, page: str = "", kind: str = "") -> str:
    """The path of a page of a campaign, as HTML or as `.json` or `.csv`."""
    return path_of("campaigns", campaign_id) + (f"/{page}" if page else "") + kind


def user_path(user_id: str, kind: str = "") -> str:
    """The path of a user's page."""
    return path_of("users", user_id) + kind


def with_query(path: str, given: Mapping[str, str | None]) -> str:
    """A path with the parameters that have a value."""
    query = urlencode({name: value for name, value in given.items() if value not in {None, ""}})
    return f"{path}?{query}" if query else path
