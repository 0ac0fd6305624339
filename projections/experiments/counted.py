"""What an experiment is computed from (R21): a campaign's users of exactly one variant, now or at a past position.

A user who received several variants, control counting as one, says nothing about any of them: such users are left out,
and only their number is given. Other reports keep them in the campaign's totals (R18).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Table, func, select
from sqlalchemy.engine import Connection, Row

from domain.campaigns.conversion_events import LETTERS
from domain.campaigns.definition import Definition
from domain.instants import full_hour
from projections.engine.generations import current
from projections.engine.in_memory import in_memory
from projections.engine.projection import Definitions, Log, Tables
from projections.engine.tables import stream
from projections.recipients import RECIPIENTS
from projections.recipients.tables import (
    experiment_delays,
    experiment_first_receipts,
    experiment_recipients,
    experiment_revenue,
    experiment_several_variants,
    recipient_hours,
)

BATCH = 20_000
"""Events of a campaign that are folded at a time."""

_FLAGS = [f"converted_{letter.lower()}" for letter in LETTERS]


@dataclass(frozen=True)
class EventOfVariant:
    """How many of a variant's recipients converted on a conversion event; and both numbers of the mature ones."""

    index: int
    converted: int
    mature_recipients: int
    mature_converted: int


@dataclass(frozen=True)
class RevenueOfVariant:
    """Revenue in a currency: over all `recipients`, of whom the `buyers` have a purchase that counts, also at 0 (R11).

    `total` and `squares` are the exact sums of each recipient's net, in the currency, and of its square.
    """

    currency: str
    recipients: int
    buyers: int
    total: Decimal
    squares: Decimal


@dataclass(frozen=True)
class FirstReceived:
    """Recipients who received the variant first in the hour, in UTC, and by conversion event how many converted."""

    hour: datetime
    recipients: int
    converted: list[int]


@dataclass(frozen=True)
class FirstReceipts:
    """Users whose first receipt of any variant, control too, is the variant's, and lies in the hour, in UTC."""

    hour: datetime
    users: int


@dataclass(frozen=True)
class Delay:
    """How many conversions came after that many full hours from the receipt they are credited to."""

    hours: int
    conversions: int


@dataclass(frozen=True)
class VariantExperiment:
    """A variant and its recipients who received no other one."""

    variant_id: str
    control: bool
    recipients: int
    conversion_events: list[EventOfVariant]
    revenue: list[RevenueOfVariant]
    by_hour: list[FirstReceived]
    first_receipts: list[FirstReceipts]
    """Of all users, also of those in several variants."""
    delays: list[list[Delay]]
    """By conversion event those of all conversions credited to the variant, also of users in several variants."""


@dataclass(frozen=True)
class Experiment:
    """A campaign's experiment as the log up to `position` has it; recipients are mature as of the full hour `as_of`.

    Users in several variants are left out of the variants. `with_control` of them received control too.
    """

    app_group: str
    campaign_id: str
    position: int
    as_of: datetime
    users_in_several_variants: int
    with_control: int
    variants: list[VariantExperiment]


def load_experiment(
    connection: Connection, definitions: Definitions, app_group: str, campaign_id: str, as_of: datetime
) -> Experiment:
    """The experiment as the read model has it, mature as of the full hour at or before an instant.

    Raises UnknownCampaign.
    """
    definition, own = definitions.definition(app_group, campaign_id), current(connection, RECIPIENTS)
    reader = _Reader(connection, own, definition, app_group, campaign_id)
    return reader.experiment(own.position, full_hour(as_of))


def load_experiment_at(
    connection: Connection,
    log: Log,
    definitions: Definitions,
    app_group: str,
    campaign_id: str,
    position: int,
    as_of: datetime,
) -> Experiment:
    """The experiment as the read model had it at a position, folded again from the campaign's events up to there.

    Raises UnknownCampaign and UnreadableLog. It takes as long as reading those events; nothing of it is kept.
    """
    definition = definitions.definition(app_group, campaign_id)
    fold, handlers = RECIPIENTS.fold(definitions), RECIPIENTS.handlers
    events = log.of_campaign(connection, 0, position, handlers, app_group, campaign_id)
    with in_memory(RECIPIENTS.tables, definitions) as tables:
        for number, logged in enumerate(events, 1):
            handlers[type(logged.event)](fold, logged)
            if number % BATCH == 0:
                RECIPIENTS.write(fold, tables)
                fold = RECIPIENTS.fold(definitions)
        RECIPIENTS.write(fold, tables)
        reader = _Reader(tables.connection, tables, definition, app_group, campaign_id)
        return reader.experiment(position, full_hour(as_of))


