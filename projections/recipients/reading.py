"""Reading recipients: the list of a campaign's users, page by page; and what maturity.py and periods.py read.

Whoever copies all rows of a campaign reads them from a generation in the order of their keys, from after a key on.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Unpack

from sqlalchemy import Select, Subquery, func, select, tuple_
from sqlalchemy.engine import Connection, Row

from domain import money
from domain.campaigns.conversion_events import LETTERS
from domain.campaigns.definition import Definition
from domain.instants import printed
from projections.conversions.reading import load_credited_to_users
from projections.engine.generations import Generation, current
from projections.engine.projection import Definitions, Tables
from projections.engine.tables import (
    CAMPAIGN,
    EXACT,
    find_journey,
    find_users,
    read_pages_of_campaign,
    stream,
)
from projections.recipients import RECIPIENTS, tables
from projections.recipients.choosing import FLAGS, Wanted, choose_recipients, of_variants
from projections.recipients.fold import ReceiptKey
from projections.recipients.maturity import EventMature, Mature, VariantMature, load_mature_rates
from projections.recipients.periods import (
    Period,
    Until,
    VariantPeriod,
    count_receipts_until,
    find_receipts_between,
    load_period,
)
from projections.recipients.tables import (
    experiment_several_variants,
    recipient_receipts,
    recipient_revenue,
    recipients,
)

__all__ = [
    "EventMature",
    "Mature",
    "Period",
    "RecipientRow",
    "SeveralVariants",
    "Until",
    "VariantMature",
    "VariantOfUser",
    "VariantPeriod",
    "Wanted",
    "count_receipts_until",
    "count_several_variants",
    "find_receipts_between",
    "load_mature_rates",
    "load_period",
    "load_recipients",
]


@dataclass(frozen=True)
class VariantOfUser:
    """A variant that a user received, and how often."""

    variant_id: str
    control: bool
    receipts: int

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        return {"variant_id": self.variant_id, "control": self.control, "receipts": self.receipts}


@dataclass(frozen=True)
class RecipientRow:
    """A user who received a campaign, in whichever variants, control too.

    `user_id` is None where the user's identity was erased; `credited` has for each conversion event the variant that
    the user's conversion is credited to, None where there is no conversion; revenue is exact, by currency. In a list of
    a period, both are of what is credited to receipts of the period, and in a list of a variant, or without control, of
    what is credited to such a variant: as the report counts them.
    """

    journey_id: str
    user_id: str | None
    variants: list[VariantOfUser]
    first: ReceiptKey
    last: ReceiptKey
    credited: list[str | None]
    revenue: dict[str, Decimal]

    @property
    def key(self) -> str:
        """Where it stands among the campaign's recipients: what the next page comes after."""
        return self.journey_id

    @property
    def receipts(self) -> int:
        """How many receipts of the campaign the user has."""
        return sum(variant.receipts for variant in self.variants)

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it."""
        (first_at, first_id), (last_at, last_id) = self.first, self.last
        return {
            "user_id": self.user_id,
            "journey_id": self.journey_id,
            "variants": [variant.as_json() for variant in self.variants],
            "receipts": self.receipts,
            "first_receipt_id": first_id,
            "first_received_at": printed(first_at),
            "last_receipt_id": last_id,
            "last_received_at": printed(last_at),
            "conversion_events": [
                {
                    "index": index,
                    "letter": LETTERS[index],
                    "converted": variant_id is not None,
                    "variant_id": variant_id,
                }
                for index, variant_id in enumerate(self.credited)
            ],
            "revenue": {
                currency: money.printed(amount, currency) for currency, amount in sorted(self.revenue.items())
            },
        }


def load_recipients(
    connection: Connection,
    definitions: Definitions,
    app_group: str,
    campaign_id: str,
    *,
    after: str | None = None,
    before: str | None = None,
    limit: int,
    ledger: Connection | None = None,
    **wanted: Unpack[Wanted],
) -> list[RecipientRow]:
    """A page of the users who received a campaign, in the order of their keys; the last ones before a key.

    It looks at users until the page is full, so that a filter which few users fit looks at most of the campaign: about
    a second for a million of them. `ledger` is where users are found, if that is elsewhere. Raises UnknownCampaign and
    UnknownVariant.
    """
    definition, own = definitions.definition(app_group, campaign_id), current(connection, RECIPIENTS)
    chosen = choose_recipients(connection, own, definition, stream(app_group, campaign_id), wanted)
    ledger = ledger or connection
    if (user_id := wanted.get("user_id")) is not None:
        chosen = chosen.where(own[recipients].c.journey_id == find_journey(ledger, app_group, user_id))
    page = _cut(own, chosen, after, before).limit(limit).subquery()
    of_users: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(_on_page(own, page)):
        of_users[row.journey_id].append(row)
    user_ids = find_users(ledger, of_users)
    if (spans := wanted.get("received")) is None:
        converted = _converted(of_users, definition, wanted)
        revenue = _revenue(connection, own, page, definition, wanted)
    else:
        converted, revenue = load_credited_to_users(
            connection,
            stream(app_group, campaign_id),
            of_users.keys(),
            spans,
            variant_id=wanted.get("variant_id"),
            without_control=wanted.get("without_control", False),
        )
    return [
        _recipient(definition, rows, user_ids.get(journey), converted[journey], revenue[journey])
        for journey, rows in of_users.items()
    ]


def _cut(own: Generation, chosen: Select[Any], after: str | None, before: str | None) -> Select[Any]:
    """The journeys after a key, or from the last one before a key back."""
    at = own[tables.recipients].c
    # By both, or SQLite reads all of the campaign to sort it.
    key = (at.stream_id, at.journey_id)
    query = chosen.order_by(*(each.desc() if before is not None else each for each in key))
    if after is not None:
        query = query.where(at.journey_id > after)
    if before is not None:
        query = query.where(at.journey_id < before)
    return query


def _on_page(own: Generation, page: Subquery) -> Select[Any]:
    table = own[tables.recipients]
    of_page = (table.c.stream_id == page.c.stream_id) & (table.c.journey_id == page.c.journey_id)
    query = select(table).join(page, of_page).where(table.c.variant_id != CAMPAIGN)
    return query.order_by(table.c.journey_id, table.c.variant_id)


def _revenue(
    connection: Connection, own: Generation, page: Subquery, definition: Definition, wanted: Wanted
) -> defaultdict[str, dict[str, Decimal]]:
    """By journey and currency what its purchases come to that are credited to the variants that are asked about."""
    table = own[tables.recipient_revenue]
    of_page = (table.c.stream_id == page.c.stream_id) & (table.c.journey_id == page.c.journey_id)
    asked = of_variants(table.c, definition, wanted)
    query = select(table).join(page, of_page).where(table.c.variant_id != CAMPAIGN, asked)
    found: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
    for row in connection.execute(query):
        # A currency appears once a purchase counts in it, even at 0 (R11).
        if row.purchases:
            amounts = found[row.journey_id]
            amounts[row.currency] = EXACT.add(amounts.get(row.currency, Decimal(0)), row.amount)
    return found


def _converted(
    of_users: Mapping[str, Sequence[Row[Any]]], definition: Definition, wanted: Wanted
) -> dict[str, dict[int, str]]:
    """By journey the variant that its conversion on each event is credited to, if that one is asked about."""
    asked = wanted.get("variant_id")
    left_out = definition.control if wanted.get("without_control") else None
    return {
        journey: {
            index: row.variant_id
            for row in rows
            if asked in {None, row.variant_id} and row.variant_id != left_out
            for index, flag in enumerate(FLAGS)
            if getattr(row, flag)
        }
        for journey, rows in of_users.items()
    }


def _recipient(
    definition: Definition,
    rows: Sequence[Row[Any]],
    user_id: str | None,
    converted: Mapping[int, str],
    revenue: dict[str, Decimal],
) -> RecipientRow:
    receipts = {row.variant_id: row.receipts for row in rows}
    return RecipientRow(
        journey_id=rows[0].journey_id,
        user_id=user_id,
        variants=[
            VariantOfUser(variant_id, variant.control, receipts[variant_id])
            for variant_id, variant in definition.variants.items()
            if variant_id in receipts
        ],
        first=min((row.first_received_at, row.first_receipt_id) for row in rows),
        last=max((row.last_received_at, row.last_receipt_id) for row in rows),
        credited=[converted.get(index) for index, _ in enumerate(definition.windows)],
        revenue=revenue,
    )


class SeveralVariants(NamedTuple):
    """How many users received several variants; and how many of these received control."""

    users: int
    with_control: int


def count_several_variants(connection: Connection, app_group: str, campaign_id: str) -> SeveralVariants:
    """Count the users who received several variants, control counting as one."""
    at = current(connection, RECIPIENTS)[experiment_several_variants].c
    query = select(at.control, at.users).where(at.stream_id == stream(app_group, campaign_id))
    counts = {bool(row.control): int(row.users) for row in connection.execute(query)}
    return SeveralVariants(sum(counts.values()), counts.get(True, 0))


Earned = Mapping[str, Decimal]
"""Revenue by currency, in the order of the currencies."""

_KEY = ("journey_id", "variant_id")


def read_recipient_rows(
    connection: Connection,
    tables: Tables,
    stream_id: str,
    columns: Sequence[str],
    after: Sequence[str] | None,
) -> Iterator[tuple[Sequence[Any], Earned]]:
    """Journey, variant, user id, and then the columns; and what the recipient has earned."""
    for page in read_pages_of_campaign(connection, tables[recipients], stream_id, _KEY, columns, after):
        earned = _earned_between(connection, tables, stream_id, page[0][:2], page[-1][:2])
        for row in page:
            yield row, earned.get((row[0], row[1]), {})


def _earned_between(
    connection: Connection, tables: Tables, stream_id: str, first: Sequence[str], last: Sequence[str]
) -> Mapping[tuple[str, str], Earned]:
    """By recipient, from one to another, what they have earned."""
    table = tables[recipient_revenue]
    recipient = tuple_(*(table.c[name] for name in _KEY))
    query = (
        select(*(table.c[name] for name in (*_KEY, "currency", "amount")))
        .where(table.c.stream_id == stream_id, recipient >= tuple_(*first), recipient <= tuple_(*last))
        .order_by(*(table.c[name] for name in (*_KEY, "currency")))
    )
    found: defaultdict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
    for journey_id, variant_id, currency, amount in connection.execute(query):
        found[journey_id, variant_id][currency] = amount
    return found


def load_first_and_last_receipt(
    connection: Connection, app_group: str, campaign_id: str
) -> tuple[datetime, datetime] | None:
    """When a campaign's first and last receipts happened, those of control too; None without any."""
    table = current(connection, RECIPIENTS)[recipient_receipts]
    at, of_campaign = table.c.received_at, table.c.stream_id == stream(app_group, campaign_id)
    # Two queries, each of which reads one end of the index.
    first, last = (
        connection.execute(select(end).where(of_campaign)).scalar() for end in (func.min(at), func.max(at))
    )
    return None if first is None or last is None else (first, last)
