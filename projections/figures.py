"""The figures of a variant or of a campaign, which every report of them shows (R18, R19)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain import money
from projections.engine.tables import EXACT


@dataclass(frozen=True)
class Figures:
    """The figures of a variant or of a campaign; revenue exact, by currency."""

    receipts: int
    unique_recipients: int
    conversions: list[int]
    revenue: dict[str, Decimal]

    @property
    def conversion_rates(self) -> list[float | None]:
        """Conversions / unique recipients; without recipients there is no rate (R18)."""
        people = self.unique_recipients
        return [conversions / people if people else None for conversions in self.conversions]

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has them."""
        return {
            "receipts": self.receipts,
            "unique_recipients": self.unique_recipients,
            "conversions": self.conversions,
            "conversion_rates": self.conversion_rates,
            "revenue": {
                currency: money.printed(amount, currency) for currency, amount in sorted(self.revenue.items())
            },
        }


def add_up(variants: Iterable[Figures], unique_recipients: int, conversion_events: int) -> Figures:
    """The campaign's own figures, given those of all variants but control (R9).

    Its unique recipients are no sum: a user may have received several variants (R18).
    """
    counted = list(variants)
    revenue: defaultdict[str, Decimal] = defaultdict(Decimal)
    for figures in counted:
        for currency, amount in figures.revenue.items():
            revenue[currency] = EXACT.add(revenue[currency], amount)
    return Figures(
        receipts=sum(figures.receipts for figures in counted),
        unique_recipients=unique_recipients,
        conversions=[sum(figures.conversions[i] for figures in counted) for i in range(conversion_events)],
        revenue=dict(revenue),
    )
