"""From a fact as it is reported to the one that is recorded: what the intake does, for facts that none will refuse."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from application.commands.facts import (
    AppVersionCommand,
    CustomEventCommand,
    PurchaseCommand,
    ReceivedCommand,
    RefundCommand,
    SessionStartedCommand,
    VoidCommand,
    read_fact,
)
from application.commands.properties import canonical, seal
from domain.campaigns.definition import Definition
from domain.facts import (
    AnyFact,
    AppVersionReported,
    CustomEvent,
    Purchase,
    Received,
    Refund,
    SessionStarted,
    Void,
)


@dataclass(frozen=True)
class Group:
    """What an app group knows: a bulk declares no custom event and adds no app."""

    app_group: str
    custom_events: AbstractSet[str]
    definitions: Mapping[str, Definition]

    def read(self, raw: dict[str, Any], key: bytes) -> tuple[AnyFact, str | None]:
        """The fact, and the free text that is kept aside from it."""
        match command := read_fact(raw):
            case ReceivedCommand(campaign_id=campaign_id):
                variant_id = self.definitions[campaign_id].variant(command.variant_id)
                return Received(command.id, command.at, campaign_id, variant_id), None
            case SessionStartedCommand():
                return SessionStarted(command.id, command.at, command.app_id, command.app_version), None
            case AppVersionCommand():
                return AppVersionReported(command.id, command.at, command.app_id, command.version), None
            case RefundCommand():
                return Refund(command.id, command.at, command.purchase_id, command.amount), None
            case VoidCommand():
                aside = None if command.reason is None else canonical(command.reason)
                return Void(command.id, command.at, command.fact_id, _sealed(key, aside)), aside
            case PurchaseCommand() | CustomEventCommand():
                aside = None if command.properties is None else canonical(command.properties)
                return self._with_properties(command, _sealed(key, aside)), aside
        raise TypeError(type(command).__name__)

    def _with_properties(
        self, command: PurchaseCommand | CustomEventCommand, properties: str | None
    ) -> Purchase | CustomEvent:
        app = (command.app_id, command.app_version)
        if isinstance(command, CustomEventCommand):
            assert command.name in self.custom_events, command.name
            return CustomEvent(command.id, command.at, command.name, *app, properties)
        assert command.currency is not None, command.id
        order = (command.product_id, command.price, command.currency, command.quantity)
        return Purchase(command.id, command.at, *order, *app, properties)


def _sealed(key: bytes, aside: str | None) -> str | None:
    return None if aside is None else seal(key, aside)
