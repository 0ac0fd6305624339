"""The addresses of pages. An id may hold anything: in a path each of its characters but letters and digits is encoded."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode


def path_of(*steps: str) -> str:
    """A path of steps: a dot is encoded too, because a path that ends in `.json` is the page as JSON."""
    return "".join("/" + quote(step, safe="").replace(".", "%2E").replace("~", "%7E") for step in steps)


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
