"""Conversions, what counts as revenue and its lines, by example; tests/laws judges them by the reference."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import column, delete, inspect, select, table, text, update
from sqlalchemy.event import listen

from application.ledger import UnknownCampaign
from domain.errors import UnknownVariant
from domain.instants import from_microseconds
from infrastructure.composition import Service
from infrastructure.database.schema import identities
from projections.conversions import CONVERSIONS
from projections.conversions.reading import (
    BadKey,
    ConversionRow,
    count_conversions_until,
    load_conversions,
    load_newest_conversions,
    sum_revenue_until,
)
from projections.engine import generations
from projections.engine.projector import sweep
from projections.engine.status import read_statuses
from projections.engine.tables import ExactDecimal
from tests.support.ledgers import GROUP, open_ledger, rebuilt, rows, take
from tests.support.read_models import check_verified

on_both = pytest.mark.usefixtures("each_database")
"""Where what is asked of the database is written differently for the other, or compares, sorts or adds up."""


SPRING = {
    "id": "spring",
    "variants": [{"id": "A"}, {"id": "B"}, {"id": "holdout", "control": True}],
    "conversion_events": [
        {"type": "makes_purchase", "deadline": "3d"},
        {"type": "starts_session", "deadline": "1d"},
    ],
}


def read(service: Service, campaign_id: str = "spring", **asked: Any) -> list[ConversionRow]:
    """A campaign's conversions as readers find them, everything acknowledged being in them."""
    service.projector.catch_up(CONVERSIONS)
    with service.database.reading() as connection:
        return load_conversions(
            connection, service.definitions, GROUP, campaign_id, **{"limit": 1000} | asked
        )


def contents(service: Service) -> list[dict[tuple[Any, ...], dict[str, Any]]]:
    """All rows of its tables by primary key."""
    with service.database.reading() as connection:
        tables = generations.current(connection, CONVERSIONS)
        return [
            {tuple(row)[:3]: dict(row._mapping) for row in connection.execute(tables[each].select())}
            for each in CONVERSIONS.tables
        ]


def until(service: Service, campaign_id: str, instant: datetime) -> tuple[Any, Any]:
    """Conversions and revenue by an instant, as readers find them."""
    with service.database.reading() as connection:
        return (
            count_conversions_until(connection, GROUP, campaign_id, instant),
            {
                key: net
                for key, (_, net) in sum_revenue_until(connection, GROUP, campaign_id, instant).items()
            },
        )


def at(day: int) -> str:
    """09:00 of a day in March."""
    return f"2024-03-{day:02}T09:00:00Z"


def received(day: int, variant: str = "A", user: str = "u1") -> dict[str, Any]:
    """A receipt."""
    fact = {"type": "received", "id": f"r{day}", "user_id": user, "campaign_id": "spring"}
    return fact | {"variant_id": variant, "at": at(day)}


def bought(day: int, price: str = "20.00", user: str = "u1", currency: str = "EUR") -> dict[str, Any]:
    """A purchase."""
    fact = {"type": "purchase", "id": f"p{day}", "user_id": user, "product_id": "x", "at": at(day)}
    return fact | {"price": price, "currency": currency}


def opened(day: int, user: str = "u1") -> dict[str, Any]:
    """A session."""
    return {"type": "session_started", "id": f"s{day}", "user_id": user, "app_id": "ios", "at": at(day)}


def void(fact_id: str) -> dict[str, Any]:
    """A void."""
    return {"type": "void", "id": f"void {fact_id}", "user_id": "u1", "fact_id": fact_id, "at": at(20)}


def march(day: int) -> datetime:
    """The same instant as `at` gives."""
    return datetime(2024, 3, day, 9, tzinfo=UTC)


def instants_of(service: Service, topic: str) -> list[datetime]:
    """When the events of a topic were recorded."""
    return [from_microseconds(row.recorded_at) for row in rows(service) if row.topic == topic]


