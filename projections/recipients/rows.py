"""All rows of a campaign, in the order of their keys and from after a key on: for whoever copies them elsewhere.

The columns are those that docs/read-models.md describes. `tables` is the generation to read.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.engine import Connection

from projections.engine.paging import read_pages_of_campaign
from projections.engine.projection import Tables
from projections.recipients.tables import recipient_revenue, recipients

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
