"""The rows behind a campaign's figures, page by page: conversions, and the users who received it; control too."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple, Protocol, TypeVar

from sqlalchemy.engine import Connection

from application.queries.reads import ALL_DAYS, AskedCampaign, BadQuestion, Days
from domain.campaigns.conversion_events import LETTERS
from domain.campaigns.definition import Definition
from projections.conversions import CONVERSIONS
from projections.conversions.reading import (
    BadKey,
    ConversionRow,
    load_conversions,
    load_newest_conversions,
)
from projections.engine.projection import Projection
from projections.recipients import RECIPIENTS
from projections.recipients.days import Span, spans
from projections.recipients.reading import (
    RecipientRow,
    SeveralVariants,
    count_several_variants,
    load_recipients,
)

PAGE_ROWS = 1_000
"""So many rows are in memory at a time where a whole list is read."""


class PagedRow(Protocol):
    """A row of a list."""

    @property
    def key(self) -> str:
        """Its place in the list."""

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""


Listed = TypeVar("Listed", bound=PagedRow)


@dataclass(frozen=True)
class Page:
    """Some rows of a campaign as JSON has them; where there are more, `after` is the key of the last one.

    Where there are earlier ones, `before` is the key of the first one.
    """

    name: str
    app_group: str
    campaign_id: str
    position: int
    rows: list[dict[str, Any]]
    after: str | None
    before: str | None = None

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
    """Which part of a list is asked for: at most `limit` rows, after a key or, going back, before one."""

    limit: int
    after: str | None = None
    before: str | None = None

    def page(self, name: str, asked: AskedCampaign, position: int, found: Sequence[PagedRow]) -> Page:
        """The page, and where its neighbours begin; `found` has one row more where there are more of them."""
        has_more = len(found) > self.limit
        rows = found if not has_more else found[-self.limit :] if self.before else found[: self.limit]
        has_earlier, has_later = (has_more, True) if self.before else (self.after is not None, has_more)
        first, last = (rows[0].key, rows[-1].key) if rows else (None, None)
        return Page(
            name,
            *asked.key,
            position,
            [row.as_json() for row in rows],
            after=last if has_later else None,
            before=first if has_earlier else None,
        )


@dataclass(frozen=True)
class WantedConversions:
    """Which conversions: on one conversion event (by letter), of one variant or any but control, or of one user.

    `days` are those of the receipts that they are credited to, in the app group's time zone.
    """

    event: str | None = None
    variant_id: str | None = None
    without_control: bool = False
    user_id: str | None = None
    days: Days = ALL_DAYS


@dataclass(frozen=True)
class WantedRecipients:
    """Which recipients: of one variant or of any but control, of several variants, or one user.

    Letters name the conversion events that they converted on, did not convert on, or whose window is still open. With
    a variant, or without control, conversions and revenue are those that are credited to such a variant, as in its row
    of the report. On one of the `days` they have a receipt; conversions and revenue are then those that are credited
    to receipts of these days, as in the report of the days.
    """

    user_id: str | None = None
    variant_id: str | None = None
    without_control: bool = False
    several_variants: bool = False
    converted: str | None = None
    not_converted: str | None = None
    open: str | None = None
    days: Days = ALL_DAYS

    @property
    def models(self) -> tuple[Projection, ...]:
        """What is read for them."""
        return (RECIPIENTS,) if self.days == ALL_DAYS else (RECIPIENTS, CONVERSIONS)


ALL_CONVERSIONS = WantedConversions()
ALL_RECIPIENTS = WantedRecipients()


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


def read_conversions(asked: AskedCampaign, cut: Cut, wanted: WantedConversions = ALL_CONVERSIONS) -> Page:
    """A page of conversions; raises UnknownCampaign, UnknownVariant, and BadQuestion for a letter or a key."""
    with _read_rows(asked, CONVERSIONS) as (place, position):
        found = _load_conversions(asked, place, cut, wanted)
    return cut.page("conversions", asked, position, found)


def read_every_conversion(
    asked: AskedCampaign, wanted: WantedConversions, take: Callable[[Iterator[ConversionRow]], object]
) -> int:
    """Give all conversions of a list to `take`, of which one page is in memory at a time; returns their position."""
    with _read_rows(asked, CONVERSIONS) as (place, position):
        take(_turn_pages(lambda cut: _load_conversions(asked, place, cut, wanted)))
    return position


def read_newest_conversions(asked: AskedCampaign, limit: int) -> Page:
    """The conversions that were decided last, control's too, the newest first; raises UnknownCampaign."""
    asked.definition()
    with _read_rows(asked, CONVERSIONS) as (place, position):
        found = load_newest_conversions(place.models, *asked.key, limit, ledger=place.ledger)
    return Page("conversions", *asked.key, position, [row.as_json() for row in found], after=None)


