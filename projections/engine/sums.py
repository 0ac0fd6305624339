"""Sums: rows whose last columns are counts and amounts, to which a batch adds its differences."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import Row, Table

from domain.campaigns.campaign import stream_id
from projections.engine.columns import EXACT
from projections.engine.projection import WritableTables

Key = tuple[Any, ...]

stream = cache(stream_id)
"""The stream of a campaign, by app group and campaign id."""


class Money:
    """Purchases and their amounts by key: `add` one, or with sign -1 take it away."""

    def __init__(self) -> None:
        self.purchases: Counter[Key] = Counter()
        self.amounts: defaultdict[Key, Decimal] = defaultdict(Decimal)

    def add(self, key: Key, net: Decimal, sign: int) -> None:
        self.purchases[key] += sign
        self.amounts[key] = (EXACT.add if sign > 0 else EXACT.subtract)(self.amounts[key], net)

    def differences(self) -> dict[Key, tuple[int, Decimal]]:
        """By key how many purchases there are more, and how much money."""
        return {key: (purchases, self.amounts[key]) for key, purchases in self.purchases.items()}


def add(
    tables: WritableTables,
    table: Table,
    differences: Mapping[Key, Sequence[Any]],
    begin: Callable[[Key], Key],
) -> None:
    """Add differences, by primary key, to the table's last columns; removes a row whose sums are all 0.

    `begin` gives the columns before them for a row that is not there yet.
    """
    changed = {key: each for key, each in differences.items() if any(each)}
    if not changed:
        return
    width, keys = len(next(iter(changed.values()))), len(table.primary_key)
    found = {key_of(table, row): row for row in tables.find(table, changed)}
    put, gone = [], []
    for key, difference in changed.items():
        row = found.get(key[:keys])
        before = row[-width:] if row is not None else [0] * width
        now = [_sum(one, other) for one, other in zip(before, difference, strict=True)]
        if any(now):
            put.append((*(begin(key) if row is None else row[:-width]), *now))
        elif row is not None:
            gone.append(key)
    tables.put(table, put)
    tables.remove(table, gone)


def key_of(table: Table, row: Row[Any]) -> Key:
    """The primary key of a row."""
    return tuple([row[place] for place in _places(table)])


@cache
def _places(table: Table) -> list[int]:
    """The places of the primary key's columns in a row."""
    names = [each.name for each in table.columns]
    return [names.index(each.name) for each in table.primary_key]


def _sum(one: Any, other: Any) -> Any:  # noqa: ANN401
    return EXACT.add(one, other) if isinstance(other, Decimal) else one + other
