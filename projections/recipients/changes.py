"""How a fold changes recipients: their rows are found in bulk, and changed in memory.

A batch may end between a fact and what was decided from it. So a recipient may go one batch before their conversion is
withdrawn. The withdrawal then finds no recipient, and changes nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from projections.engine.projection import WritableTables
from projections.engine.tables import CAMPAIGN
from projections.recipients.fold import WIDTH, ReceiptKey, Recipient, RecipientsFold, User
from projections.recipients.tables import recipient_receipts, recipients

_ALL = (1 << WIDTH) - 1
FLAGS = [tuple(bool(mask >> index & 1) for index in range(WIDTH)) for mask in range(_ALL + 1)]
"""By bit mask of conversion events the columns that say on which a recipient converted."""
_MASKS = {flags: mask for mask, flags in enumerate(FLAGS)}

_Receipts = tuple[int, ReceiptKey, ReceiptKey]
"""How many there are, the first and the last."""


class RecipientState(msgspec.Struct, frozen=True, gc=False):
    """A recipient's row: receipts, the first and the last one, and a bit mask of conversion events."""

    receipts: int
    first: ReceiptKey
    last: ReceiptKey
    converted: int


class Change(msgspec.Struct, frozen=True, gc=False):
    """A recipient as they were and as they are: None where there is no receipt.

    `one_before` and `one_now` say whether the user had, and has, received exactly one variant.
    """

    recipient: Recipient
    before: RecipientState | None
    now: RecipientState | None
    one_before: bool
    one_now: bool


Variants = dict[str, RecipientState]
"""A user's rows by variant, the campaign being one of them."""

_NOTHING: Final[Variants] = {}

FirstReceipt = tuple[ReceiptKey, str]
"""A user's first receipt of all, and its variant."""


class Changes(NamedTuple):
    """What has changed, each time as it was and as it is: recipients, and users with a variant more or one less.

    `stood` has the rows before of all users that were looked at. `firsts` has the users whose first receipt is another
    one now.
    """

    recipients: list[Change]
    users: dict[User, tuple[Variants, Variants]]
    stood: dict[User, Variants]
    firsts: dict[User, tuple[FirstReceipt | None, FirstReceipt | None]]


def find_changes(fold: RecipientsFold, tables: WritableTables, others: Iterable[User]) -> Changes:
    """Find what a fold changes, once the table of receipts holds its receipts.

    `others` are more users to look at, whose receipts and conversions may be as before. A recipient who is as before is
    among the changes too, if their user has come to exactly one variant, or is no longer of one.
    """
    touched: dict[User, list[str]] = {}
    for stream, journey, variant_id in sorted({*fold.came, *fold.went, *fold.said}):
        touched.setdefault((stream, journey), []).append(variant_id)
    stood = _find_before(tables, {*touched, *others})
    looked_up = _look_up(fold, tables, stood)
    found = Changes([], {}, stood, {})
    for user, variants in touched.items():
        before = stood.get(user, _NOTHING)
        now = dict(before)
        for variant_id in variants:
            recipient, standing = (*user, variant_id), before.get(variant_id)
            if recipient in looked_up:
                receipts = looked_up[recipient]
            else:
                receipts = _count(standing, fold.came.get(recipient, ()), fold.went.get(recipient, ()))
            if receipts is not None:
                now[variant_id] = _judge(receipts, standing, fold.said.get(recipient, 0))
            elif standing is not None:
                del now[variant_id]
        _compare(found, user, before, now, variants)
    return found


def _find_before(tables: WritableTables, users: Iterable[User]) -> dict[User, Variants]:
    """Find the rows of these users, of all variants."""
    found: dict[User, Variants] = {}
    rows: list[Any] = tables.find(recipients, users, by=2)
    for stream, journey, variant_id, _, _, receipts, first_id, first_at, last_id, last_at, *flags in rows:
        standing = RecipientState(receipts, (first_at, first_id), (last_at, last_id), _MASKS[tuple(flags)])
        found.setdefault((stream, journey), {})[variant_id] = standing
    return found


def _compare(found: Changes, user: User, before: Variants, now: Variants, touched: Iterable[str]) -> None:
    """Note what has changed of a user."""
    one_before, one_now = one(before) is not None, one(now) is not None
    was_first, is_first = _first(before), _first(now)
    if was_first != is_first:
        found.firsts[user] = (was_first, is_first)
    if len(before) != len(now) or before.keys() != now.keys():
        found.users[user] = (before, now)
    for variant_id in touched if one_before == one_now else {**before, **now}:
        was, becomes = before.get(variant_id), now.get(variant_id)
        if one_before != one_now or was != becomes:
            found.recipients.append(Change((*user, variant_id), was, becomes, one_before, one_now))


def one(variants: Variants) -> str | None:
    """The one variant that a user has received; None where there is none, or several."""
    if len(variants) - (CAMPAIGN in variants) != 1:
        return None
    return next(variant_id for variant_id in variants if variant_id != CAMPAIGN)


def _first(variants: Variants) -> FirstReceipt | None:
    """The first receipt of any variant."""
    receipts = [(each.first, variant_id) for variant_id, each in variants.items() if variant_id != CAMPAIGN]
    return min(receipts, default=None)


def keep_left(came: Sequence[ReceiptKey], went: Collection[ReceiptKey]) -> Sequence[ReceiptKey]:
    """The receipts that came and did not go."""
    return [key for key in came if key not in went] if went else came


def row(campaign: tuple[str, str], recipient: Recipient, standing: RecipientState) -> tuple[Any, ...]:
    """A recipient's row."""
    (first_at, first_id), (last_at, last_id) = standing.first, standing.last
    flags = FLAGS[standing.converted]
    return (*recipient, *campaign, standing.receipts, first_id, first_at, last_id, last_at, *flags)


def _count(
    before: RecipientState | None, came: Sequence[ReceiptKey], went: Collection[ReceiptKey]
) -> _Receipts | None:
    """The receipts after some came and others went, none of which was the first or the last."""
    if before is not None and not came and not went:
        return (before.receipts, before.first, before.last)
    come = keep_left(came, went)
    ends = come if before is None else [before.first, before.last, *come]
    if not ends:
        return None
    receipts = len(come) if before is None else before.receipts + len(came) - len(went)
    return (receipts, min(ends), max(ends)) if len(ends) > 1 else (receipts, ends[0], ends[0])


def _look_up(
    fold: RecipientsFold, tables: WritableTables, stood: Mapping[User, Variants]
) -> dict[Recipient, _Receipts | None]:
    """Look up the receipts of recipients whose first or last one went."""
    wanted = {
        recipient
        for recipient, went in fold.went.items()
        if (standing := stood.get(recipient[:2], _NOTHING).get(recipient[2])) is not None
        and not went.isdisjoint((standing.first, standing.last))
    }
    controls = dict(fold.campaigns.values())
    stand: defaultdict[Recipient, list[ReceiptKey]] = defaultdict(list)
    for each in tables.find(recipient_receipts, {recipient[:2] for recipient in wanted}, by=2):
        key = (each.received_at, each.receipt_id)
        stand[each.stream_id, each.journey_id, each.variant_id].append(key)
        if each.variant_id != controls[each.stream_id]:
            stand[each.stream_id, each.journey_id, CAMPAIGN].append(key)
    return {recipient: _count(None, stand[recipient], ()) for recipient in wanted}


def _judge(receipts: _Receipts, before: RecipientState | None, said: int) -> RecipientState:
    converted = 0 if before is None else before.converted
    return RecipientState(*receipts, converted & ~(said >> WIDTH) | said & _ALL)
