"""The series by day (R20): judged by the reference and by the report, in zones where days are hard."""

import pickle
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.commands.definitions import read_campaigns
from application.ledger import UnknownCampaign
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from projections.campaign_report import CAMPAIGN_REPORT
from projections.engine import generations, projector, rebuilding
from projections.engine.rebuilding import Done, Rebuilding, Task, here
from projections.series import SERIES
from projections.series.clock import Clock
from projections.series.reading import DayFigures, Series, series
from tests.domain.journey.test_journey_laws import plans
from tests.support import reference_reports
from tests.support.ledgers import GROUP, open_ledger, reported, take
from tests.support.strategies import APP_GROUP

pytestmark = pytest.mark.usefixtures("each_database")

LAWS = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "UTC"]
CLOCKS: tuple[Clock, ...] = get_args(Clock)
CAMPAIGN = {
    "id": "spring",
    "variants": [{"id": "A"}, {"id": "B"}, {"id": "holdout", "control": True}],
    "conversion_events": [{"type": "makes_purchase", "deadline": "30d"}],
}
NOTHING = {"receipts": 0, "unique_recipients": 0, "conversions": [0], "revenue": {}}

ByDay = dict[tuple[str | None, date], dict[str, Any]]


@contextmanager
def ledger_in(zone: str, campaigns: Sequence[dict[str, Any]] = (CAMPAIGN,)) -> Iterator[Service]:
    """A ledger whose app group lives in the zone."""
    with tempfile.TemporaryDirectory() as directory, open_ledger(Path(directory)) as service:
        group = APP_GROUP | {"time_zone": zone, "campaigns": list(campaigns)}
        service.campaigns.apply(read_campaigns(group), stamp())
        yield service


def read(service: Service, campaign_id: str, clock: Clock, *days: date | None) -> Series:
    """The series as readers find it."""
    with service.database.reading() as connection:
        return series(connection, service.definitions, GROUP, campaign_id, clock, *days)


def by_day(found: Series) -> ByDay:
    """The days in the reference's shape, those with nothing in them left out."""
    told: ByDay = {}
    for day in found.days:
        rows = {None: day.totals} | {each.variant_id: each.figures for each in day.variants}
        told |= {(variant_id, day.date): vars(figures) for variant_id, figures in rows.items()}
    return {key: figures for key, figures in told.items() if has_anything(figures)}


def has_anything(figures: dict[str, Any]) -> bool:
    """Whether there is anything in a day; a currency in which 0 was earned is something (R11)."""
    return bool(
        figures["receipts"]
        or figures["unique_recipients"]
        or any(figures["conversions"])
        or figures["revenue"]
    )


def summed(figures: Iterable[DayFigures], conversion_events: int) -> dict[str, Any]:
    """Days added up, in the shape of a report's row without its rates."""
    days = list(figures)
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


def check_sums(service: Service, campaign_id: str, clock: Clock) -> None:
    """Sums over days equal the report, for each variant and the campaign, each by itself."""
    found, report = read(service, campaign_id, clock), reported(service, campaign_id)
    by_variant: dict[str, list[DayFigures]] = {variant_id: [] for variant_id in report["variants"]}
    for day in found.days:
        for variant in day.variants:
            by_variant[variant.variant_id].append(variant.figures)
    rows = [(report["totals"], [day.totals for day in found.days])]
    rows += [(report["variants"][variant_id], days) for variant_id, days in by_variant.items()]
    for row, days in rows:
        assert summed(days, found.conversion_events) | {"conversion_rates": row["conversion_rates"]} == row


def check_verified(service: Service) -> None:
    """What a rebuild would compare is equal."""
    with service.database.reading() as connection:
        log = service.log
        tally = log.tally(connection, 0, log.last_position(connection))
        assert SERIES.expected(tally) == SERIES.held(connection, generations.current(connection, SERIES))


def contents(service: Service) -> list[set[tuple[Any, ...]]]:
    """All rows of all its tables."""
    with service.database.reading() as connection:
        tables = generations.current(connection, SERIES)
        return [{tuple(row) for row in connection.execute(tables[each].select())} for each in SERIES.tables]


def rebuild_apart(service: Service) -> None:
    """Build it anew: all ranges folded, each by itself and sent from elsewhere, before the first is written."""
    fold_here = here(service.projector, [SERIES])

    def folding(tasks: Iterable[Task]) -> Iterator[Done]:
        yield from [pickle.loads(pickle.dumps(done)) for done in fold_here(tasks)]  # noqa: S301

    Rebuilding(service.projector, [SERIES], folding).run(lambda *_: None)


