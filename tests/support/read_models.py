"""Read models held against the reference: each as readers find it, for all campaigns of a ledger."""

import pickle
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.engine import Connection

from application.commands.definitions import read_campaigns
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.database.schema import identities
from projections.app_groups import read_app_groups
from projections.conversions import CONVERSIONS
from projections.conversions.reading import count_conversions_until, sum_revenue_until
from projections.conversions.tables import conversions as conversions_table
from projections.conversions.tables import counted_revenue
from projections.engine import generations
from projections.engine.folding import fold
from projections.engine.in_memory import in_memory
from projections.engine.projection import Projection, Tables
from projections.engine.projector import write
from projections.engine.tables import users
from projections.experiments.counted import Experiment, load_experiment, load_experiment_at
from projections.overlap.reading import Overlap, load_overlap
from projections.recipients import RECIPIENTS, reading, tables
from projections.series.clock import Clock
from projections.series.reading import DayFigures, Series, load_series
from tests.support import reference, reference_experiment, reference_reports
from tests.support.ledgers import GROUP, NOW, open_ledger, reported
from tests.support.strategies import APP_GROUP, APPS, CUSTOM_EVENTS, START

CLOCKS: tuple[Clock, ...] = get_args(Clock)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)
T = TypeVar("T")

Contents = list[set[tuple[Any, ...]]]
ByDay = dict[tuple[str | None, date], dict[str, Any]]


@contextmanager
def ledger_in(zone: str, campaigns: Sequence[dict[str, Any]]) -> Iterator[Service]:
    """A ledger whose app group lives in the zone."""
    with TemporaryDirectory() as directory, open_ledger(Path(directory)) as service:
        group = APP_GROUP | {"time_zone": zone, "campaigns": list(campaigns)}
        service.campaigns.apply(read_campaigns(group), stamp())
        yield service


def contents(service: Service, projection: Projection) -> Contents:
    """All rows of all tables of the generation that is read."""
    with service.database.reading() as connection:
        return contents_of(connection, projection, generations.current(connection, projection))


def contents_of(connection: Connection, projection: Projection, own: Tables) -> Contents:
    """All rows of all these tables."""
    return [{tuple(row) for row in connection.execute(own[each].select())} for each in projection.tables]


def fold_apart(service: Service, projection: Projection, span: int) -> Contents:
    """Build it as a rebuild does: ranges folded, each in a process that knows nothing of others, then written."""
    known, log = service.definitions, service.log
    with service.database.reading() as connection, in_memory(projection.tables, known) as built:
        last = log.last_position(connection)
        ranges = [(after, min(after + span, last)) for after in range(0, last, span)]
        folds = [pickle.dumps(fold(log, connection, known, [projection], *each)) for each in ranges]
        for sent, (_, position) in zip(folds, ranges, strict=True):
            write(projection, pickle.loads(sent)[projection.name], built, position)  # noqa: S301 - the test's own
        tally = log.tally(connection, 0, last)
        assert projection.expected(tally) == projection.held(built.connection, built)
        return contents_of(built.connection, projection, built)


def check_verified(service: Service, projection: Projection) -> None:
    """What a rebuild would compare is equal."""
    with service.database.reading() as connection:
        log = service.log
        tally = log.tally(connection, 0, log.last_position(connection))
        own = generations.current(connection, projection)
        assert projection.expected(tally) == projection.held(connection, own)


