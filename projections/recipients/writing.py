"""Writing what was folded to the tables of recipients."""

from collections.abc import Mapping

from projections import sums
from projections.projection import Store
from projections.recipients import hours
from projections.recipients.changes import changes, left, row
from projections.recipients.fold import RecipientsFold
from projections.recipients.tables import CAMPAIGN, recipient_receipts, recipient_revenue, recipients

_Campaigns = Mapping[str, tuple[str, str]]
"""By stream the app group and the campaign."""


def write(fold: RecipientsFold, store: Store) -> None:
    campaigns = {stream: campaign for campaign, (stream, _) in fold.campaigns.items()}
    _write_receipts(fold, store, campaigns)
    changed = changes(fold, store)
    put = [row(campaigns[of[0]], of, now) for of, _, now in changed if now is not None]
    store.put(recipients, put)
    store.remove(recipients, [of for of, _, now in changed if now is None])
    hours.write(changed, store, campaigns)
    revenue = fold.revenue.differences()
    sums.add(store, recipient_revenue, revenue, lambda key: (*key, *campaigns[key[0]]))


def _write_receipts(fold: RecipientsFold, store: Store, campaigns: _Campaigns) -> None:
    put = [
        (stream, journey, receipt_id, *campaigns[stream], variant_id, at)
        for (stream, journey, variant_id), came in fold.came.items()
        if variant_id != CAMPAIGN
        for at, receipt_id in left(came, fold.went.get((stream, journey, variant_id), ()))
    ]
    gone = [
        (stream, journey, receipt_id)
        for (stream, journey, variant_id), went in fold.went.items()
        if variant_id != CAMPAIGN
        for _, receipt_id in went
    ]
    store.put(recipient_receipts, put)
    store.remove(recipient_receipts, gone)
