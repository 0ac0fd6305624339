"""How recipients change by what was folded: their rows are found in bulk, and changed in memory.

A batch may end between a fact and what was decided from it. So a conversion may outlive its recipient until the next
batch, and be withdrawn from a recipient who is gone: that changes nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from projections.projection import Store
from projections.recipients.fold import WIDTH, ReceiptKey, Recipient, RecipientsFold
from projections.recipients.tables import CAMPAIGN, recipient_receipts, recipients

_ALL = (1 << WIDTH) - 1
_FLAGS = [tuple(bool(mask >> index & 1) for index in range(WIDTH)) for mask in range(_ALL + 1)]
"""By bit mask of conversion events the columns that say on which a recipient converted."""
_MASKS = {flags: mask for mask, flags in enumerate(_FLAGS)}

_Receipts = tuple[int, ReceiptKey, ReceiptKey]
"""How many there are, the first and the last."""


class Standing(NamedTuple):
    """What stands for a recipient; `converted` is a bit mask of conversion events."""

    receipts: int
    first: ReceiptKey
    last: ReceiptKey
    converted: int


class Change(NamedTuple):
    """A recipient as they were and as they are: None where there is no receipt."""

    recipient: Recipient
    before: Standing | None
    now: Standing | None


def changes(fold: RecipientsFold, store: Store) -> list[Change]:
    """Every recipient who is another than before, once the table of receipts holds what was folded."""
    touched = sorted({*fold.came, *fold.went, *fold.said})
    rows: list[Any] = store.find(recipients, touched)
    stood = {row[:3]: _standing(row) for row in rows}
    looked_up = _looked_up(fold, store, stood)
    found = []
    for recipient in touched:
        before = stood.get(recipient)
        if recipient in looked_up:
            receipts = looked_up[recipient]
        else:
            receipts = _counted(before, fold.came.get(recipient, ()), fold.went.get(recipient, ()))
        now = None if receipts is None else _judged(receipts, before, fold.said.get(recipient, 0))
        if now != before:
            found.append(Change(recipient, before, now))
    return found


def left(came: Sequence[ReceiptKey], went: Collection[ReceiptKey]) -> Sequence[ReceiptKey]:
    """The receipts that came and did not go."""
    return [key for key in came if key not in went] if went else came


def row(campaign: tuple[str, str], recipient: Recipient, standing: Standing) -> tuple[Any, ...]:
    """A recipient's row."""
    receipts, (first_at, first_id), (last_at, last_id), converted = standing
    return (*recipient, *campaign, receipts, first_id, first_at, last_id, last_at, *_FLAGS[converted])


def _standing(row: Any) -> Standing:  # noqa: ANN401
    _, _, _, _, _, receipts, first_id, first_at, last_id, last_at, *flags = row
    return Standing(receipts, (first_at, first_id), (last_at, last_id), _MASKS[tuple(flags)])


def _counted(
    before: Standing | None, came: Sequence[ReceiptKey], went: Collection[ReceiptKey]
) -> _Receipts | None:
    """The receipts after some came, and some went that had been neither the first nor the last."""
    if before is not None and not came and not went:
        return (before.receipts, before.first, before.last)
    come = left(came, went)
    ends = come if before is None else [before.first, before.last, *come]
    if not ends:
        return None
    receipts = len(come) if before is None else before.receipts + len(came) - len(went)
    return (receipts, min(ends), max(ends)) if len(ends) > 1 else (receipts, ends[0], ends[0])


def _looked_up(
    fold: RecipientsFold, store: Store, stood: Mapping[Recipient, Standing]
) -> dict[Recipient, _Receipts | None]:
    """The receipts of recipients whose first or last one went."""
    wanted = {
        recipient
        for recipient, went in fold.went.items()
        if recipient in stood and not went.isdisjoint((stood[recipient].first, stood[recipient].last))
    }
    controls = dict(fold.campaigns.values())
    stand: defaultdict[Recipient, list[ReceiptKey]] = defaultdict(list)
    for each in store.find(recipient_receipts, {recipient[:2] for recipient in wanted}, by=2):
        key = (each.received_at, each.receipt_id)
        stand[each.stream_id, each.journey_id, each.variant_id].append(key)
        if each.variant_id != controls[each.stream_id]:
            stand[each.stream_id, each.journey_id, CAMPAIGN].append(key)
    return {recipient: _counted(None, stand[recipient], ()) for recipient in wanted}


def _judged(receipts: _Receipts, before: Standing | None, said: int) -> Standing:
    converted = 0 if before is None else before.converted
    return Standing(*receipts, converted & ~(said >> WIDTH) | said & _ALL)
