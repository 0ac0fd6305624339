"""What is read of recipients, by example: lists with filters and pages, mature rates and periods as JSON has them."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from application.ledger import UnknownCampaign
from application.queries.reads import Days
from application.queries.report import read_report, read_report_of_days
from infrastructure.composition import Service
from projections.conversions import CONVERSIONS
from projections.engine import projector
from projections.recipients import RECIPIENTS, choosing, reading
from projections.recipients.days import spans
from tests.support.ledgers import GROUP, ask_about, open_ledger, take

on_both = pytest.mark.usefixtures("each_database")
"""Where what is asked of the database is written differently for the other, or compares, sorts or adds up."""

CAMPAIGN: dict[str, Any] = {
    "id": "spring",
    "variants": [{"id": "A"}, {"id": "B"}, {"id": "holdout", "control": True}],
    "conversion_events": [
        {"type": "makes_purchase", "deadline": "3d"},
        {"type": "starts_session", "deadline": "30m"},
    ],
}


def at(day: int, time: str = "09:00:00") -> str:
    """An instant of a day in March."""
    return f"2024-03-{day:02}T{time}Z"


def received(
    variant: str, day: int = 1, user: str = "u1", time: str = "09:00:00", fact_id: str | None = None
) -> dict[str, Any]:
    """A receipt."""
    fact = {"type": "received", "id": fact_id or f"r{day}", "user_id": user, "campaign_id": "spring"}
    return fact | {"at": at(day, time), "variant_id": variant}


def bought(day: int, price: str = "1", currency: str = "EUR", user: str = "u1") -> dict[str, Any]:
    """A purchase."""
    fact = {"type": "purchase", "id": f"p{day} {currency}", "user_id": user, "at": at(day)}
    return fact | {"product_id": "x", "price": price, "currency": currency}


def void(fact_id: str, user: str = "u1") -> dict[str, Any]:
    """A void."""
    return {"type": "void", "id": f"void {fact_id}", "user_id": user, "at": at(9), "fact_id": fact_id}


def listed(service: Service, **wanted: Any) -> list[reading.RecipientRow]:
    """A page of recipients, everything acknowledged being in them."""
    service.projector.catch_up(RECIPIENTS)
    service.projector.catch_up(CONVERSIONS)
    with service.database.reading() as connection:
        known = service.definitions
        return reading.load_recipients(connection, known, GROUP, "spring", **({"limit": 10} | wanted))


def mature(service: Service, as_of: datetime) -> reading.Mature:
    """Mature rates, everything acknowledged being in them."""
    service.projector.catch_up(RECIPIENTS)
    with service.database.reading() as connection:
        return reading.load_mature_rates(connection, service.definitions, GROUP, "spring", as_of)


def instant(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """An instant of a day in March."""
    return datetime(2024, 3, day, hour, minute, tzinfo=UTC)


def test_r9_a_recipient_of_control_and_a_variant_as_json_has_it(tmp_path: Path) -> None:
    """R9, R11, R18: each variant with its receipts, what converted and for which variant, and all revenue."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        facts = [received("holdout", 1), received("A", 10), bought(2, "20"), bought(11, "0.5")]
        take(service, [*facts, bought(12, "0", "JPY")])
        [row] = listed(service)
        assert row.as_json() == {
            "user_id": "u1",
            "journey_id": row.key,
            "variants": [
                {"variant_id": "A", "control": False, "receipts": 1},
                {"variant_id": "holdout", "control": True, "receipts": 1},
            ],
            "receipts": 2,
            "first_receipt_id": "r1",
            "first_received_at": "2024-03-01T09:00:00Z",
            "last_receipt_id": "r10",
            "last_received_at": "2024-03-10T09:00:00Z",
            "conversion_events": [
                {"index": 0, "letter": "A", "converted": True, "variant_id": "holdout"},
                {"index": 1, "letter": "B", "converted": False, "variant_id": None},
            ],
            "revenue": {"EUR": "20.50", "JPY": "0"},
        }


