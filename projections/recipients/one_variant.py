"""Users of exactly one variant, control counting as one: whom an experiment is counted from; and all by first receipt.

All of it follows from a user's rows as they were and as they are, so that it is exact whatever they went through: the
second variant takes a user out of every sum, and the void of its receipts (R17) brings them back.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Table

from domain.instants import EPOCH, full_hour
from projections.engine.projection import WritableTables
from projections.engine.tables import CAMPAIGN, EXACT, Key, add_sums
from projections.recipients.changes import FLAGS, Change, Changes, one
from projections.recipients.fold import WIDTH, RecipientsFold
from projections.recipients.tables import (
    experiment_delays,
    experiment_first_receipts,
    experiment_recipients,
    experiment_revenue,
    experiment_several_variants,
    recipient_revenue,
)

Campaigns = Mapping[str, tuple[str, str]]
"""By stream the app group and the campaign."""

RevenueOf = Sequence[Any]
"""How many purchases count, and what they come to."""

_NOTHING: RevenueOf = (0, Decimal(0))

_HOUR = timedelta(hours=1)


def write(
    found: Changes, controls: Mapping[str, str | None], tables: WritableTables, campaigns: Campaigns
) -> None:
    """Add what has changed to the counts of users; `controls` are the control groups by stream."""
    several: Counter[tuple[str, bool]] = Counter()
    for user, (before, now) in found.users.items():
        for variants, sign in ((before, -1), (now, 1)):
            if len(variants) - (CAMPAIGN in variants) > 1:
                several[user[0], controls[user[0]] in variants] += sign
    _add(tables, experiment_recipients, _by_first_hour(found.recipients), campaigns)
    _add(tables, experiment_first_receipts, _by_first_receipt(found), campaigns)
    _add(tables, experiment_several_variants, {key: (count,) for key, count in several.items()}, campaigns)


def write_delays(fold: RecipientsFold, tables: WritableTables, campaigns: Campaigns) -> None:
    """Add conversions by how long they took."""
    _add(tables, experiment_delays, {key: (count,) for key, count in fold.delays.items()}, campaigns)


def write_revenue(
    found: Changes, differences: Mapping[Key, RevenueOf], tables: WritableTables, campaigns: Campaigns
) -> None:
    """Add purchases to each recipient's, and what the recipients of one variant come to."""
    before, now = _revenue(found, differences, tables)
    changed = [key for key, each in now.items() if each != before.get(key, _NOTHING)]
    tables.put(recipient_revenue, [(*key, *campaigns[key[0]], *now[key]) for key in changed if any(now[key])])
    tables.remove(recipient_revenue, [key for key in changed if key in before and not any(now[key])])
    sums_of: defaultdict[Key, list[Any]] = defaultdict(lambda: [0, Decimal(0), Decimal(0)])
    for key in now:
        stream, journey, variant_id, currency = key
        stood = found.stood.get((stream, journey), {})
        _, stands = found.users.get((stream, journey), (stood, stood))
        of = sums_of[stream, variant_id, currency]
        if one(stood) == variant_id:
            _count(of, before.get(key, _NOTHING), -1)
        if one(stands) == variant_id:
            _count(of, now[key], 1)
    _add(tables, experiment_revenue, sums_of, campaigns)


def _by_first_hour(changes: Iterable[Change]) -> dict[Key, list[int]]:
    counts: Counter[tuple[str, str, int, int]] = Counter()
    for change in changes:
        stream, _, variant_id = change.recipient
        if variant_id == CAMPAIGN:
            continue
        for standing, one_only, sign in (
            (change.before, change.one_before, -1),
            (change.now, change.one_now, 1),
        ):
            if one_only and standing is not None:
                counts[stream, variant_id, (standing.first[0] - EPOCH) // _HOUR, standing.converted] += sign
    found: defaultdict[Key, list[int]] = defaultdict(lambda: [0] * (1 + WIDTH))
    for (stream, variant_id, hour, mask), count in counts.items():
        row = found[stream, variant_id, EPOCH + hour * _HOUR]
        for place, counted in enumerate((True, *FLAGS[mask])):
            row[place] += counted * count
    return found


def _by_first_receipt(found: Changes) -> dict[Key, tuple[int]]:
    counts: Counter[Key] = Counter()
    for (stream, _), changed in found.firsts.items():
        for first, sign in zip(changed, (-1, 1), strict=True):
            if first is not None:
                (at, _), variant_id = first
                counts[stream, variant_id, full_hour(at)] += sign
    return {key: (count,) for key, count in counts.items()}


def _revenue(
    found: Changes, differences: Mapping[Key, RevenueOf], tables: WritableTables
) -> tuple[dict[Key, RevenueOf], dict[Key, RevenueOf]]:
    """The revenue, before and now, of users whose purchases or whose variants are others than before.

    Who had received nothing before this batch has no revenue from before it: what takes it away follows the void of the
    last receipt in the user's own stream, and so comes before whatever they receive next.
    """
    moved = {*(user for user in found.users if user in found.stood), *(key[:2] for key in differences)}
    before: dict[Key, RevenueOf] = {row[:4]: row[-2:] for row in tables.find(recipient_revenue, moved, by=2)}
    now = dict(before)
    for key, (purchases, amount) in differences.items():
        held = before.get(key, _NOTHING)
        now[key] = (held[0] + purchases, EXACT.add(held[1], amount))
    return before, now


def _count(of: list[Any], revenue: RevenueOf, sign: int) -> None:
    """Add a recipient with purchases that count, or take them away."""
    purchases, amount = revenue
    if purchases:
        of[0] += sign
        # Not `sign * amount`: operators round to the 28 digits of the context in force.
        add = EXACT.add if sign > 0 else EXACT.subtract
        of[1], of[2] = add(of[1], amount), add(of[2], EXACT.multiply(amount, amount))


def _add(
    tables: WritableTables, table: Table, differences: Mapping[Key, Sequence[Any]], campaigns: Campaigns
) -> None:
    add_sums(tables, table, differences, lambda key: (*key, *campaigns[key[0]]))
