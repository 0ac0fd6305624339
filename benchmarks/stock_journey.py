"""A user's journey as a user of `eventsourcing` would write it: a decorated aggregate that holds what decisions read.

The rules are R6 to R12 for facts that arrive in order of time: what makes ours right for late facts, refunds and voids
is not asked of it.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.domain import Aggregate, event

from application.commands.definitions import (
    AnyConversionEventCommand,
    CampaignCommand,
    MakesPurchaseCommand,
    PerformsCustomEventCommand,
    StartsSessionCommand,
    UpgradesAppCommand,
)
from application.commands.facts import (
    AppVersionCommand,
    BehaviourCommand,
    CustomEventCommand,
    FactCommand,
    PurchaseCommand,
    ReceivedCommand,
    SessionStartedCommand,
)
from domain import money
from domain.app_version import is_upgrade

DEFAULT_REVENUE_WINDOW = 3 * 86_400


class Receipt(NamedTuple):
    """The latest receipt of a campaign."""

    at: datetime
    variant_id: str

    def holds(self, at: datetime, deadline: int) -> bool:
        """R6."""
        return self.at <= at <= self.at + timedelta(seconds=deadline)


class Campaign:
    """What receipts of one campaign are judged by."""

    def __init__(self, command: CampaignCommand) -> None:
        self.id = command.id
        self.variants = [variant.id for variant in command.variants or ()] or ["default"]
        self.controls = {variant.id for variant in command.variants or () if variant.control}
        self.conversion_events = command.conversion_events or []

    @property
    def revenue_window(self) -> int:
        """R11."""
        return self.conversion_events[0].deadline if self.conversion_events else DEFAULT_REVENUE_WINDOW


class Journey(Aggregate):
    """All facts of one user, and what follows from them."""

    @event("Began")
    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.fact_ids: set[str] = set()
        self.versions: dict[str, str] = {}
        self.receipts: dict[str, Receipt] = {}
        self.recipient_of: set[tuple[str, str]] = set()
        self.converted: set[tuple[str, int]] = set()

    @staticmethod
    def create_id(user_id: str) -> UUID:
        """The same id for the same user, always."""
        return uuid5(NAMESPACE_URL, f"/journeys/{user_id}")

    # Decisions

    def take(self, fact: FactCommand, campaigns: dict[str, Campaign]) -> None:
        """Record a fact and all that follows from it; nothing for a fact taken before."""
        if fact.id in self.fact_ids:
            return
        match fact:
            case ReceivedCommand():
                self._take_receipt(fact, campaigns[fact.campaign_id])
            case SessionStartedCommand():
                upgrade = self._report(fact.app_id, fact.app_version)
                self.start_session(fact.id, fact.at, fact.app_id, fact.app_version)
                self._judge(fact, campaigns, upgrade=upgrade)
            case AppVersionCommand():
                upgrade = self._report(fact.app_id, fact.version)
                self.report_version(fact.id, fact.at, fact.app_id, fact.version)
                self._judge(fact, campaigns, upgrade=upgrade)
            case CustomEventCommand():
                upgrade = self._report(fact.app_id, fact.app_version)
                self.perform(fact.id, fact.at, fact.name, fact.properties, fact.app_id, fact.app_version)
                self._judge(fact, campaigns, upgrade=upgrade)
            case PurchaseCommand():
                self._take_purchase(fact, campaigns)

    def _take_receipt(self, fact: ReceivedCommand, campaign: Campaign) -> None:
        variant_id = fact.variant_id or campaign.variants[0]
        self.receive(fact.id, fact.at, campaign.id, variant_id)
        if (campaign.id, variant_id) not in self.recipient_of:
            self.count_recipient(campaign.id, variant_id)
        if variant_id not in campaign.controls and (campaign.id, "") not in self.recipient_of:
            self.count_recipient(campaign.id, "")

    def _take_purchase(self, fact: PurchaseCommand, campaigns: dict[str, Campaign]) -> None:
        assert fact.currency is not None
        upgrade = self._report(fact.app_id, fact.app_version)
        self.purchase(
            fact.id, fact.at, fact.product_id, fact.price, fact.currency, fact.quantity, fact.properties,
            fact.app_id, fact.app_version,
        )  # fmt: skip
        self._judge(fact, campaigns, upgrade=upgrade)
        amount = money.amount(fact.price, fact.quantity)
        for campaign_id, receipt in self.receipts.items():
            if receipt.holds(fact.at, campaigns[campaign_id].revenue_window):
                self.attribute_revenue(campaign_id, receipt.variant_id, fact.id, amount, fact.currency)

    def _report(self, app_id: str | None, version: str | None) -> bool:
        """Whether a version report is an upgrade (R10)."""
        before = self.versions.get(app_id or "")
        return version is not None and before is not None and is_upgrade(before, version)

    def _judge(self, fact: FactCommand, campaigns: dict[str, Campaign], *, upgrade: bool) -> None:
        """Convert wherever the latest receipt's window holds the behaviour, if it has not yet (R7 to R9)."""
        for campaign_id, receipt in self.receipts.items():
            for index, each in enumerate(campaigns[campaign_id].conversion_events):
                if (campaign_id, index) in self.converted or not receipt.holds(fact.at, each.deadline):
                    continue
                if _matches(each, fact, upgrade=upgrade):
                    self.convert(campaign_id, index, fact.id, fact.at, receipt.at, receipt.variant_id)

    # Events and evolution

    @event("Received")
    def receive(self, fact_id: str, at: datetime, campaign_id: str, variant_id: str) -> None:
        """The user received a campaign."""
        self.fact_ids.add(fact_id)
        self.receipts[campaign_id] = Receipt(at, variant_id)

    @event("SessionStarted")
    def start_session(self, fact_id: str, at: datetime, app_id: str, app_version: str | None) -> None:
        """The user started a session."""
        self.fact_ids.add(fact_id)
        self._keep_version(app_id, app_version)

    @event("AppVersionReported")
    def report_version(self, fact_id: str, at: datetime, app_id: str, version: str) -> None:
        """The user's app reported its version."""
        self.fact_ids.add(fact_id)
        self._keep_version(app_id, version)

    @event("CustomEventPerformed")
    def perform(
        self, fact_id: str, at: datetime, name: str, properties: dict[str, Any] | None,
        app_id: str | None, app_version: str | None,
    ) -> None:  # fmt: skip
        """The user performed a custom event."""
        self.fact_ids.add(fact_id)
        self._keep_version(app_id, app_version)

    @event("Purchased")
    def purchase(  # noqa: PLR0913, PLR0917 - an event of the library is its method's arguments
        self, fact_id: str, at: datetime, product_id: str, price: Decimal, currency: str, quantity: int,
        properties: dict[str, Any] | None, app_id: str | None, app_version: str | None,
    ) -> None:  # fmt: skip
        """The user bought a product."""
        self.fact_ids.add(fact_id)
        self._keep_version(app_id, app_version)

    @event("RecipientCounted")
    def count_recipient(self, campaign_id: str, variant_id: str) -> None:
        """The user is a recipient of the variant; of the campaign, where there is none."""
        self.recipient_of.add((campaign_id, variant_id))

    @event("ConversionRecorded")
    def convert(
        self, campaign_id: str, index: int, fact_id: str, at: datetime, received_at: datetime, variant_id: str
    ) -> None:
        """The user converts."""
        self.converted.add((campaign_id, index))

    @event("RevenueAttributed")
    def attribute_revenue(
        self, campaign_id: str, variant_id: str, purchase_id: str, amount: Decimal, currency: str
    ) -> None:
        """A purchase counts for a campaign."""

    def _keep_version(self, app_id: str | None, version: str | None) -> None:
        if app_id is not None and version is not None:
            self.versions[app_id] = version


def _matches(wanted: AnyConversionEventCommand, fact: FactCommand, *, upgrade: bool) -> bool:
    """R2."""
    match wanted:
        case StartsSessionCommand():
            return isinstance(fact, SessionStartedCommand) and (
                not wanted.app_ids or fact.app_id in wanted.app_ids
            )
        case MakesPurchaseCommand():
            return isinstance(fact, PurchaseCommand) and wanted.product_id in (None, fact.product_id)
        case PerformsCustomEventCommand():
            return isinstance(fact, CustomEventCommand) and fact.name == wanted.name
        case UpgradesAppCommand():
            app_id = fact.app_id if isinstance(fact, BehaviourCommand | AppVersionCommand) else None
            return upgrade and (not wanted.app_ids or app_id in wanted.app_ids)
