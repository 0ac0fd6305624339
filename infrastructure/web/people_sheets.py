"""Recipients and conversions as rows of a sheet."""

from collections.abc import Mapping
from typing import Any, Final

from domain.campaigns.conversion_events import LETTERS

CONVERSION_COLUMNS: Final = (
    "user_id",
    "letter",
    "variant_id",
    "control",
    "receipt_id",
    "received_at",
    "window_ends_at",
    "behaviour_id",
    "behaviour_at",
    "recorded_at",
    "restated",
    "decided_at",
    "index",
)
RECIPIENT_COLUMNS: Final = (
    "user_id",
    "journey_id",
    "variants",
    "receipts",
    "first_receipt_id",
    "first_received_at",
    "last_receipt_id",
    "last_received_at",
    *(f"converted_{letter.lower()}" for letter in LETTERS),
)


def flatten_recipient(row: Mapping[str, Any]) -> dict[str, Any]:
    """A recipient in one row: variants with their receipts, the variant of each conversion, revenue by currency.

    Each currency is a column, so that a sheet can add it up.
    """
    plain = {name: row[name] for name in RECIPIENT_COLUMNS if name in row}
    credited = {
        f"converted_{each['letter'].lower()}": each["variant_id"] for each in row["conversion_events"]
    }
    variants = "; ".join(f"{each['variant_id']} x {each['receipts']}" for each in row["variants"])
    revenue = {f"revenue_{currency}": amount for currency, amount in row["revenue"].items()}
    return plain | credited | {"variants": variants} | revenue
