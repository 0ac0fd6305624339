"""Writing what was folded to the tables of recipients."""

from projections.engine.projection import WritableTables
from projections.engine.tables import CAMPAIGN
from projections.recipients import hours, one_variant
from projections.recipients.changes import find_changes, keep_left, row
from projections.recipients.fold import RecipientsFold
from projections.recipients.one_variant import Campaigns
from projections.recipients.tables import recipient_receipts, recipients


def write(fold: RecipientsFold, tables: WritableTables) -> None:
    campaigns = {stream: campaign for campaign, (stream, _) in fold.campaigns.items()}
    _write_receipts(fold, tables, campaigns)
    revenue = fold.revenue.differences()
    found = find_changes(fold, tables, {key[:2] for key in revenue})
    changed = [each for each in found.recipients if each.now != each.before]
    put = [row(campaigns[each.recipient[0]], each.recipient, each.now) for each in changed if each.now]
    tables.put(recipients, put)
    tables.remove(recipients, [each.recipient for each in changed if each.now is None])
    hours.write(found.recipients, tables, campaigns)
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