def test_example_3_a_restated_conversion_keeps_the_instant_at_which_it_was_recorded(tmp_path: Path) -> None:
    """R14: restated from B's to A's window; recorded as before, decided later, in a batch that had not seen it."""
    with open_ledger(tmp_path, [SPRING]) as service:
        take(service, [received(1, "A"), received(10, "B"), bought(11)])
        [before] = read(service)
        assert (before.variant_id, before.receipt_id, before.behaviour_id) == ("B", "r10", "p11")
        assert (before.received_at, before.window_ends_at, before.behaviour_at) == (
            march(10),
            march(13),
            march(11),
        )
        assert (before.restated, before.decided_at) == (False, before.recorded_at)
        take(service, [bought(3)])
        [now] = read(service)
        assert (now.variant_id, now.receipt_id, now.behaviour_id) == ("A", "r1", "p3")
        assert (now.received_at, now.window_ends_at, now.behaviour_at) == (march(1), march(4), march(3))
        assert now.restated
        assert [now.recorded_at] == instants_of(service, "journey.conversion_recorded")
        assert [now.decided_at] == instants_of(service, "journey.conversion_restated")
        assert now.recorded_at == before.recorded_at < now.decided_at


def test_r14_recorded_and_restated_within_one_batch_it_keeps_both_instants(tmp_path: Path) -> None:
    """R14: what a batch of events has recorded itself is not asked of the table."""
    with open_ledger(tmp_path, [SPRING]) as service:
        take(service, [received(1, "A"), received(10, "B"), bought(11)])
        take(service, [bought(3)])
        take(service, [void("p3")])
        [found] = read(service)
        assert (found.behaviour_id, found.restated) == ("p11", True)
        assert [found.recorded_at] == instants_of(service, "journey.conversion_recorded")
        assert found.decided_at == instants_of(service, "journey.conversion_restated")[-1]


@pytest.mark.parametrize("at_once", [True, False])
def test_example_10_a_withdrawn_conversion_has_no_row_until_it_is_recorded_again(
    tmp_path: Path, at_once: bool
) -> None:
    """R17: restated, withdrawn, and recorded again as a new row, in one batch of events or in several."""
    with open_ledger(tmp_path, [SPRING]) as service:
        told: list[Any] = []
        steps = [[received(1), bought(2), bought(3)], [void("p2")], [void("p3")], [bought(4)]]
        for facts in steps:
            take(service, facts)
            if not at_once:
                told.append([(row.behaviour_id, row.restated) for row in read(service)])
        assert at_once or told == [[("p2", False)], [("p3", True)], [], [("p4", False)]]
        [found] = read(service)
        assert (found.behaviour_id, found.restated) == ("p4", False)
        assert (
            found.recorded_at == instants_of(service, "journey.conversion_recorded")[-1] == found.decided_at
        )


@on_both
def test_r9_control_is_marked_and_an_instant_is_inside(tmp_path: Path) -> None:
    """R9, R11: control's conversions and purchases stand by themselves; so far is up to the instant, itself inside."""
    with open_ledger(tmp_path, [SPRING]) as service:
        take(service, [received(1, "holdout"), bought(2), received(5, "B"), bought(6, "0.10"), bought(7)])
        take(service, [received(1, "A", "u2"), bought(2, "5", "u2", "USD")])
        assert {(row.variant_id, row.control) for row in read(service)} == {("holdout", True), ("A", False)}
        assert until(service, "spring", march(2) - timedelta(microseconds=1)) == ({}, {})
        twentieth = march(2).astimezone(timezone(timedelta(hours=14)))
        assert until(service, "spring", twentieth) == (
            {("holdout", 0): 1, ("A", 0): 1},
            {("holdout", "EUR"): Decimal(20), ("A", "USD"): Decimal(5)},
        )
        with service.database.reading() as connection:
            found = sum_revenue_until(connection, GROUP, "spring", march(9))
        assert found == {
            ("holdout", "EUR"): (1, Decimal(20)),
            ("A", "USD"): (1, Decimal(5)),
            ("B", "EUR"): (2, Decimal("20.10")),
        }


def test_r12_a_purchase_refunded_in_full_counts_with_a_net_of_nothing(tmp_path: Path) -> None:
    """R12: its row says 0, and it is one purchase; voided, it has no row."""
    with open_ledger(tmp_path, [SPRING]) as service:
        take(service, [received(1), bought(2)])
        refund = {"type": "refund", "id": "f", "user_id": "u1", "purchase_id": "p2", "amount": "30.00"}
        take(service, [refund | {"at": at(9)}])
        service.projector.catch_up(CONVERSIONS)
        with service.database.reading() as connection:
            assert sum_revenue_until(connection, GROUP, "spring", march(2)) == {("A", "EUR"): (1, Decimal(0))}
        take(service, [void("p2")])
        assert read(service) == []
        assert contents(service) == [{}, {}, {}]