@dataclass(frozen=True)
class _Reader:
    """Reads a campaign's experiment from the tables of recipients, wherever they are."""

    connection: Connection
    tables: Tables
    definition: Definition
    app_group: str
    campaign_id: str

    def experiment(self, position: int, as_of: datetime) -> Experiment:
        users = {row.control: row.users for row in self.rows(experiment_several_variants)}
        return Experiment(
            app_group=self.app_group,
            campaign_id=self.campaign_id,
            position=position,
            as_of=as_of,
            users_in_several_variants=sum(users.values()),
            with_control=users.get(True, 0),
            variants=self.variants(as_of),
        )

    def variants(self, as_of: datetime) -> list[VariantExperiment]:
        indexes = range(len(self.definition.conversion_events))
        mature, revenue, delays = self.mature(as_of), self.revenue(), self.delays()
        by_hour, firsts = self.by_hour(), self.first_receipts()
        found = []
        for variant_id, variant in self.definition.variants.items():
            hours = by_hour[variant_id]
            recipients = sum(each.recipients for each in hours)
            events = [
                EventOfVariant(i, sum(each.converted[i] for each in hours), *mature[variant_id, i])
                for i in indexes
            ]
            earned = [
                RevenueOfVariant(row.currency, recipients, row.buyers, row.amount, row.squares)
                for row in revenue[variant_id]
            ]
            took = [delays[variant_id, i] for i in indexes]
            counted = (recipients, events, earned, hours, firsts[variant_id], took)
            found.append(VariantExperiment(variant_id, variant.control, *counted))
        return found

    def by_hour(self) -> defaultdict[str, list[FirstReceived]]:
        found: defaultdict[str, list[FirstReceived]] = defaultdict(list)
        flags = _FLAGS[: len(self.definition.conversion_events)]
        for row in sorted(self.rows(experiment_recipients), key=lambda each: each.hour):
            converted = [getattr(row, flag) for flag in flags]
            found[row.variant_id].append(FirstReceived(row.hour, row.recipients, converted))
        return found

    def first_receipts(self) -> defaultdict[str, list[FirstReceipts]]:
        found: defaultdict[str, list[FirstReceipts]] = defaultdict(list)
        for row in sorted(self.rows(experiment_first_receipts), key=lambda each: each.hour):
            found[row.variant_id].append(FirstReceipts(row.hour, row.users))
        return found

    def mature(self, as_of: datetime) -> defaultdict[tuple[str, int], list[int]]:
        """By variant and conversion event: recipients whose window is over, and how many of them converted."""
        at = self.tables[recipient_hours].c
        # Summed by the database: there is a row for each hour, and reading them all would be half of a results page.
        query = (
            select(
                at.variant_id,
                at.conversion_event,
                func.sum(at.of_one_variant),
                func.sum(at.of_one_variant_converted),
            )
            .where(at.stream_id == stream(self.app_group, self.campaign_id), at.hour <= as_of)
            .group_by(at.variant_id, at.conversion_event)
        )
        found: defaultdict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
        for variant_id, index, recipients, converted in self.connection.execute(query):
            found[variant_id, index] = [int(recipients), int(converted)]
        return found

    def revenue(self) -> defaultdict[str, list[Row[Any]]]:
        """By variant its currencies; one appears once a purchase counts in it, even at 0 (R11)."""
        found: defaultdict[str, list[Row[Any]]] = defaultdict(list)
        for row in sorted(self.rows(experiment_revenue), key=lambda each: each.currency):
            found[row.variant_id].append(row)
        return found

    def delays(self) -> defaultdict[tuple[str, int], list[Delay]]:
        """By variant and conversion event."""
        found: defaultdict[tuple[str, int], list[Delay]] = defaultdict(list)
        for row in sorted(self.rows(experiment_delays), key=lambda each: each.hours):
            found[row.variant_id, row.conversion_event].append(Delay(row.hours, row.conversions))
        return found

    def rows(self, declared: Table) -> Sequence[Row[Any]]:
        table = self.tables[declared]
        query = select(table).where(table.c.stream_id == stream(self.app_group, self.campaign_id))
        return self.connection.execute(query).all()
