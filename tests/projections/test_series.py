"""The series by day (R20), by example, in zones where days are hard."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from application.ledger import UnknownCampaign
from infrastructure.composition import Service
from projections.series import SERIES
from projections.series.clock import Clock
from tests.support.ledgers import GROUP, take
from tests.support.read_models import by_day, contents, ledger_in, series_in

on_both = pytest.mark.usefixtures("each_database")
"""Where what is asked of the database is written differently for the other, or compares, sorts or adds up."""

CAMPAIGN = {
    "id": "spring",
    "variants": [{"id": "A"}, {"id": "B"}, {"id": "holdout", "control": True}],
    "conversion_events": [{"type": "makes_purchase", "deadline": "30d"}],
}
NOTHING = {"receipts": 0, "unique_recipients": 0, "conversions": [0], "revenue": {}}


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
    with ledger_in(zone, [CAMPAIGN]) as service:
        take(service, [received(at, fact_id=at) for at in instants])
        service.projector.catch_up(SERIES)
        days = series_in(service, "spring", "receipt").days
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
    with ledger_in("Pacific/Apia", [CAMPAIGN]) as service:
        take(service, [received("2011-12-30T09:59:59Z"), received("2011-12-30T10:00:00Z", fact_id="r2")])
        service.projector.catch_up(SERIES)
        found = [(day.date.day, day.totals.receipts) for day in series_in(service, "spring", "receipt").days]
        assert found == [(29, 1), (30, 0), (31, 1)]


def test_r20_example_3_a_restated_conversion_moves_its_day_and_its_variant() -> None:
    """R20, R14: from 11 March and B's 10 March to 3 March and A's 1 March, under either clock."""
    with ledger_in("UTC", [CAMPAIGN]) as service:
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
        for (variant, day), figures in by_day(series_in(service, "spring", clock)).items()
        if any(figures["conversions"])
    }


def test_r20_an_earlier_receipt_moves_the_unique_recipient_and_a_void_moves_it_back() -> None:
    """R20, R17: receipts stand on their own days; the recipient on that of the first, and on none in the end."""
    with ledger_in("UTC", [CAMPAIGN]) as service:
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
        assert contents(service, SERIES) == [set(), set(), set()]


def recipients(service: Service) -> dict[tuple[str | None, int], tuple[int, int]]:
    """Receipts and unique recipients by variant and day of the month."""
    service.projector.catch_up(SERIES)
    return {
        (variant, day.day): (figures["receipts"], figures["unique_recipients"])
        for (variant, day), figures in by_day(series_in(service, "spring", "conversion")).items()
    }


def test_r20_r12_a_refund_changes_the_day_of_the_purchase() -> None:
    """R12, R20: the net stands on the purchase's day, and on that of its receipt, though it comes to nothing."""
    with ledger_in("UTC", [CAMPAIGN]) as service:
        take(service, [received("2024-03-01T09:00:00Z"), bought("2024-03-02T09:00:00Z")])
        refund = {"type": "refund", "id": "f", "user_id": "u1", "purchase_id": "p", "amount": "20.00"}
        take(service, [refund | {"at": "2024-04-01T09:00:00Z"}])
        service.projector.catch_up(SERIES)
        assert series_in(service, "spring", "conversion").days[-1].totals.revenue == {"EUR": Decimal(0)}
        assert series_in(service, "spring", "receipt").days[0].totals.revenue == {"EUR": Decimal(0)}


def test_r20_control_has_its_own_row_and_no_part_in_the_totals() -> None:
    """R9, R18, R20: as JSON has it, with the empty days between, and money as its currency prints it."""
    with ledger_in("Europe/Berlin", [CAMPAIGN]) as service:
        control = [received("2024-03-02T23:30:00Z", "holdout", user="u2")]
        take(service, [received("2024-03-01T09:00:00Z"), bought("2024-03-01T10:00:00Z"), *control])
        take(service, [bought("2024-03-03T09:00:00Z", "5", user="u2")])
        service.projector.catch_up(SERIES)
        found = series_in(service, "spring", "conversion")
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


@on_both
def test_r20_days_are_those_asked_for_and_by_default_those_with_anything() -> None:
    """R20: both ends are inside; without anything and without ends there are no days."""
    with ledger_in("UTC", [CAMPAIGN]) as service:
        service.projector.catch_up(SERIES)
        empty = series_in(service, "spring", "receipt")
        assert (empty.days, empty.as_json()["from"], empty.as_json()["to"]) == ([], None, None)
        take(service, [received(f"2024-03-{day:02}T09:00:00Z", fact_id=f"r{day}") for day in (2, 4, 6)])
        service.projector.catch_up(SERIES)

        def days(*asked: date | None) -> list[tuple[int, int]]:
            found = series_in(service, "spring", "receipt", *asked).days
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
    with ledger_in("UTC", [CAMPAIGN]) as service:
        service.projector.catch_up(SERIES)
        with pytest.raises(UnknownCampaign):
            series_in(service, "nowhere", "receipt")