@LAWS
@given(plan=plans(), zone=st.sampled_from(ZONES))
def test_r20_any_order_and_batches_give_the_references_days(plan: Any, zone: str) -> None:
    """R20, R14: caught up after every batch, each day is the reference's under either clock, and adds up."""
    campaigns, facts, batches = plan
    with ledger_in(zone, campaigns) as service:
        for batch in batches:
            take(service, batch)
            service.projector.catch_up(SERIES)
        service.projector.catch_up(SERIES, CAMPAIGN_REPORT)
        for campaign in campaigns:
            for clock in CLOCKS:
                expected = reference_reports.series(campaigns, facts, campaign["id"], clock, zone)
                assert by_day(read(service, campaign["id"], clock)) == expected
                check_sums(service, campaign["id"], clock)
        check_verified(service)


@pytest.mark.parametrize("span", [1, 3, 20_000])
@settings(LAWS, max_examples=5)
@given(plan=plans(), zone=st.sampled_from(ZONES))
def test_r20_ranges_folded_apart_give_the_same_rows(plan: Any, zone: str, span: int) -> None:
    """R20: one event at a time, a few, or all; by one process or several: the same rows."""
    campaigns, _, batches = plan
    with pytest.MonkeyPatch.context() as patch, ledger_in(zone, campaigns) as service:
        for module in (projector, rebuilding):
            patch.setattr(module, "BATCH", span)
        for batch in batches:
            take(service, batch)
        service.projector.catch_up(SERIES)
        caught_up = contents(service)
        rebuild_apart(service)
        assert contents(service) == caught_up
        check_verified(service)


def received(at: str, variant: str = "A", fact_id: str = "r", user: str = "u1") -> dict[str, Any]:
    """A receipt."""
    fact = {"type": "received", "id": fact_id, "user_id": user, "campaign_id": "spring"}
    return fact | {"variant_id": variant, "at": at}


def bought(at: str, price: str = "20.00", fact_id: str = "p", user: str = "u1") -> dict[str, Any]:
    """A purchase in euros."""
    fact = {"type": "purchase", "id": fact_id, "user_id": user, "product_id": "x"}
    return fact | {"price": price, "currency": "EUR", "at": at}


def void(fact_id: str, at: str = "2024-06-01T00:00:00Z") -> dict[str, Any]:
    """A void."""
    return {"type": "void", "id": f"void {fact_id}", "user_id": "u1", "fact_id": fact_id, "at": at}


def receipts_by_day(zone: str, instants: Sequence[str]) -> dict[str, int]:
    """How many of the receipts at these instants stand on which day."""
    with ledger_in(zone) as service:
        take(service, [received(at, fact_id=at) for at in instants])
        service.projector.catch_up(SERIES)
        days = read(service, "spring", "receipt").days
        return {day.date.isoformat(): day.totals.receipts for day in days if day.totals.receipts}


def test_r20_the_day_on_which_clocks_go_forward_has_23_hours() -> None:
    """R20: Berlin's 31 March 2024 is from 23:00Z the day before to 22:00Z, its ends to the microsecond."""
    first, last = "2024-03-30T23:00:00Z", "2024-03-31T21:59:59.999999Z"
    found = receipts_by_day(
        "Europe/Berlin", ["2024-03-30T22:59:59.999999Z", first, last, "2024-03-31T22:00:00Z"]
    )
    assert found == {"2024-03-30": 1, "2024-03-31": 2, "2024-04-01": 1}


def test_r20_the_day_on_which_clocks_go_back_has_25_hours() -> None:
    """R20: New York's 3 November 2024 is from 04:00Z to 05:00Z of the next; 01:30 comes twice, on the same day."""
    twice = ["2024-11-03T05:30:00Z", "2024-11-03T06:30:00Z"]
    ends = ["2024-11-03T03:59:59.999999Z", "2024-11-03T04:00:00Z", "2024-11-04T04:59:59.999999Z"]
    found = receipts_by_day("America/New_York", [*twice, *ends, "2024-11-04T05:00:00Z"])
    assert found == {"2024-11-02": 1, "2024-11-03": 4, "2024-11-04": 1}