@dataclass(frozen=True)
class Judge:
    """Holds what is read of a ledger, all read models being up to date, against what the reference finds in facts.

    `pick` chooses among the corners of a question: an instant, a day, an hour.
    """

    service: Service
    campaigns: Sequence[Any]
    facts: Sequence[Any]
    zone: str
    pick: Callable[[Sequence[Any]], Any]

    def check(self) -> None:
        """Check all read models."""
        self.check_app_groups()
        self.check_conversions()
        self.check_recipients()
        expected = reference.judge(self.campaigns, self.facts)
        for campaign in self.campaigns:
            assert reported(self.service, campaign["id"]) == expected.report(campaign["id"])
            self.check_until(campaign)
            self.check_overlap(campaign)
            self.check_series(campaign)
            self.check_mature(campaign)
            self.check_period(campaign)
            self.check_experiment(campaign)

    def check_app_groups(self) -> None:
        """App groups are as they were made."""
        with self.service.database.reading() as connection:
            [found] = read_app_groups(connection)
        assert (found.app_group, found.time_zone) == (GROUP, self.zone)
        assert (found.apps, found.custom_events) == (sorted(APPS), sorted(CUSTOM_EVENTS))

    def check_conversions(self) -> None:
        """R7, R9, R11, R12, R27: conversions, what counts as revenue, and lines, row by row."""
        with self.service.database.reading() as connection:
            own = generations.current(connection, CONVERSIONS)
            user_of = {row.journey_id: row.user_id for row in connection.execute(select(identities))}
            converted, counted, lines = (
                connection.execute(own[each].select()).all() for each in CONVERSIONS.tables
            )
        for rows, told, name in (
            (
                converted,
                reference_reports.conversions(self.campaigns, self.facts),
                conversions_table.c[2].name,
            ),
            (
                counted,
                reference_reports.counted_purchases(self.campaigns, self.facts),
                counted_revenue.c[2].name,
            ),
        ):
            found = {
                (user_of[row.journey_id], row.campaign_id, row._mapping[name]): row._mapping for row in rows
            }
            assert found.keys() == told.keys()
            for key, row in found.items():
                assert {field: row[_COLUMNS.get(field, field)] for field in told[key]} == told[key]
                assert row["control"] == (row["variant_id"] == self._control(row["campaign_id"]))
        assert {
            (user_of[row.journey_id], row.fact_id, row.line): (row.product_id, row.quantity, row.price)
            for row in lines
        } == sold(self.facts)

    def _control(self, campaign_id: str) -> str | None:
        return reference.control_of(reference_reports.campaign_named(self.campaigns, campaign_id))

    def check_recipients(self) -> None:
        """R18: rows, and pages of users."""
        expected = reference_reports.recipients(self.campaigns, self.facts)
        assert everyone(self.service) == expected
        for campaign in self.campaigns:
            own = {
                key: row for key, row in expected.items() if key[1] == campaign["id"] and key[2] is not None
            }
            check_pages(self.service, campaign, own)

    def check_until(self, campaign: Any) -> None:
        """R12, R17, R18: what had been received, converted and earned by some fact's instant, or beside it."""
        at = self.pick([reference.instant(fact) for fact in self.facts] or [START])
        at = (at + self.pick([-1, 0, 1]) * TICK).astimezone(ZoneInfo("Asia/Kolkata"))
        expected = reference_reports.true_as_of(self.campaigns, self.facts, campaign["id"], at)
        with self.service.database.reading() as connection:
            of = (connection, GROUP, campaign["id"], at)
            received, converted, earned = (
                reading.count_receipts_until(*of),
                count_conversions_until(*of),
                sum_revenue_until(*of),
            )
        assert received.unique_recipients[None] == expected["totals"]["unique_recipients"]
        for variant, row in expected["variants"].items():
            assert received.receipts[variant] == row["receipts"]
            assert received.unique_recipients[variant] == row["unique_recipients"]
        told = credited(expected, "conversions")
        assert converted == {key: count for key, count in told.items() if count}
        assert {key: net for key, (_, net) in earned.items()} == credited(expected, "revenue")

    def check_overlap(self, campaign: Any) -> None:
        """R8, R9: conversions whose behaviour converted elsewhere too, and with which campaigns."""
        own = (self.campaigns, self.facts, campaign["id"])
        found = overlap_in(self.service, campaign["id"])
        assert [(each.conversions, each.overlapping) for each in found.conversion_events] == [
            (each["conversions"], each["overlapping"]) for each in reference_reports.overlap(*own)
        ]
        shared = {each.campaign_id: each.behaviours for each in found.shared_with}
        assert shared == reference_reports.overlap_with(*own)

    def check_series(self, campaign: Any) -> None:
        """R20: each day under either clock, and their sums."""
        for clock in CLOCKS:
            expected = reference_reports.series(self.campaigns, self.facts, campaign["id"], clock, self.zone)
            assert by_day(series_in(self.service, campaign["id"], clock)) == expected
            check_sums(self.service, campaign["id"], clock)

    def check_mature(self, campaign: Any) -> None:
        """R6, R9, R18: as of a full hour at or around the end of a window, the counts of every recipient looked at."""
        as_of = self._as_of(campaign)
        hour = reference_experiment.full_hour(as_of)
        expected = reference_reports.mature(self.campaigns, self.facts, campaign["id"], hour)
        with self.service.database.reading() as connection:
            known = self.service.definitions
            found = reading.load_mature_rates(connection, known, GROUP, campaign["id"], as_of)
        assert found.as_of == hour
        rows = {None: found.totals} | {each.variant_id: each.conversion_events for each in found.variants}
        assert {
            variant: [
                {"recipients": each.recipients, "converted": each.converted, "open": each.open}
                for each in events
            ]
            for variant, events in rows.items()
        } == expected

    def check_period(self, campaign: Any) -> None:
        """R18, R19, R20: receipts and exact unique recipients of any days, in the group's time zone."""
        days = sorted({reference_reports.day(reference.instant(fact), self.zone) for fact in self.facts})
        first, last = (self.pick(days or [START.date()]) for _ in range(2))
        own = campaign["id"]
        expected = reference_reports.received_between(self.campaigns, self.facts, own, first, last, self.zone)
        told = {name: credited(expected, name) for name in ("conversions", "revenue")}
        with self.service.database.reading() as connection:
            known = self.service.definitions
            found = reading.load_period(connection, known, GROUP, own, first, last, **told)
        assert _row(found.totals) == expected["totals"]
        assert {each.variant_id: _row(each.figures) for each in found.variants} == expected["variants"]

    def check_experiment(self, campaign: Any) -> None:
        """R6, R9, R11, R18: users of exactly one variant, as of an hour around the end of some window."""
        as_of = self._as_of(campaign)
        hour = reference_experiment.full_hour(as_of)
        found = experiment_in(self.service, campaign["id"], as_of)
        assert found.as_of == hour
        expected = reference_experiment.experiment(self.campaigns, self.facts, campaign["id"], hour)
        assert as_reference(found) == expected

    def _as_of(self, campaign: Any) -> datetime:
        """An instant at or around the end of some recipient's last window."""
        rows = reference_reports.of_campaign(
            reference_reports.recipients(self.campaigns, self.facts), campaign["id"]
        )
        deadlines = [reference.deadline_of(event) for event in reference.conversion_events_of(campaign)]
        ends = {row["last_received_at"] + deadline for row in rows.values() for deadline in deadlines}
        step: timedelta = self.pick([-HOUR, timedelta(0), HOUR, 2 * HOUR, 365 * 24 * HOUR])
        end: datetime = self.pick(sorted(ends) or [START])
        return end + step

    def experiments(self) -> list[Experiment]:
        """The experiments of all campaigns as the read model has them now."""
        return [experiment_in(self.service, campaign["id"], NOW) for campaign in self.campaigns]


