"""The two clocks of a series by day (R20)."""

from typing import Literal

Clock = Literal["conversion", "receipt"]
"""The day it happened, the conversion or the purchase, or the day of the receipt it is credited to."""