def test_r20_clocks_that_go_back_over_midnight_bring_a_date_back() -> None:
    """R20: St. John's went back from 00:01 on 7 November 2010 to 23:01 on the 6th: a minute of the 7th came before."""
    found = receipts_by_day(
        "America/St_Johns",
        ["2010-11-07T02:29:59Z", "2010-11-07T02:30:30Z", "2010-11-07T02:31:00Z", "2010-11-07T03:30:00Z"],
    )
    assert found == {"2010-11-06": 2, "2010-11-07": 2}


@pytest.mark.parametrize(
    ("zone", "before", "midnight"),
    [
        ("Asia/Kolkata", "2024-03-01T18:29:59.999999Z", "2024-03-01T18:30:00Z"),
        ("Asia/Kathmandu", "2024-03-01T18:14:59.999999Z", "2024-03-01T18:15:00Z"),
        ("Pacific/Kiritimati", "2024-03-01T09:59:59.999999Z", "2024-03-01T10:00:00Z"),
        ("Pacific/Niue", "2024-03-02T10:59:59.999999Z", "2024-03-02T11:00:00Z"),
        # Liberia kept its mean time until 1972: 44 minutes and 30 seconds behind.
        ("Africa/Monrovia", "1971-03-02T00:44:29.999999Z", "1971-03-02T00:44:30Z"),
    ],
)
def test_r20_midnight_is_the_zones_own_whatever_its_offset(zone: str, before: str, midnight: str) -> None:
    """R20: a microsecond before midnight is another day, in zones of quarter hours and of odd seconds too."""
    days = receipts_by_day(zone, [before, midnight])
    [(first, one), (second, other)] = sorted(days.items())
    assert (one, other) == (1, 1)
    assert (date.fromisoformat(second) - date.fromisoformat(first)).days == 1


def test_r20_a_date_that_a_zone_left_out_is_an_empty_day() -> None:
    """R20: Apia went from 29 to 31 December 2011; the 30th has nothing in it."""
    with ledger_in("Pacific/Apia") as service:
        take(service, [received("2011-12-30T09:59:59Z"), received("2011-12-30T10:00:00Z", fact_id="r2")])
        service.projector.catch_up(SERIES)
        found = [(day.date.day, day.totals.receipts) for day in read(service, "spring", "receipt").days]
        assert found == [(29, 1), (30, 0), (31, 1)]


def test_r20_example_3_a_restated_conversion_moves_its_day_and_its_variant() -> None:
    """R20, R14: from 11 March and B's 10 March to 3 March and A's 1 March, under either clock."""
    with ledger_in("UTC") as service:
        receipts = [received("2024-03-01T09:00:00Z"), received("2024-03-10T09:00:00Z", "B", "r2")]
        take(service, [*receipts, bought("2024-03-11T09:00:00Z")])
        service.projector.catch_up(SERIES)
        assert conversions(service, "conversion") == {("B", 11): 1, (None, 11): 1}
        assert conversions(service, "receipt") == {("B", 10): 1, (None, 10): 1}
        take(service, [bought("2024-03-03T09:00:00Z", fact_id="p3")])
        service.projector.catch_up(SERIES)
        assert conversions(service, "conversion") == {("A", 3): 1, (None, 3): 1}
        assert conversions(service, "receipt") == {("A", 1): 1, (None, 1): 1}


def conversions(service: Service, clock: Clock) -> dict[tuple[str | None, int], int]:
    """Conversions by variant and day of the month."""
    return {
        (variant, day.day): figures["conversions"][0]
        for (variant, day), figures in by_day(read(service, "spring", clock)).items()
        if any(figures["conversions"])
    }


def test_r20_an_earlier_receipt_moves_the_unique_recipient_and_a_void_moves_it_back() -> None:
    """R20, R17: receipts stand on their own days; the recipient on that of the first, and on none in the end."""
    with ledger_in("UTC") as service:
        take(service, [received("2024-03-05T09:00:00Z")])
        assert recipients(service) == {("A", 5): (1, 1), (None, 5): (1, 1)}
        take(service, [received("2024-03-02T09:00:00Z", "B", "r2")])
        assert recipients(service) == {
            ("A", 5): (1, 1),
            ("B", 2): (1, 1),
            (None, 2): (1, 1),
            (None, 5): (1, 0),
        }
        take(service, [void("r2")])
        assert recipients(service) == {("A", 5): (1, 1), (None, 5): (1, 1)}
        take(service, [void("r")])
        assert recipients(service) == {}
        assert contents(service) == [set(), set(), set()]


def recipients(service: Service) -> dict[tuple[str | None, int], tuple[int, int]]:
    """Receipts and unique recipients by variant and day of the month."""
    service.projector.catch_up(SERIES)
    return {
        (variant, day.day): (figures["receipts"], figures["unique_recipients"])
        for (variant, day), figures in by_day(read(service, "spring", "conversion")).items()
    }