_COLUMNS = {"purchased_at": "occurred_at"}
"""Columns that the reference has under another name."""


def sold(facts: Iterable[reference.Fact]) -> dict[tuple[Any, ...], tuple[str, int, Decimal | None]]:
    """The lines of the purchases and orders that stand (R11, R17, R27), by user, fact and place."""
    stand = reference.standing(facts)
    lines = [(fact, [fact]) for fact in stand if fact["type"] == "purchase"]
    lines += [(fact, fact.get("lines") or []) for fact in stand if fact["type"] == "order"]
    return {
        (fact["user_id"], fact["id"], place): (
            line["product_id"],
            int(line.get("quantity") or 1),
            None if line.get("price") is None else Decimal(line["price"]),
        )
        for fact, of_fact in lines
        for place, line in enumerate(of_fact)
    }


def everyone(service: Service) -> dict[Any, dict[str, Any]]:
    """The rows of recipients and of their revenue, as the reference has them."""
    with service.database.reading() as connection:
        own = generations.current(connection, RECIPIENTS)
        table, revenue = own[tables.recipients], own[tables.recipient_revenue]
        query = select(table, users.c.user_id).join(users, users.c.journey_id == table.c.journey_id)
        found, of_user = {}, {}
        for row in connection.execute(query):
            of_user[row.journey_id] = row.user_id
            flags = (row.converted_a, row.converted_b, row.converted_c, row.converted_d)
            found[row.user_id, row.campaign_id, row.variant_id or None] = {
                "receipts": row.receipts,
                "first_receipt_id": row.first_receipt_id,
                "first_received_at": row.first_received_at,
                "last_receipt_id": row.last_receipt_id,
                "last_received_at": row.last_received_at,
                "converted": [index for index, flag in enumerate(flags) if flag],
                "revenue": {},
            }
        for row in connection.execute(select(revenue)):
            key = (of_user[row.journey_id], row.campaign_id, row.variant_id or None)
            found[key]["revenue"][row.currency] = (row.purchases, row.amount)
    return found