def read_recipients(asked: AskedCampaign, cut: Cut, wanted: WantedRecipients = ALL_RECIPIENTS) -> Page:
    """A page of recipients; raises UnknownCampaign, UnknownVariant, and BadQuestion for a letter."""
    with _read_rows(asked, *wanted.models) as (place, position):
        found = _load_recipients(asked, place, cut, wanted)
    return cut.page("recipients", asked, position, found)


def read_every_recipient(
    asked: AskedCampaign, wanted: WantedRecipients, take: Callable[[Iterator[RecipientRow]], object]
) -> int:
    """Give all recipients of a list to `take`, of whom one page is in memory at a time; returns their position."""
    with _read_rows(asked, *wanted.models) as (place, position):
        take(_turn_pages(lambda cut: _load_recipients(asked, place, cut, wanted)))
    return position


class _Place(NamedTuple):
    """Where rows are read, and where users are found: another database, if the rows were folded for a position."""

    models: Connection
    ledger: Connection


@contextmanager
def _read_rows(asked: AskedCampaign, *models: Projection) -> Iterator[tuple[_Place, int]]:
    with (
        asked.reads.up_to_date(*models, with_rows=True) as (connection, position),
        asked.reads.beside(connection) as ledger,
    ):
        yield _Place(connection, ledger), position


def _load_conversions(
    asked: AskedCampaign, place: _Place, cut: Cut, wanted: WantedConversions
) -> list[ConversionRow]:
    try:
        return load_conversions(
            place.models,
            asked.reads.definitions,
            *asked.key,
            conversion_event=read_letter(wanted.event, asked.definition(), "event"),
            variant_id=wanted.variant_id,
            without_control=wanted.without_control,
            user_id=wanted.user_id,
            received=_spans(asked, wanted.days),
            after=cut.after,
            before=cut.before,
            limit=cut.limit + 1,
            ledger=place.ledger,
        )
    except BadKey as error:
        raise BadQuestion(str(error), code="bad_cursor", place="after") from None


def _load_recipients(
    asked: AskedCampaign, place: _Place, cut: Cut, wanted: WantedRecipients
) -> list[RecipientRow]:
    definition = asked.definition()
    return load_recipients(
        place.models,
        asked.reads.definitions,
        *asked.key,
        user_id=wanted.user_id,
        variant_id=wanted.variant_id,
        without_control=wanted.without_control,
        several_variants=wanted.several_variants,
        converted_on=read_letter(wanted.converted, definition, "converted"),
        not_converted_on=read_letter(wanted.not_converted, definition, "not_converted"),
        open_on=read_letter(wanted.open, definition, "open"),
        as_of=asked.reads.now(),
        received=_spans(asked, wanted.days),
        after=cut.after,
        before=cut.before,
        limit=cut.limit + 1,
        ledger=place.ledger,
    )


def _turn_pages(load: Callable[[Cut], list[Listed]]) -> Iterator[Listed]:
    """All rows of a list, in one transaction."""
    cut = Cut(PAGE_ROWS)
    while True:
        found = load(cut)
        yield from found[: cut.limit]
        if len(found) <= cut.limit:
            return
        cut = Cut(cut.limit, after=found[cut.limit - 1].key)


def read_several_variants(asked: AskedCampaign) -> SeveralVariants:
    """How many users received several variants, control counting as one."""
    with asked.reads.up_to_date(RECIPIENTS) as (connection, _):
        return count_several_variants(connection, *asked.key)


def _spans(asked: AskedCampaign, days: Days) -> list[Span] | None:
    """The instants of the days in the app group's time zone; None for all of them."""
    if days == ALL_DAYS:
        return None
    return spans(asked.reads.definitions.zone(asked.app_group), days.first or date.min, days.last or date.max)
