"""The rows behind a campaign's figures, page by page: conversions, and the users who received it; control too."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from application.queries.reads import AskedCampaign, BadQuestion
from domain.campaigns.conversion_events import LETTERS
from domain.campaigns.definition import Definition
from projections.conversions import CONVERSIONS
from projections.conversions.reading import BadKey, load_conversions
from projections.recipients import RECIPIENTS
from projections.recipients.reading import load_recipients


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


def read_conversions(
    asked: AskedCampaign,
    cut: Cut,
    *,
    event: str | None = None,
    variant_id: str | None = None,
    user_id: str | None = None,
) -> Page:
    """A page of conversions; by choice of one conversion event (by letter), one variant or one user.

    Raises UnknownCampaign, UnknownVariant, and BadQuestion for an unknown letter or a bad `after`.
    """
    index = read_letter(event, asked.definition(), "event")
    with (
        asked.reads.up_to_date(CONVERSIONS, with_rows=True) as (connection, position),
        asked.reads.beside(connection) as ledger,
    ):
        try:
            found = load_conversions(
                connection,
                asked.reads.definitions,
                *asked.key,
                conversion_event=index,
                variant_id=variant_id,
                user_id=user_id,
                after=cut.after,
                limit=cut.limit + 1,
                ledger=ledger,
            )
        except BadKey as error:
            raise BadQuestion(str(error), code="bad_cursor", place="after") from None
    return Page("conversions", *asked.key, position, *cut.rows(found))


def read_recipients(
    asked: AskedCampaign,
    cut: Cut,
    *,
    user_id: str | None = None,
    several_variants: bool = False,
    converted: str | None = None,
) -> Page:
    """A page of recipients; by choice one user, those of several variants, or those converted on an event (by letter).

    Raises UnknownCampaign, and BadQuestion for an unknown letter.
    """
    index = read_letter(converted, asked.definition(), "converted")
    with (
        asked.reads.up_to_date(RECIPIENTS, with_rows=True) as (connection, position),
        asked.reads.beside(connection) as ledger,
    ):
        found = load_recipients(
            connection,
            asked.reads.definitions,
            *asked.key,
            user_id=user_id,
            several_variants=several_variants,
            converted_on=index,
            after=cut.after,
            limit=cut.limit + 1,
            ledger=ledger,
        )
    return Page("recipients", *asked.key, position, *cut.rows(found))
