"""A campaign's read models as they were at a position of the log, in a small database of their own.

They never change, whatever is recorded later. tables.py: that database. folding.py: how it is filled.
"""

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
