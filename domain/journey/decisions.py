"""What was decided from a journey's facts. These payloads are the storage format of its decision events.

Each says what stood before and what stands now (R14), so that a read model only takes away one and adds the other.
Never change or remove a class or field that was stored (tests/golden/ keeps watch).
"""

from datetime import datetime
from decimal import Decimal

import msgspec

from domain.facts import AnyFact, Key


class Value(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Something a decision names by value."""


class Receipt(Value, frozen=True, gc=False):
    """A receipt as decisions name it."""

    id: str
    at: datetime
    variant_id: str

    @property
    def key(self) -> Key:
        """Its place among the user's facts."""
        return (self.at, self.id)


class Occurrence(Value, frozen=True, gc=False):
    """A behaviour as decisions name it."""

    id: str
    at: datetime

    @property
    def key(self) -> Key:
        """Its place among the user's facts."""
        return (self.at, self.id)


class Conversion(Value, frozen=True, gc=False):
    """The behaviour that converts, and the receipt it is credited to (R7, R9)."""

    behaviour: Occurrence
    receipt: Receipt


class Revenue(Value, frozen=True, gc=False):
    """A purchase's net, and the receipt it is credited to (R11, R12)."""

    net: Decimal
    receipt: Receipt


class Decision(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """What every decision event is."""


class FactDisregarded(Decision, frozen=True, gc=False):
    """A void took effect: from here on everything is judged as if the fact had not been (R17)."""

    void_id: str
    fact: AnyFact


class UpgradeRecorded(Decision, frozen=True, gc=False):
    """A version report is an upgrade over the latest earlier one (R10)."""

    report: Occurrence
    app_id: str
    from_version: str
    to_version: str


class UpgradeWithdrawn(Decision, frozen=True, gc=False):
    """A version report that was an upgrade is none any more (R10, R14)."""

    report: Occurrence
    app_id: str


class RecipientCounted(Decision, frozen=True, gc=False):
    """The user is a recipient of the variant; of the campaign, where `variant_id` is null (R18)."""

    campaign_id: str
    variant_id: str | None
    now: Receipt


class RecipientRestated(Decision, frozen=True, gc=False):
    """Another receipt is the user's first one of the variant, or of the campaign (R20)."""

    campaign_id: str
    variant_id: str | None
    before: Receipt
    now: Receipt


class RecipientWithdrawn(Decision, frozen=True, gc=False):
    """No receipt of the variant, or of the campaign, is left (R17)."""

    campaign_id: str
    variant_id: str | None
    before: Receipt


class ConversionRecorded(Decision, frozen=True, gc=False):
    """The user converts on the campaign's conversion event `index` (R7)."""

    campaign_id: str
    index: int
    now: Conversion


class ConversionRestated(Decision, frozen=True, gc=False):
    """Another behaviour converts, or another receipt is credited (R14)."""

    campaign_id: str
    index: int
    before: Conversion
    now: Conversion


class ConversionWithdrawn(Decision, frozen=True, gc=False):
    """No behaviour that converts is left (R14)."""

    campaign_id: str
    index: int
    before: Conversion


class RevenueAttributed(Decision, frozen=True, gc=False):
    """The purchase counts for the campaign (R11); an order counts as one (R27)."""

    campaign_id: str
    purchase: Occurrence
    currency: str
    now: Revenue
    is_order: bool = False


class RevenueRestated(Decision, frozen=True, gc=False):
    """The purchase is credited to another receipt, or its net is another (R9, R12, R14)."""

    campaign_id: str
    purchase: Occurrence
    currency: str
    before: Revenue
    now: Revenue
    is_order: bool = False


class RevenueWithdrawn(Decision, frozen=True, gc=False):
    """The purchase counts for the campaign no more (R14, R17)."""

    campaign_id: str
    purchase: Occurrence
    currency: str
    before: Revenue
    is_order: bool = False


JourneyEvent = (
    AnyFact
    | FactDisregarded
    | UpgradeRecorded
    | UpgradeWithdrawn
    | RecipientCounted
    | RecipientRestated
    | RecipientWithdrawn
    | ConversionRecorded
    | ConversionRestated
    | ConversionWithdrawn
    | RevenueAttributed
    | RevenueRestated
    | RevenueWithdrawn
)
