"""What a batch of events says of behaviours and the campaigns they convert on, and the counts that change by it.

A user has at most one conversion on each conversion event of a campaign, and the log has its changes in order. So the
last event of a behaviour and a conversion event decides, whatever the tables held before the batch.
"""

from collections import Counter, defaultdict
from itertools import permutations

from domain.campaigns.conversion_events import LETTERS
from domain.journey.decisions import Conversion
from projections.engine.projection import Definitions, Fold, Logged, WritableTables
from projections.engine.tables import add_sums, stream
from projections.overlap.tables import overlap_behaviours, overlap_campaigns, overlap_conversions

_WIDTH = len(LETTERS)
_ALL = (1 << _WIDTH) - 1
_INDEXES = [[index for index in range(_WIDTH) if mask >> index & 1] for mask in range(_ALL + 1)]
"""By bit mask the indexes of its conversion events."""

Behaviour = tuple[str, str]
"""A user's journey, and the behaviour's id."""

Masks = dict[str, int]
"""By stream of a campaign a bit mask of its conversion events: bit 0 is A."""

Counts = defaultdict[tuple[str, int], list[int]]
"""By campaign and conversion event: conversions, those that overlap, and control's."""


class OverlapFold(Fold):
    """By behaviour and campaign the last that was `said`; control's conversions overlap with nothing, and are counted.

    `said` is a bit mask of the conversion events on which the behaviour converts now. Above it, in as many bits, is
    one of those on which it no longer does.
    """

    def __init__(self, definitions: Definitions) -> None:
        super().__init__(definitions)
        self.said: dict[Behaviour, Masks] = {}
        self.control: Counter[tuple[str, int]] = Counter()
        self.named: dict[str, tuple[str, str]] = {}

    def say(self, logged: Logged, conversion: Conversion, *, stands: bool) -> None:
        """Note that a conversion stands from here on, or that it no longer does."""
        index, campaign = logged.event.index, (logged.app_group, logged.event.campaign_id)
        key = stream(*campaign)
        self.named[key] = campaign
        if conversion.receipt.variant_id == self.definitions.definition(*campaign).control:
            self.control[key, index] += 1 if stands else -1
            return
        said = self.said.setdefault((logged.stream_id, conversion.behaviour.id), {})
        now, no_more = 1 << index, 1 << index + _WIDTH
        said[key] = said.get(key, 0) & ~(now | no_more) | (now if stands else no_more)


def recorded(fold: OverlapFold, logged: Logged) -> None:
    fold.say(logged, logged.event.now, stands=True)


def restated(fold: OverlapFold, logged: Logged) -> None:
    fold.say(logged, logged.event.before, stands=False)
    fold.say(logged, logged.event.now, stands=True)


def withdrawn(fold: OverlapFold, logged: Logged) -> None:
    fold.say(logged, logged.event.before, stands=False)


def write(fold: OverlapFold, tables: WritableTables) -> None:
    before: defaultdict[Behaviour, Masks] = defaultdict(dict)
    named = dict(fold.named)
    for row in tables.find(overlap_behaviours, fold.said, by=2):
        before[row.journey_id, row.behaviour_id][row.stream_id] = row.conversion_events
        named[row.stream_id] = (row.app_group, row.campaign_id)
    now = {behaviour: _apply(said, before[behaviour]) for behaviour, said in fold.said.items()}
    put = [
        (*behaviour, campaign, *named[campaign], mask)
        for behaviour, masks in now.items()
        for campaign, mask in masks.items()
        if mask != before[behaviour].get(campaign)
    ]
    gone = [
        (*behaviour, campaign)
        for behaviour, masks in before.items()
        for campaign in masks
        if campaign not in now[behaviour]
    ]
    tables.put(overlap_behaviours, put)
    tables.remove(overlap_behaviours, gone)
    _add(tables, named, _conversions(fold.control, before, now), _pairs(before, now))


def _apply(said: Masks, before: Masks) -> Masks:
    """The masks after what was said; a campaign on which the behaviour no longer converts is left out."""
    now = dict(before)
    for campaign, bits in said.items():
        mask = now.pop(campaign, 0) & ~(bits >> _WIDTH) | bits & _ALL
        if mask:
            now[campaign] = mask
    return now


def _conversions(
    control: Counter[tuple[str, int]], before: dict[Behaviour, Masks], now: dict[Behaviour, Masks]
) -> Counts:
    """How the counts of conversions change."""
    counts: Counts = defaultdict(lambda: [0, 0, 0])
    for key, difference in control.items():
        counts[key][2] += difference
    for behaviours, sign in ((before, -1), (now, 1)):
        for masks in behaviours.values():
            overlapping = sign if len(masks) > 1 else 0
            for campaign, mask in masks.items():
                for index in _INDEXES[mask]:
                    count = counts[campaign, index]
                    count[0] += sign
                    count[1] += overlapping
    return counts


def _pairs(before: dict[Behaviour, Masks], now: dict[Behaviour, Masks]) -> Counter[tuple[str, ...]]:
    """By pair of campaigns, in either direction: how many more behaviours convert on both."""
    pairs: Counter[tuple[str, ...]] = Counter()
    for behaviour, masks in now.items():
        stood = before[behaviour]
        if masks.keys() != stood.keys():
            pairs.update(permutations(masks, 2))
            pairs.subtract(permutations(stood, 2))
    return pairs


def _add(
    tables: WritableTables,
    named: dict[str, tuple[str, str]],
    conversions: Counts,
    pairs: Counter[tuple[str, ...]],
) -> None:
    add_sums(tables, overlap_conversions, conversions, lambda key: (*key, *named[key[0]]))
    add_sums(
        tables,
        overlap_campaigns,
        {pair: (difference,) for pair, difference in pairs.items()},
        lambda pair: (*pair, *named[pair[0]], named[pair[1]][1]),
    )
