"""A campaign's read models as they were at a position of the log, in a small database of their own.

They never change, whatever is recorded later. tables.py: that database. folding.py: it is filled from the log's
beginning. rewinding.py: it is filled from what the read models hold now, which is less work where the position is near.
"""

from collections.abc import Mapping

from projections.campaign_report import CAMPAIGN_REPORT
from projections.conversions import CONVERSIONS
from projections.engine.projection import Projection
from projections.overlap import OVERLAP
from projections.recipients import RECIPIENTS
from projections.series import SERIES

OF_CAMPAIGN: tuple[Projection, ...] = (CAMPAIGN_REPORT, RECIPIENTS, SERIES, CONVERSIONS)
"""They follow from the events that name the campaign, and are folded together: the log is read once."""

OF_BEHAVIOURS: tuple[Projection, ...] = (OVERLAP,)
"""It follows from what the campaign's converted users did for other campaigns too."""

SUMS: Mapping[str, int] = {
    "report_campaigns": 1,
    "report_variants": 2,
    "report_conversions": 1,
    "report_revenue": 2,
    "recipient_hours": 4,
    "experiment_recipients": 5,
    "experiment_first_receipts": 1,
    "experiment_revenue": 3,
    "experiment_several_variants": 1,
    "experiment_delays": 1,
    "series_receipts": 2,
    "series_conversions": 1,
    "series_revenue": 2,
    "overlap_conversions": 3,
    "overlap_campaigns": 1,
}
"""By table that sums up users, how many of its last columns are sums; all other tables have rows of single users."""

ALWAYS_THERE = {"report_campaigns", "report_variants"}
"""Tables whose rows the campaign's own events make: they are there also where all sums are 0."""

ENDS: Mapping[str, str] = {"recipient_receipts": "received_at"}
"""Tables of single users of which the first and the last row by a column are there also without the others."""