def all_pages(
    service: Service, campaign_id: str, limit: int = 1, **wanted: Any
) -> list[reading.RecipientRow]:
    """All pages of a campaign's recipients."""
    found: list[reading.RecipientRow] = []
    with service.database.reading() as connection:
        while True:
            after = found[-1].key if found else None
            known = service.definitions
            page = reading.load_recipients(
                connection, known, GROUP, campaign_id, after=after, limit=limit, **wanted
            )
            found += page
            if len(page) < limit:
                return found


def check_pages(service: Service, campaign: Any, expected: dict[Any, dict[str, Any]]) -> None:
    """The list of a campaign's users says what the rows of its variants say."""
    pages = all_pages(service, campaign["id"])
    assert [row.key for row in pages] == sorted(row.key for row in pages)
    assert {row.user_id for row in pages} == {key[0] for key in expected}
    for row in pages:
        of_user = {key[2]: each for key, each in expected.items() if key[0] == row.user_id}
        assert {variant.variant_id: variant.receipts for variant in row.variants} == {
            variant: each["receipts"] for variant, each in of_user.items()
        }
        credited_to = {index: variant for variant, each in of_user.items() for index in each["converted"]}
        assert row.credited == [
            credited_to.get(i) for i, _ in enumerate(reference.conversion_events_of(campaign))
        ]
        every = of_user.values()
        assert row.first == min((each["first_received_at"], each["first_receipt_id"]) for each in every)
        assert row.last == max((each["last_received_at"], each["last_receipt_id"]) for each in every)
        currencies = {currency for each in every for currency in each["revenue"]}
        assert row.revenue == {
            currency: sum(each["revenue"].get(currency, (0, 0))[1] for each in every)
            for currency in currencies
        }


def credited(report: Any, of: str) -> dict[tuple[str, Any], Any]:
    """Conversions or revenue of a report of the reference, by variant and conversion event or currency."""
    found = {}
    for variant, figures in report["variants"].items():
        values = enumerate(figures[of]) if of == "conversions" else figures[of].items()
        found.update({(variant, key): value for key, value in values})
    return found


def _row(figures: Any) -> dict[str, Any]:
    """Figures in the reference's shape."""
    return {
        "receipts": figures.receipts,
        "unique_recipients": figures.unique_recipients,
        "conversions": figures.conversions,
        "conversion_rates": figures.conversion_rates,
        "revenue": figures.revenue,
    }