def test_r20_r12_a_refund_changes_the_day_of_the_purchase() -> None:
    """R12, R20: the net stands on the purchase's day, and on that of its receipt, though it comes to nothing."""
    with ledger_in("UTC") as service:
        take(service, [received("2024-03-01T09:00:00Z"), bought("2024-03-02T09:00:00Z")])
        refund = {"type": "refund", "id": "f", "user_id": "u1", "purchase_id": "p", "amount": "20.00"}
        take(service, [refund | {"at": "2024-04-01T09:00:00Z"}])
        service.projector.catch_up(SERIES)
        assert read(service, "spring", "conversion").days[-1].totals.revenue == {"EUR": Decimal(0)}
        assert read(service, "spring", "receipt").days[0].totals.revenue == {"EUR": Decimal(0)}


def test_r20_control_has_its_own_row_and_no_part_in_the_totals() -> None:
    """R9, R18, R20: as JSON has it, with the empty days between, and money as its currency prints it."""
    with ledger_in("Europe/Berlin") as service:
        control = [received("2024-03-02T23:30:00Z", "holdout", user="u2")]
        take(service, [received("2024-03-01T09:00:00Z"), bought("2024-03-01T10:00:00Z"), *control])
        take(service, [bought("2024-03-03T09:00:00Z", "5", user="u2")])
        service.projector.catch_up(SERIES)
        found = read(service, "spring", "conversion")
    everything = {"receipts": 1, "unique_recipients": 1, "conversions": [1]}
    assert found.as_json() | {"days": None} == {
        "app_group": GROUP,
        "campaign_id": "spring",
        "clock": "conversion",
        "time_zone": "Europe/Berlin",
        "from": "2024-03-01",
        "to": "2024-03-03",
        "position": str(found.position),
        "days": None,
    }
    assert found.as_json()["days"] == [
        day_of("2024-03-01", totals=everything | {"revenue": {"EUR": "20.00"}}, holdout=NOTHING),
        day_of("2024-03-02", totals=NOTHING, holdout=NOTHING),
        day_of("2024-03-03", totals=NOTHING, holdout=everything | {"revenue": {"EUR": "5.00"}}),
    ]


def day_of(day: str, totals: dict[str, Any], holdout: dict[str, Any]) -> dict[str, Any]:
    """A day as JSON has it, on which B has nothing and A all there is but for control's."""
    variants = [("A", False, totals), ("B", False, NOTHING), ("holdout", True, holdout)]
    return {
        "date": day,
        "totals": totals,
        "variants": [
            {"variant_id": variant_id, "control": control} | figures
            for variant_id, control, figures in variants
        ],
    }


def test_r20_days_are_those_asked_for_and_by_default_those_with_anything() -> None:
    """R20: both ends are inside; without anything and without ends there are no days."""
    with ledger_in("UTC") as service:
        service.projector.catch_up(SERIES)
        empty = read(service, "spring", "receipt")
        assert (empty.days, empty.as_json()["from"], empty.as_json()["to"]) == ([], None, None)
        take(service, [received(f"2024-03-{day:02}T09:00:00Z", fact_id=f"r{day}") for day in (2, 4, 6)])
        service.projector.catch_up(SERIES)

        def days(*asked: date | None) -> list[tuple[int, int]]:
            found = read(service, "spring", "receipt", *asked).days
            return [(day.date.day, day.totals.receipts) for day in found]

        assert days() == [(2, 1), (3, 0), (4, 1), (5, 0), (6, 1)]
        assert days(date(2024, 3, 4), None) == [(4, 1), (5, 0), (6, 1)]
        assert days(None, date(2024, 3, 3)) == [(2, 1), (3, 0)]
        assert days(None, date(2024, 3, 1)) == []
        assert days(date(2024, 3, 1), date(2024, 3, 2)) == [(1, 0), (2, 1)]
        assert days(date(2024, 3, 7), date(2024, 3, 8)) == [(7, 0), (8, 0)]
        assert days(date(2024, 3, 6), date(2024, 3, 2)) == []


def test_an_unknown_campaign_has_no_series_to_read() -> None:
    """It is said so, and not answered with nothing."""
    with ledger_in("UTC") as service:
        service.projector.catch_up(SERIES)
        with pytest.raises(UnknownCampaign):
            read(service, "nowhere", "receipt")