@on_both
def test_pages_come_one_after_the_other_in_the_order_of_their_keys(tmp_path: Path) -> None:
    """R7: page by page every conversion comes once, whatever the page's length; filters leave the others out."""
    with open_ledger(tmp_path, [SPRING]) as service:
        for number in range(7):
            variant, user = "AB"[number % 2], f"u{number}"
            take(service, [received(1, variant, user), bought(2, user=user), opened(1, user)])
        everything = read(service)
        assert len(everything) == 14
        assert [row.key for row in everything] == sorted(row.key for row in everything)
        for limit in (1, 3, 14):
            assert paged(service, limit) == everything
        assert paged(service, 2, variant_id="B") == [row for row in everything if row.variant_id == "B"]
        assert paged(service, 2, conversion_event=1) == [
            row for row in everything if row.conversion_event == 1
        ]
        assert paged(service, 1, user_id="u3") == [row for row in everything if row.user_id == "u3"]
        assert read(service, user_id="nobody") == []


def paged(service: Service, limit: int, **asked: Any) -> list[ConversionRow]:
    """All pages, of so many rows each."""
    found: list[ConversionRow] = []
    while page := read(service, limit=limit, after=found[-1].key if found else None, **asked):
        assert len(page) <= limit
        found += page
    return found


@on_both
def test_pages_go_back_and_filters_leave_out_control_and_other_days(tmp_path: Path) -> None:
    """R9, R20: the days are those of the receipts that conversions are credited to."""
    with open_ledger(tmp_path, [SPRING]) as service:
        for number, variant in enumerate(["A", "B", "holdout"], 1):
            user = f"u{number}"
            take(service, [received(number, variant, user), bought(4, user=user), opened(number, user)])
        everything = read(service)
        assert len(everything) == 6
        back: list[ConversionRow] = []
        while page := read(service, limit=2, before=back[0].key if back else "~.0"):
            back = page + back
        assert back == everything
        assert read(service, without_control=True) == [row for row in everything if not row.control]
        second, third = datetime(2024, 3, 2, tzinfo=UTC), datetime(2024, 3, 3, tzinfo=UTC)
        of_day = [row for row in everything if second <= row.received_at < third]
        assert len(of_day) == 2
        assert read(service, received=[(second, third)]) == of_day
        assert read(service, received=[(third, third)]) == read(service, received=[]) == []


@on_both
def test_r14_the_newest_conversions_are_those_that_were_decided_last(tmp_path: Path) -> None:
    """R14: one that was decided again is new, whenever it was first recorded; an index finds them."""
    with open_ledger(tmp_path, [SPRING]) as service:
        for user in ("u1", "u2", "u3"):
            take(service, [received(1, user=user), bought(3, user=user)])
        take(service, [bought(2, user="u1")])
        everything = read(service)
        newest = newest_of(service, 2)
        assert [(row.user_id, row.restated) for row in newest] == [("u1", True), ("u3", False)]
        assert newest_of(service, 9) == sorted(
            everything, key=lambda row: (row.decided_at, row.key), reverse=True
        )


def newest_of(service: Service, limit: int) -> list[ConversionRow]:
    """The newest conversions of the campaign."""
    service.projector.catch_up(CONVERSIONS)
    with service.database.reading() as connection:
        return load_newest_conversions(connection, GROUP, "spring", limit)


def test_the_newest_conversions_are_read_from_the_end_of_an_index(tmp_path: Path) -> None:
    """However many a campaign has, and however many were decided at one instant: nothing is sorted."""
    with open_ledger(tmp_path, [SPRING]) as service:
        take(service, [received(1), bought(2)])
        service.projector.catch_up(CONVERSIONS)
        statements: list[tuple[str, Any]] = []
        with service.database.reading() as connection:
            listen(connection, "before_cursor_execute", lambda *each: statements.append((each[2], each[3])))
            assert len(load_newest_conversions(connection, GROUP, "spring", 5)) == 1
            # The last statement finds the users.
            statement, values = statements[-2]
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
        steps = " ".join(str(row[-1]) for row in plan)
        assert "conversions_by_decision" in steps
        assert "TEMP B-TREE" not in steps


