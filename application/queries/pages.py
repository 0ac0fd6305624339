"""Pages of the rows behind a campaign's figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from application.queries.reads import BadQuestion
from domain.campaigns.conversion_events import LETTERS
from domain.campaigns.definition import Definition


class PagedRow(Protocol):
    """A row of a list."""

    @property
    def key(self) -> str:
        """Its place in the list."""

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""


@dataclass(frozen=True)
class Page:
    """Some rows of a campaign as JSON has them; where there are more, `after` is the key of the last one."""

    name: str
    app_group: str
    campaign_id: str
    position: int
    rows: list[dict[str, Any]]
    after: str | None

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return {
            "app_group": self.app_group,
            "campaign_id": self.campaign_id,
            "position": str(self.position),
            self.name: self.rows,
            "after": self.after,
            "next_cursor": self.after,
        }


@dataclass(frozen=True)
class Cut:
    """Which part of a list is asked for: at most `limit` rows, after a key."""

    limit: int
    after: str | None = None

    def rows(self, found: Sequence[PagedRow]) -> tuple[list[dict[str, Any]], str | None]:
        """The rows of a page and where the next one begins; `found` has one row more where there are more."""
        after = found[self.limit - 1].key if len(found) > self.limit else None
        return [row.as_json() for row in found[: self.limit]], after


def read_letter(letter: str | None, definition: Definition, place: str) -> int | None:
    """The index of one of the campaign's conversion events by its letter; raises BadQuestion."""
    if letter is None:
        return None
    has = list(LETTERS[: len(definition.conversion_events)])
    if letter.upper() not in has:
        offer = f"it has {', '.join(has)}" if has else "it has none"
        raise BadQuestion(
            f"the campaign has no conversion event {letter!r}; {offer}",
            code="bad_conversion_event",
            place=place,
        )
    return has.index(letter.upper())