@on_both
def test_pages_of_any_size_hold_each_user_once_and_in_order(tmp_path: Path) -> None:
    """A user of several variants is one row, and no page ends within them."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(
            service,
            [received(variant, day, f"u{n}") for n in range(5) for day, variant in enumerate("AB", 1)],
        )
        everyone = listed(service)
        assert {row.user_id for row in everyone} == {f"u{n}" for n in range(5)}
        for limit in (1, 2, 3):
            found = listed(service, limit=limit)
            while page := listed(service, limit=limit, after=found[-1].key):
                found += page
            assert found == everyone


@on_both
def test_filters_find_a_user_those_of_several_variants_and_those_who_converted(tmp_path: Path) -> None:
    """R5, R9: control counts as a variant; a conversion counts whichever variant it is credited to."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [received("A"), received("A", 5), bought(2), received("A", user="u2")])
        take(service, [received("A", user="u3"), received("holdout", 4, user="u3"), bought(5, user="u3")])

        def users(**wanted: Any) -> set[str | None]:
            return {row.user_id for row in listed(service, **wanted)}

        assert users(user_id="u2") == {"u2"}
        assert users(user_id="u9") == set()
        assert users(several_variants=True) == {"u3"}
        assert users(converted_on=0) == {"u1", "u3"}
        assert users(converted_on=1) == set()
        assert users(converted_on=0, several_variants=True, user_id="u1") == set()


@pytest.fixture(params=[True, False])
def many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether so many have received it lately that nobody looks them up one by one."""
    if request.param:
        monkeypatch.setattr(choosing, "_FEW", 0)
    return bool(request.param)


FILTERS: list[tuple[dict[str, Any], Callable[[reading.RecipientRow], bool]]] = [
    ({"variant_id": "A"}, lambda row: "A" in ids(row)),
    ({"variant_id": "holdout"}, lambda row: "holdout" in ids(row)),
    ({"without_control": True}, lambda row: ids(row) != {"holdout"}),
    ({"without_control": True, "variant_id": "holdout"}, lambda _: False),
    ({"several_variants": True, "variant_id": "holdout"}, lambda row: ids(row) == {"A", "holdout"}),
    ({"several_variants": True, "without_control": True}, lambda row: ids(row) == {"A", "holdout"}),
    ({"converted_on": 0, "variant_id": "A"}, lambda row: row.credited[0] == "A"),
    ({"converted_on": 0, "without_control": True}, lambda row: row.credited[0] == "A"),
    ({"not_converted_on": 0}, lambda row: row.credited[0] is None),
    ({"not_converted_on": 0, "variant_id": "A"}, lambda row: "A" in ids(row) and row.credited[0] != "A"),
    ({"not_converted_on": 0, "converted_on": 0}, lambda _: False),
    ({"not_converted_on": 0, "several_variants": True}, lambda _: False),
    ({"open_on": 0, "as_of": instant(7, 9)}, lambda row: row.user_id in {"u4", "u5"}),
    ({"open_on": 0, "as_of": instant(8, 9, 59)}, lambda row: row.user_id == "u5"),
    ({"open_on": 0, "as_of": instant(8, 10)}, lambda _: False),
    ({"open_on": 0, "as_of": instant(8), "variant_id": "A"}, lambda row: row.user_id == "u5"),
    ({"open_on": 0, "as_of": instant(20)}, lambda _: False),
    ({"received": [(instant(1), instant(2))]}, lambda row: row.user_id != "u5"),
    ({"received": [(instant(4), instant(5))], "variant_id": "A"}, lambda row: row.user_id == "u4"),
    ({"received": [(instant(4), instant(5))], "variant_id": "holdout"}, lambda _: False),
    ({"received": [(instant(1), instant(1, 1)), (instant(5), instant(6))]}, lambda row: row.user_id == "u5"),
    ({"received": []}, lambda _: False),
    (
        {"received": [(instant(1), instant(2))], "converted_on": 0},
        lambda row: row.user_id in {"u1", "u4", "u6"},
    ),
    (
        {"received": [(instant(1), instant(2))], "converted_on": 0, "variant_id": "A"},
        lambda row: row.user_id == "u1",
    ),
    ({"received": [(instant(4), instant(6))], "converted_on": 0}, lambda _: False),
    (
        {"received": [(instant(4), instant(6))], "not_converted_on": 0},
        lambda row: row.user_id in {"u4", "u5"},
    ),
]


def ids(row: reading.RecipientRow) -> set[str]:
    """The variants that a user received."""
    return {each.variant_id for each in row.variants}


@on_both
@pytest.mark.usefixtures("many")
def test_each_filter_finds_those_whom_it_describes_forwards_and_backwards(tmp_path: Path) -> None:
    """R5, R6, R9: with a variant what is credited to it counts; a window is judged at the full hour, as mature rates."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [received("A"), bought(2), received("A", user="u2"), received("holdout", user="u3")])
        take(service, [received("holdout", user="u4"), bought(2, user="u4"), received("A", 4, user="u4")])
        take(service, [received("A", 5, user="u5"), received("holdout", user="u6"), bought(2, user="u6")])
        everyone = listed(service)
        assert len(everyone) == 6
        for wanted, fits in FILTERS:
            found = listed(service, **wanted)
            assert [row.key for row in found] == [row.key for row in everyone if fits(row)], wanted
            assert pages_back(service, wanted) == found, wanted