def test_r9_a_conversion_as_json_has_letters_and_instants(tmp_path: Path) -> None:
    """R1, R6: the second conversion event is B; an instant has microseconds only where there are any."""
    with open_ledger(tmp_path, [SPRING]) as service:
        take(service, [received(1), opened(1)])
        [found] = read(service)
        told = found.as_json()
        assert told.pop("recorded_at") == told.pop("decided_at")
        assert told == {
            "user_id": "u1",
            "index": 1,
            "letter": "B",
            "variant_id": "A",
            "control": False,
            "receipt_id": "r1",
            "received_at": "2024-03-01T09:00:00Z",
            "window_ends_at": "2024-03-02T09:00:00Z",
            "behaviour_id": "s1",
            "behaviour_at": "2024-03-01T09:00:00Z",
            "restated": False,
        }


def test_what_is_not_there_is_said_so(tmp_path: Path) -> None:
    """An unknown campaign, an unknown variant, and a key that no row has had are no empty pages."""
    with open_ledger(tmp_path, [SPRING]) as service:
        with pytest.raises(UnknownCampaign):
            read(service, "nowhere")
        with pytest.raises(UnknownVariant):
            read(service, variant_id="C")
        for key in ("", "journey", "journey.4", "journey.-1", "journey.x"):
            with pytest.raises(BadKey):
                read(service, after=key)


@on_both
def test_views_show_users_and_null_for_those_erased(tmp_path: Path) -> None:
    """BI tools read user ids beside journeys; whose identity was erased has none, and still counts."""
    with open_ledger(tmp_path, [SPRING]) as service:
        take(service, [received(1), bought(2)])
        assert [row.user_id for row in read(service)] == ["u1"]
        names = ("conversions", "counted_revenue", "sale_lines", "counted_lines")
        views = [table(name, column("user_id")) for name in names]
        with service.database.writing() as connection:
            for view in views:
                assert connection.execute(select(view)).scalars().all() == ["u1"]
            connection.execute(delete(identities))
            for view in views:
                assert connection.execute(select(view)).scalars().all() == [None]
        assert [row.user_id for row in read(service)] == [None]
        assert read(service)[0].as_json()["user_id"] is None


