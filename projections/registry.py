"""Every read model, and when it is brought up to date; each one's package says which events it reads.

`conversions serve` and `conversions project` keep all of them up to date. While neither runs, a question in the
terminal first brings the read models that it needs up to date.
"""

from projections.app_groups import APP_GROUPS
from projections.campaign_report import CAMPAIGN_REPORT
from projections.conversions import CONVERSIONS
from projections.engine.projection import Projection
from projections.overlap import OVERLAP
from projections.recipients import RECIPIENTS
from projections.series import SERIES

WITH_IMPORTS: tuple[Projection, ...] = (APP_GROUPS, CAMPAIGN_REPORT)
"""Each import brings these up to date before it ends, so that its report is there at once."""

FOLLOWED: tuple[Projection, ...] = (OVERLAP, CONVERSIONS, SERIES, RECIPIENTS)
"""These cost more to keep, and no import waits for them."""

PROJECTIONS = WITH_IMPORTS + FOLLOWED