@pytest.mark.usefixtures("many")
def test_sqlite_reads_receipts_of_a_period_once_or_those_of_one_user(tmp_path: Path) -> None:
    """Never all receipts of the period for each user, which takes a minute for some thousands of them."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [received("A")])
        service.projector.catch_up(RECIPIENTS)
        service.projector.catch_up(CONVERSIONS)
        with service.database.reading() as connection:
            statements: list[tuple[str, Any]] = []

            def note(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
                statements.append((statement, values))

            event.listen(connection, "before_cursor_execute", note)
            reading.load_recipients(
                connection,
                service.definitions,
                GROUP,
                "spring",
                limit=10,
                received=[(instant(1), instant(2))],
            )
            event.remove(connection, "before_cursor_execute", note)
            plans = [
                [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
                for statement, values in statements
            ]
    for plan in plans:
        for whole, part in pairwise(plan):
            if "CORRELATED" in whole:
                assert "journey_id=?" in part
    assert any("recipient_receipts" in step for plan in plans for step in plan)


def pages_back(service: Service, wanted: dict[str, Any]) -> list[reading.RecipientRow]:
    """All rows by pages of one row, from the last one back."""
    found: list[reading.RecipientRow] = []
    # No character of a key comes after it.
    while page := listed(service, before=found[0].key if found else "~", limit=1, **wanted):
        found = page + found
    return found


def test_r18_lists_are_as_long_as_the_figures_of_the_report(tmp_path: Path) -> None:
    """R9, R18: for each variant, and for the campaign without control; and so are those whose windows are open."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [received("A"), bought(2), received("A", user="u2"), received("holdout", user="u3")])
        take(service, [received("holdout", user="u4"), bought(2, user="u4"), received("A", 4, user="u4")])
        told, rates = read_report(ask_about(service, "spring")).as_json(), mature(service, instant(6))
        wanted = [({"without_control": True}, told["totals"], rates.totals)]
        wanted += [
            ({"variant_id": each["variant_id"]}, each, of.conversion_events)
            for each, of in zip(told["variants"], rates.variants, strict=True)
        ]
        for of, figures, events in wanted:
            assert len(listed(service, **of)) == figures["unique_recipients"]
            for event in events:
                index = event.index
                assert len(listed(service, converted_on=index, **of)) == figures["conversions"][index]
                assert len(listed(service, open_on=index, as_of=instant(6), **of)) == event.open
        with service.database.reading() as connection:
            assert reading.count_several_variants(connection, GROUP, "spring") == (1, 1)