def ordered(day: int, *lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An order in euros."""
    fact = {"type": "order", "id": f"o{day}", "user_id": "u1", "at": at(day), "currency": "EUR"}
    return fact | ({"lines": list(lines)} if lines else {}) | fields


def line(product_id: str, price: str | None = None, quantity: int = 1) -> dict[str, Any]:
    """A line of an order."""
    return {"product_id": product_id, "quantity": quantity} | ({} if price is None else {"price": price})


def counted_lines(service: Service) -> list[tuple[Any, ...]]:
    """The view of the lines of what counts, as a BI tool reads it."""
    service.projector.catch_up(CONVERSIONS)
    names = ("campaign_id", "user_id", "fact_type", "fact_id", "line", "product_id", "quantity", "currency")
    columns: list[Any] = [column(name) for name in names]
    with service.database.reading() as connection:
        view = select(*columns, column("price", ExactDecimal())).select_from(table("counted_lines"))
        return [tuple(row) for row in connection.execute(view.order_by(*columns[:5]))]


@on_both
def test_r27_an_order_counts_with_one_row_and_its_lines_can_be_joined_by_product(tmp_path: Path) -> None:
    """R11, R27: whole, with its net once; a purchase beside it has one line, an order without lines has none."""
    with open_ledger(tmp_path, [SPRING]) as service:
        tea, cup = line("tea", "9.99", 2), line("cup")
        take(
            service,
            [received(1), bought(2, "5.00"), ordered(3, tea, cup, total="21.98"), ordered(4, total="3")],
        )
        take(service, [ordered(20, line("tea", "1"))])
        refund = {"type": "order_refund", "id": "f", "user_id": "u1", "order_id": "o3", "at": at(9)}
        take(service, [refund | {"amount": "1.98"}])
        assert counted_lines(service) == [
            ("spring", "u1", "order", "o3", 0, "tea", 2, "EUR", Decimal("9.99")),
            ("spring", "u1", "order", "o3", 1, "cup", 1, "EUR", None),
            ("spring", "u1", "purchase", "p2", 0, "x", 1, "EUR", Decimal(5)),
        ]
        _, revenue, lines = contents(service)
        assert {(row["fact_type"], row["fact_id"]): row["net"] for row in revenue.values()} == {
            ("purchase", "p2"): Decimal(5),
            ("order", "o3"): Decimal(20),
            ("order", "o4"): Decimal(3),
        }
        assert {fact_id for _, fact_id, _ in lines} == {"p2", "o3", "o20"}
        check_verified(service, CONVERSIONS)


@pytest.mark.parametrize("at_once", [True, False])
def test_r17_a_voided_order_has_no_lines_and_counts_nowhere(tmp_path: Path, at_once: bool) -> None:
    """R17: voided before it came or after, in the same batch of events or in a later one; others stay."""
    with open_ledger(tmp_path, [SPRING]) as service:
        tea, cup = line("tea", "9.99", 2), line("cup", "4")
        steps = [
            [received(1), void("o2"), ordered(3, tea, cup)],
            [ordered(2, tea), void("o3"), ordered(4, cup)],
        ]
        for facts in steps:
            take(service, facts)
            if not at_once:
                service.projector.catch_up(CONVERSIONS)
        assert [row[3:6] for row in counted_lines(service)] == [("o4", 0, "cup")]
        assert [fact_id for _, fact_id, _ in contents(service)[2]] == ["o4"]
        check_verified(service, CONVERSIONS)
        rebuilt(service, CONVERSIONS)
        assert [fact_id for _, fact_id, _ in contents(service)[2]] == ["o4"]


def test_r14_a_receipt_that_comes_late_makes_lines_count_that_were_there_before(tmp_path: Path) -> None:
    """R14: the lines of a sale are known before it counts for a campaign."""
    with open_ledger(tmp_path, [SPRING]) as service:
        take(service, [ordered(2, line("tea", "9.99"))])
        assert counted_lines(service) == []
        take(service, [received(1)])
        assert [row[3:6] for row in counted_lines(service)] == [("o2", 0, "tea")]


@on_both
def test_b7_a_quantity_of_many_digits_has_a_column_that_holds_it(tmp_path: Path) -> None:
    """R11: whole numbers up to 63 bits, where the price is small enough."""
    with open_ledger(tmp_path, [SPRING]) as service:
        take(service, [received(1), ordered(2, line("tea", "0", 2**63 - 1))])
        assert [row[6] for row in counted_lines(service)] == [2**63 - 1]


@on_both
def test_after_an_upgrade_the_former_table_and_its_view_are_gone(tmp_path: Path) -> None:
    """What version 1 made can be told of, is no longer shown after a rebuild, and goes with its generation."""
    with open_ledger(tmp_path, [SPRING]) as service:
        take(service, [received(1), bought(2)])
        service.projector.catch_up(CONVERSIONS)
        as_version_1(service)
        with service.database.reading() as connection:
            [stood] = read_statuses(connection, service.log, [CONVERSIONS], 0)
        assert (stood.version, stood.rows) == (1, 2)
        rebuilt(service, CONVERSIONS)
        with service.database.reading() as connection:
            assert "counted_purchases" not in inspect(connection).get_view_names()
            old, new = generations.all_of(connection, CONVERSIONS)
        assert (old.status, new.status, new.version) == ("retired", "current", 2)
        with service.database.writing() as connection:
            sweep(connection, CONVERSIONS, (new.switched_at or 0) + 61 * 1_000_000)
            left = inspect(connection).get_table_names()
        assert not [name for name in left if name.startswith("counted_") and name.endswith("_1")]


def as_version_1(service: Service) -> None:
    """Let the current generation be as the version before made it: one table with another name, and its view."""
    with service.database.writing() as connection:
        for view in ("counted_lines", "counted_revenue", "sale_lines"):
            connection.execute(text(f"DROP VIEW {view}"))
        connection.execute(text("ALTER TABLE counted_revenue_1 RENAME TO counted_purchases_1"))
        connection.execute(text("DROP TABLE sale_lines_1"))
        connection.execute(text("CREATE VIEW counted_purchases AS SELECT * FROM counted_purchases_1"))
        old = update(generations.checkpoints).where(generations.checkpoints.c.name == CONVERSIONS.name)
        connection.execute(old.values(version=1))