def overlap_in(service: Service, campaign_id: str) -> Overlap:
    """The overlap as readers find it."""
    with service.database.reading() as connection:
        return load_overlap(connection, service.definitions, GROUP, campaign_id)


def series_in(service: Service, campaign_id: str, clock: Clock, *days: date | None) -> Series:
    """The series as readers find it."""
    with service.database.reading() as connection:
        return load_series(connection, service.definitions, GROUP, campaign_id, clock, *days)


def by_day(found: Series) -> ByDay:
    """The days in the reference's shape, those with nothing in them left out."""
    told: ByDay = {}
    for day in found.days:
        rows = {None: day.totals} | {each.variant_id: each.figures for each in day.variants}
        told |= {(variant_id, day.date): vars(figures) for variant_id, figures in rows.items()}
    return {key: figures for key, figures in told.items() if _has_anything(figures)}


def _has_anything(figures: dict[str, Any]) -> bool:
    """Whether there is anything in a day; a currency in which 0 was earned is something (R11)."""
    counts = (figures["receipts"], figures["unique_recipients"], *figures["conversions"])
    return any(counts) or bool(figures["revenue"])


def check_sums(service: Service, campaign_id: str, clock: Clock) -> None:
    """Sums over days equal the report, for each variant and the campaign, each by itself."""
    found, report = series_in(service, campaign_id, clock), reported(service, campaign_id)
    by_variant: dict[str, list[DayFigures]] = {variant_id: [] for variant_id in report["variants"]}
    for day in found.days:
        for variant in day.variants:
            by_variant[variant.variant_id].append(variant.figures)
    rows = [(report["totals"], [day.totals for day in found.days])]
    rows += [(report["variants"][variant_id], days) for variant_id, days in by_variant.items()]
    for row, days in rows:
        assert _summed(days, found.conversion_events) | {"conversion_rates": row["conversion_rates"]} == row


def _summed(days: Sequence[DayFigures], conversion_events: int) -> dict[str, Any]:
    """Days added up, in the shape of a report's row without its rates."""
    revenue: defaultdict[str, Decimal] = defaultdict(Decimal)
    for day in days:
        for currency, amount in day.revenue.items():
            revenue[currency] += amount
    return {
        "receipts": sum(day.receipts for day in days),
        "unique_recipients": sum(day.unique_recipients for day in days),
        "conversions": [sum(day.conversions[index] for day in days) for index in range(conversion_events)],
        "revenue": dict(revenue),
    }


def experiment_in(service: Service, campaign_id: str, as_of: datetime) -> Experiment:
    """The experiment that the read model has."""
    with service.database.reading() as connection:
        return load_experiment(connection, service.definitions, GROUP, campaign_id, as_of)


def experiment_in_at(service: Service, campaign_id: str, position: int, as_of: datetime) -> Experiment:
    """The experiment folded once more from the log up to a position."""
    with service.database.reading() as connection:
        known, log = service.definitions, service.log
        return load_experiment_at(connection, log, known, GROUP, campaign_id, position, as_of)


def as_reference(found: Experiment) -> dict[str, Any]:
    """An experiment in the reference's shape."""
    return {
        "users_in_several_variants": found.users_in_several_variants,
        "with_control": found.with_control,
        "variants": {
            each.variant_id: {
                "recipients": each.recipients,
                "converted": [event.converted for event in each.conversion_events],
                "mature_recipients": [event.mature_recipients for event in each.conversion_events],
                "mature_converted": [event.mature_converted for event in each.conversion_events],
                "revenue": {one.currency: (one.buyers, one.total, one.squares) for one in each.revenue},
                "by_hour": {one.hour: (one.recipients, one.converted) for one in each.by_hour},
                "first_receipts": {one.hour: one.users for one in each.first_receipts},
                "delays": [{delay.hours: delay.conversions for delay in delays} for delays in each.delays],
            }
            for each in found.variants
        },
    }