@on_both
@pytest.mark.parametrize(
    "days", [None, (date(2024, 3, 1), date(2024, 3, 1)), (date(2024, 3, 1), date(2024, 3, 5))]
)
def test_r9_r11_a_list_of_a_variant_has_what_is_credited_to_it_and_adds_up_to_the_report(
    tmp_path: Path, days: tuple[date, date] | None
) -> None:
    """R9, R11, R18: whatever else the same users did for control or another variant; of all time and of days."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(
            service, [received("A"), bought(2, "3"), bought(2, "5", "USD"), received("B", 5), bought(6, "7")]
        )
        take(
            service, [received("holdout", user="u2"), bought(2, "11", user="u2"), received("A", 4, user="u2")]
        )
        take(service, [bought(5, "13", user="u2"), bought(5, "17", "USD", user="u2")])
        take(
            service, [received("B", user="u3"), received("holdout", 4, user="u3"), bought(5, "19", user="u3")]
        )
        asked, received_in = ask_about(service, "spring"), None
        report = read_report(asked) if days is None else read_report_of_days(asked, Days(*days))
        if days is not None:
            received_in = spans(UTC, *days)
        stated = report.as_json()
        of_lists: list[tuple[dict[str, Any], Any]] = [({"without_control": True}, stated["totals"])]
        of_lists += [({"variant_id": each["variant_id"]}, each) for each in stated["variants"]]
        assert any(figures["revenue"] for _, figures in of_lists)
        for wanted, figures in of_lists:
            rows = [row.as_json() for row in listed(service, received=received_in, **wanted)]
            amounts: Counter[str] = Counter()
            for row in rows:
                amounts.update({currency: Decimal(amount) for currency, amount in row["revenue"].items()})
            revenue = {currency: Decimal(amount) for currency, amount in figures["revenue"].items()}
            assert dict(amounts) == revenue, wanted
            converted = [
                sum(row["conversion_events"][index]["converted"] for row in rows) for index in (0, 1)
            ]
            assert converted == figures["conversions"], wanted


@pytest.mark.parametrize("batch", [1, 2, 20_000])
def test_r17_where_the_first_or_last_receipt_is_voided_the_next_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """R17: also where the void and what follows from it are folded apart; with the last receipt the user is gone."""
    monkeypatch.setattr(projector, "BATCH", batch)
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [received("A", 1), received("B", 2), received("A", 4), received("A", 8), bought(4)])

        def ends() -> list[tuple[str, str]]:
            return [(row.first[1], row.last[1]) for row in listed(service)]

        assert ends() == [("r1", "r8")]
        take(service, [void("r8")])
        assert ends() == [("r1", "r4")]
        take(service, [void("r1"), received("A", 3)])
        assert ends() == [("r2", "r4")]
        [totals, _] = mature(service, instant(8)).totals
        assert (totals.recipients, totals.converted, totals.open) == (1, 1, 0)
        take(service, [void("r2"), void("r3"), void("r4"), void("r7"), received("B", 7)])
        assert ends() == []
        [totals, _] = mature(service, instant(20)).totals
        assert (totals.recipients, totals.converted, totals.open, totals.rate) == (0, 0, 0, None)


def test_r17_a_receipt_voided_before_it_comes_counts_for_no_one(tmp_path: Path) -> None:
    """R17: beside receipts that were counted before, and alone."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [received("A", 1)])
        [before] = listed(service)
        take(service, [void("r2"), received("A", 2), void("r3", "u2"), received("A", 3, "u2")])
        assert listed(service) == [before]


def test_r17_r9_controls_receipts_are_none_of_the_campaigns_after_a_void(tmp_path: Path) -> None:
    """R9, R18: where all but control's are voided the campaign has a recipient less, and control keeps its own."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [received("holdout", 1), received("A", 2), received("B", 3), received("holdout", 4)])
        service.projector.catch_up(RECIPIENTS)
        take(service, [void("r3")])
        [totals, _] = mature(service, instant(5, 9)).totals
        assert (totals.recipients, totals.open) == (0, 1)
        [totals, _] = mature(service, instant(5, 10)).totals
        assert (totals.recipients, totals.open) == (1, 0)
        take(service, [void("r2")])
        found = mature(service, instant(5, 10))
        assert [each.recipients + each.open for each in found.totals] == [0, 0]
        assert [each.conversion_events[0].open for each in found.variants] == [0, 0, 1]
        [row] = listed(service)
        assert [(variant.variant_id, variant.receipts) for variant in row.variants] == [("holdout", 2)]


def test_r6_a_recipient_is_mature_after_the_end_of_the_last_window_and_not_at_it(tmp_path: Path) -> None:
    """R6: the end, a full hour here, is inside the window: not yet mature as of it, and mature as of the next."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [received("A", 1), bought(2), received("A", 1, "u2"), received("A", 2, "u2")])
        take(service, [received("holdout", 1, "u3", "08:59:59.999999")])
        found = mature(service, instant(4, 9, 59))
        assert [(each.recipients, each.open) for each in found.totals] == [(0, 2), (2, 0)]
        [_, _, control] = found.variants
        assert [(each.recipients, each.open) for each in control.conversion_events] == [(1, 0), (1, 0)]
        found = mature(service, instant(4, 10, 30))
        assert found.as_json() == {
            "as_of": "2024-03-04T10:00:00Z",
            "position": str(found.position),
            "totals": [
                {"index": 0, "letter": "A", "recipients": 1, "converted": 1, "rate": 1.0, "open": 1},
                {"index": 1, "letter": "B", "recipients": 2, "converted": 0, "rate": 0.0, "open": 0},
            ],
            "variants": [
                {"variant_id": "A", "control": False, "conversion_events": found.as_json()["totals"]},
                {
                    "variant_id": "B",
                    "control": False,
                    "conversion_events": [
                        {"index": 0, "letter": "A", "recipients": 0, "converted": 0, "rate": None, "open": 0},
                        {"index": 1, "letter": "B", "recipients": 0, "converted": 0, "rate": None, "open": 0},
                    ],
                },
                {
                    "variant_id": "holdout",
                    "control": True,
                    "conversion_events": [
                        {"index": 0, "letter": "A", "recipients": 1, "converted": 0, "rate": 0.0, "open": 0},
                        {"index": 1, "letter": "B", "recipients": 1, "converted": 0, "rate": 0.0, "open": 0},
                    ],
                },
            ],
        }


