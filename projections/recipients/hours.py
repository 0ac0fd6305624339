"""Recipients by the hour from which they are mature: counts that are exact as of any full hour.

They follow from each recipient's row as it was and as it is, so that they are exact whatever a row went through.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from domain.instants import EPOCH
from projections import sums
from projections.projection import Known, Store
from projections.recipients.changes import Change
from projections.recipients.tables import recipient_hours

_HOUR = timedelta(hours=1)

_Key = tuple[str, str, int, int]
"""Stream, variant, conversion event, and the hour by its number since 1970."""

_Campaigns = Mapping[str, tuple[str, str]]
"""By stream the app group and the campaign."""


def floored(instant: datetime) -> datetime:
    """The full hour, in UTC, at or before an instant."""
    return EPOCH + (instant - EPOCH) // _HOUR * _HOUR


def write(changes: Iterable[Change], store: Store, campaigns: _Campaigns) -> None:
    """Add what the changes make of the counts."""
    differences = {
        (*key[:3], EPOCH + key[3] * _HOUR): each
        for key, each in _differences(changes, store.known, campaigns).items()
    }
    sums.add(store, recipient_hours, differences, lambda key: (*key, *campaigns[key[0]]))


def _differences(changes: Iterable[Change], known: Known, campaigns: _Campaigns) -> dict[_Key, list[int]]:
    found: defaultdict[_Key, list[int]] = defaultdict(lambda: [0, 0])
    windows = {stream: known.definition(*campaign).windows for stream, campaign in campaigns.items()}
    for (stream, _, variant_id), before, now in changes:
        for standing, sign in ((before, -1), (now, 1)):
            if standing is None:
                continue
            received_at, converted = standing.last[0] - EPOCH, standing.converted
            for index, _, deadline in windows[stream]:
                # The window's end is inside it (R6): the first full hour after it is a later one.
                counts = found[stream, variant_id, index, (received_at + deadline) // _HOUR + 1]
                counts[0] += sign
                counts[1] += sign * (converted >> index & 1)
    return found
