"""Writing what was folded to the tables of recipients.

Recipients by the hour from which they are mature are counts that are exact as of any full hour. They follow from each
recipient's row as it was and as it is, so that they are exact whatever a row went through.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from domain.instants import EPOCH
from projections.engine.projection import Definitions, WritableTables
from projections.engine.tables import CAMPAIGN, add_sums
from projections.recipients import one_variant
from projections.recipients.changes import Change, find_changes, keep_left, row
from projections.recipients.fold import RecipientsFold
from projections.recipients.one_variant import Campaigns
from projections.recipients.tables import recipient_hours, recipient_receipts, recipients


def write(fold: RecipientsFold, tables: WritableTables) -> None:
    campaigns = {stream: campaign for campaign, (stream, _) in fold.campaigns.items()}
    _write_receipts(fold, tables, campaigns)
    revenue = fold.revenue.differences()
    found = find_changes(fold, tables, {key[:2] for key in revenue})
    changed = [each for each in found.recipients if each.now != each.before]
    put = [row(campaigns[each.recipient[0]], each.recipient, each.now) for each in changed if each.now]
    tables.put(recipients, put)
    tables.remove(recipients, [each.recipient for each in changed if each.now is None])
    write_hours(found.recipients, tables, campaigns)
    one_variant.write(found, dict(fold.campaigns.values()), tables, campaigns)
    one_variant.write_revenue(found, revenue, tables, campaigns)
    one_variant.write_delays(fold, tables, campaigns)


def _write_receipts(fold: RecipientsFold, tables: WritableTables, campaigns: Campaigns) -> None:
    put = [
        (stream, journey, receipt_id, *campaigns[stream], variant_id, at)
        for (stream, journey, variant_id), came in fold.came.items()
        if variant_id != CAMPAIGN
        for at, receipt_id in keep_left(came, fold.went.get((stream, journey, variant_id), ()))
    ]
    gone = [
        (stream, journey, receipt_id)
        for (stream, journey, variant_id), went in fold.went.items()
        if variant_id != CAMPAIGN
        for _, receipt_id in went
    ]
    tables.put(recipient_receipts, put)
    tables.remove(recipient_receipts, gone)


_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)

_HourKey = tuple[str, str, int, int]
"""Stream, variant, conversion event, and the hour by its number since 1970."""


def write_hours(changes: Iterable[Change], tables: WritableTables, campaigns: Campaigns) -> None:
    """Add what the changes make of the counts."""
    differences = {
        (*key[:3], EPOCH + key[3] * _HOUR): each
        for key, each in _hour_differences(changes, tables.definitions, campaigns).items()
    }
    add_sums(tables, recipient_hours, differences, lambda key: (*key, *campaigns[key[0]]))


def _hour_differences(
    changes: Iterable[Change], definitions: Definitions, campaigns: Campaigns
) -> dict[_HourKey, list[int]]:
    """By key recipients and how many of them converted; and both of users of exactly one variant."""
    found: defaultdict[_HourKey, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    # Whole seconds are exact: deadlines are (R3), and full hours lie on them.
    deadlines = {
        stream: [
            (index, deadline // _SECOND) for index, _, deadline in definitions.definition(*campaign).windows
        ]
        for stream, campaign in campaigns.items()
    }
    for change in changes:
        stream, _, variant_id = change.recipient
        for standing, one, sign in ((change.before, change.one_before, -1), (change.now, change.one_now, 1)):
            if standing is None:
                continue
            received_at, converted = standing.last[0] - EPOCH, standing.converted
            seconds = received_at.days * 86_400 + received_at.seconds
            for index, deadline in deadlines[stream]:
                # The window's end is inside it (R6): the first full hour after it is a later one.
                counts = found[stream, variant_id, index, (seconds + deadline) // 3_600 + 1]
                counted = sign if converted >> index & 1 else 0
                counts[0] += sign
                counts[1] += counted
                if one:
                    counts[2] += sign
                    counts[3] += counted
    return found