@on_both
def test_r18_a_period_as_json_has_it(tmp_path: Path) -> None:
    """R18, R20: whoever received on several of the days is one unique recipient; control is not in the totals."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [received("A", 1), received("A", 2), received("B", 3), received("A", 4)])
        take(service, [received("holdout", 2, "u2")])
        service.projector.catch_up(RECIPIENTS)
        days = (date(2024, 3, 1), date(2024, 3, 3))
        told = {
            "conversions": {("A", 0): 1},
            "revenue": {("A", "EUR"): Decimal(3), ("holdout", "USD"): Decimal(0)},
        }
        with service.database.reading() as connection:
            known = service.definitions
            found = reading.load_period(connection, known, GROUP, "spring", *days, **told)  # type: ignore[arg-type]

        def figures(receipts: int, users: int, conversions: int, revenue: dict[str, str]) -> dict[str, Any]:
            return {
                "receipts": receipts,
                "unique_recipients": users,
                "conversions": [conversions, 0],
                "conversion_rates": [conversions / users, 0.0],
                "revenue": revenue,
            }

        assert found.as_json() == {
            "app_group": GROUP,
            "campaign_id": "spring",
            "from": "2024-03-01",
            "to": "2024-03-03",
            "time_zone": "UTC",
            "position": str(found.position),
            "totals": figures(3, 1, 1, {"EUR": "3.00"}),
            "variants": [
                {"variant_id": "A", "control": False} | figures(2, 1, 1, {"EUR": "3.00"}),
                {"variant_id": "B", "control": False} | figures(1, 1, 0, {}),
                {"variant_id": "holdout", "control": True} | figures(1, 1, 0, {"USD": "0.00"}),
            ],
        }


def test_an_unknown_campaign_has_no_recipients_to_read(tmp_path: Path) -> None:
    """It is said so, and not answered with nothing."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        service.projector.catch_up(RECIPIENTS)
        known = service.definitions
        with service.database.reading() as connection:
            with pytest.raises(UnknownCampaign):
                reading.load_recipients(connection, known, GROUP, "nowhere", limit=1)
            with pytest.raises(UnknownCampaign):
                reading.load_mature_rates(connection, known, GROUP, "nowhere", instant(1))


@on_both
def test_lists_and_views_show_users_and_null_for_those_erased(tmp_path: Path) -> None:
    """BI tools read user ids beside journeys; whose identity was erased has none, and counts as before."""
    with open_ledger(tmp_path, [CAMPAIGN]) as service:
        take(service, [received("A"), bought(2)])
        assert [row.user_id for row in listed(service)] == ["u1"]
        with service.database.writing() as connection:

            def shown() -> list[list[str | None]]:
                names = ("recipients", "recipient_receipts", "recipient_revenue")
                queries = [f"SELECT user_id FROM {name}" for name in names]  # noqa: S608 - names of its own
                return [[row.user_id for row in connection.exec_driver_sql(query)] for query in queries]

            assert shown() == [["u1", "u1"], ["u1"], ["u1", "u1"]]
            connection.exec_driver_sql("DELETE FROM identities")
            assert shown() == [[None, None], [None], [None, None]]
        assert [row.user_id for row in listed(service)] == [None]
