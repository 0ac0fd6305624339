"""Recipients by the hour from which they are mature: counts that are exact as of any full hour.

They follow from each recipient's row as it was and as it is, so that they are exact whatever a row went through.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta

from domain.instants import EPOCH
from projections.engine.projection import Definitions, WritableTables
from projections.engine.tables import add_sums
from projections.recipients.changes import Change
from projections.recipients.tables import recipient_hours

_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)

_Key = tuple[str, str, int, int]
"""Stream, variant, conversion event, and the hour by its number since 1970."""

_Campaigns = Mapping[str, tuple[str, str]]
"""By stream the app group and the campaign."""


def write(changes: Iterable[Change], tables: WritableTables, campaigns: _Campaigns) -> None:
    """Add what the changes make of the counts."""
    differences = {
        (*key[:3], EPOCH + key[3] * _HOUR): each
        for key, each in _differences(changes, tables.definitions, campaigns).items()
    }
    add_sums(tables, recipient_hours, differences, lambda key: (*key, *campaigns[key[0]]))


def _differences(
    changes: Iterable[Change], definitions: Definitions, campaigns: _Campaigns
) -> dict[_Key, list[int]]:
    """By key recipients and how many of them converted; and both of users of exactly one variant."""
    found: defaultdict[_Key, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
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
