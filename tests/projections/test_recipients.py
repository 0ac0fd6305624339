"""Recipients: who received what and what they did for it, mature rates, and periods, judged by the reference."""

import pickle
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from application.commands.definitions import read_campaigns
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from projections.engine import generations, projector
from projections.engine.folding import fold
from projections.engine.users import users
from projections.recipients import RECIPIENTS, reading, tables
from tests.domain.journey.test_journey_laws import plans
from tests.support import reference, reference_reports
from tests.support.ledgers import GROUP, open_ledger, take
from tests.support.strategies import APP_GROUP

pytestmark = pytest.mark.usefixtures("each_database")

LAWS = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

ZONES = ["UTC", "America/New_York", "Pacific/Kiritimati", "Asia/Kolkata"]
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def in_zone(directory: str, campaigns: Sequence[dict[str, Any]], zone: str) -> Service:
    """A ledger whose app group is in a time zone."""
    service = open_ledger(Path(directory))
    group = APP_GROUP | {"time_zone": zone, "campaigns": list(campaigns)}
    service.campaigns.apply(read_campaigns(group), stamp())
    return service


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


def listed(service: Service, campaign_id: str, limit: int = 1, **wanted: Any) -> list[reading.RecipientRow]:
    """All pages of a campaign's recipients."""
    found: list[reading.RecipientRow] = []
    with service.database.reading() as connection:
        while True:
            after = found[-1].key if found else None
            known = service.definitions
            page = reading.recipients(
                connection, known, GROUP, campaign_id, after=after, limit=limit, **wanted
            )
            found += page
            if len(page) < limit:
                return found


def check(service: Service, campaigns: Sequence[Any], facts: Sequence[Any]) -> None:
    """Rows and lists are the reference's, and as many as the log lets one expect."""
    expected = reference_reports.recipients(campaigns, facts)
    assert everyone(service) == expected
    for campaign in campaigns:
        own = {key: row for key, row in expected.items() if key[1] == campaign["id"] and key[2] is not None}
        pages = listed(service, campaign["id"])
        assert [row.key for row in pages] == sorted(row.key for row in pages)
        assert {row.user_id for row in pages} == {key[0] for key in own}
        for row in pages:
            of_user = {key[2]: each for key, each in own.items() if key[0] == row.user_id}
            assert {variant.variant_id: variant.receipts for variant in row.variants} == {
                variant: each["receipts"] for variant, each in of_user.items()
            }
            credited = {index: variant for variant, each in of_user.items() for index in each["converted"]}
            assert row.credited == [
                credited.get(i) for i, _ in enumerate(reference.conversion_events_of(campaign))
            ]
            every = of_user.values()
            assert row.first == min((each["first_received_at"], each["first_receipt_id"]) for each in every)
            assert row.last == max((each["last_received_at"], each["last_receipt_id"]) for each in every)
            currencies = {currency for each in every for currency in each["revenue"]}
            assert row.revenue == {
                currency: sum(each["revenue"].get(currency, (0, 0))[1] for each in every)
                for currency in currencies
            }
    check_verified(service)


def check_verified(service: Service) -> None:
    """What a rebuild would compare is equal."""
    with service.database.reading() as connection:
        last = service.log.last_position(connection)
        tally = service.log.tally(connection, 0, last)
        own = generations.current(connection, RECIPIENTS)
        assert RECIPIENTS.expected(tally) == RECIPIENTS.held(connection, own)


def contents(service: Service) -> list[set[tuple[Any, ...]]]:
    """All rows of all its tables."""
    with service.database.reading() as connection:
        own = generations.current(connection, RECIPIENTS)
        return [{tuple(row) for row in connection.execute(own[each].select())} for each in RECIPIENTS.tables]


def fold_apart(service: Service, span: int) -> None:
    """Build it as a rebuild does: ranges folded, each in a process that knows nothing of others, then written."""
    known, log = service.definitions, service.log
    with service.database.writing() as connection:
        built = generations.make(connection, RECIPIENTS, "building", 0)
        last = log.last_position(connection)
        ranges = [(after, min(after + span, last)) for after in range(0, last, span)]
        folds = [pickle.dumps(fold(log, connection, known, [RECIPIENTS], *each)) for each in ranges]
        for sent, (_, position) in zip(folds, ranges, strict=True):
            folded = pickle.loads(sent)[RECIPIENTS.name]  # noqa: S301 - the test's own
            projector.write(RECIPIENTS, folded, service.projector.stores(connection, built), position)
        generations.become(connection, generations.current(connection, RECIPIENTS), "kept", 0)
        generations.move(connection, built, last, 0)
        generations.become(connection, built, "current", 0)


@LAWS
@given(plan=plans())
def test_r14_any_order_and_batches_give_the_recipients_the_reference_finds(plan: Any) -> None:
    """R7, R9, R11, R12, R14, R17, R18: caught up after every batch, each row is the reference's."""
    campaigns, facts, batches = plan
    with tempfile.TemporaryDirectory() as directory, open_ledger(Path(directory), campaigns) as service:
        for batch in batches:
            take(service, batch)
            service.projector.catch_up(RECIPIENTS)
        service.projector.catch_up(RECIPIENTS)
        check(service, campaigns, facts)


@pytest.mark.parametrize("span", [1, 3, 20_000])
@settings(LAWS, max_examples=6)
@given(plan=plans())
def test_r14_ranges_folded_apart_give_the_same_rows(plan: Any, span: int) -> None:
    """R14: a batch may end between a fact and its decisions: the same rows, hours too, by one process or several."""
    campaigns, facts, batches = plan
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory() as directory,
        open_ledger(Path(directory), campaigns) as service,
    ):
        for batch in batches:
            take(service, batch)
        service.projector.catch_up(RECIPIENTS)
        at_once = contents(service)
        fold_apart(service, span)
        assert contents(service) == at_once
        patch.setattr(projector, "BATCH", span)
        with service.database.writing() as connection:
            generations.drop(connection, RECIPIENTS, generations.current(connection, RECIPIENTS))
        service.projector.catch_up(RECIPIENTS)
        assert contents(service) == at_once
        check(service, campaigns, facts)


def ends(campaigns: Sequence[Any], facts: Sequence[Any], campaign: Any) -> list[datetime]:
    """Where last windows of a campaign end."""
    told = reference_reports.of_campaign(reference_reports.recipients(campaigns, facts), campaign["id"])
    deadlines = [reference.deadline_of(event) for event in reference.conversion_events_of(campaign)]
    found = {row["last_received_at"] + deadline for row in told.values() for deadline in deadlines}
    return sorted(found) or [datetime(2024, 3, 1, tzinfo=UTC)]


@LAWS
@given(plan=plans(), data=st.data())
def test_r6_mature_rates_are_exact_as_of_any_full_hour(plan: Any, data: st.DataObject) -> None:
    """R6, R9, R18: at and around the ends of windows, the counts of an hour are those of every recipient looked at."""
    campaigns, facts, batches = plan
    with tempfile.TemporaryDirectory() as directory, open_ledger(Path(directory), campaigns) as service:
        for batch in batches:
            take(service, batch)
            service.projector.catch_up(RECIPIENTS)
        service.projector.catch_up(RECIPIENTS)
        for campaign in campaigns:
            end = data.draw(st.sampled_from(ends(campaigns, facts, campaign)))
            as_of = end + data.draw(st.sampled_from([-HOUR, timedelta(0), HOUR, 2 * HOUR, 365 * 24 * HOUR]))
            hour = as_of.replace(minute=0, second=0, microsecond=0)
            expected = reference_reports.mature(campaigns, facts, campaign["id"], hour)
            with service.database.reading() as connection:
                known = service.definitions
                found = reading.mature(connection, known, GROUP, campaign["id"], as_of)
            assert found.as_of == hour
            rows = {None: found.totals} | {each.variant_id: each.conversion_events for each in found.variants}
            assert {
                variant: [
                    {"recipients": each.recipients, "converted": each.converted, "open": each.open}
                    for each in events
                ]
                for variant, events in rows.items()
            } == expected


def credited(report: Any, of: str) -> dict[tuple[str, Any], Any]:
    """Conversions or revenue of a report of the reference, as the series tells them."""
    found = {}
    for variant, figures in report["variants"].items():
        values = enumerate(figures[of]) if of == "conversions" else figures[of].items()
        found.update({(variant, key): value for key, value in values})
    return found


def figures(each: Any) -> dict[str, Any]:
    """Figures in the reference's shape."""
    return {
        "receipts": each.receipts,
        "unique_recipients": each.unique_recipients,
        "conversions": each.conversions,
        "conversion_rates": each.conversion_rates,
        "revenue": each.revenue,
    }


@LAWS
@given(plan=plans(), zone=st.sampled_from(ZONES), data=st.data())
def test_r20_a_period_counts_each_user_once_however_many_its_days(
    plan: Any, zone: str, data: st.DataObject
) -> None:
    """R18, R19, R20: receipts and exact unique recipients of any days, in the group's time zone."""
    campaigns, facts, batches = plan
    days = sorted({reference_reports.day(reference.instant(fact), zone) for fact in facts}) or [date.today()]  # noqa: DTZ011
    first, last = data.draw(st.sampled_from(days)), data.draw(st.sampled_from(days))
    with tempfile.TemporaryDirectory() as directory, in_zone(directory, campaigns, zone) as service:
        for batch in batches:
            take(service, batch)
        service.projector.catch_up(RECIPIENTS)
        for campaign in campaigns:
            own = campaign["id"]
            expected = reference_reports.received_between(campaigns, facts, own, first, last, zone)
            told = {name: credited(expected, name) for name in ("conversions", "revenue")}
            with service.database.reading() as connection:
                known = service.definitions
                found = reading.received_between(connection, known, GROUP, own, first, last, **told)
            assert figures(found.totals) == expected["totals"]
            assert {each.variant_id: figures(each.figures) for each in found.variants} == expected["variants"]


@LAWS
@given(plan=plans(), data=st.data())
def test_r18_what_was_received_by_an_instant(plan: Any, data: st.DataObject) -> None:
    """R17, R18: of all that stands, the receipts at or before the instant, and distinct users by their first."""
    campaigns, facts, batches = plan
    instants = sorted({reference.instant(fact) for fact in facts}) or [datetime(2024, 3, 1, tzinfo=UTC)]
    at = data.draw(st.sampled_from(instants))
    with tempfile.TemporaryDirectory() as directory, open_ledger(Path(directory), campaigns) as service:
        for batch in batches:
            take(service, batch)
        service.projector.catch_up(RECIPIENTS)
        for campaign in campaigns:
            expected = reference_reports.true_as_of(campaigns, facts, campaign["id"], at)
            with service.database.reading() as connection:
                elsewhere = at.astimezone(ZoneInfo("Asia/Kolkata"))
                found = reading.receipts_until(connection, GROUP, campaign["id"], elsewhere)
            assert found.unique_recipients[None] == expected["totals"]["unique_recipients"]
            for variant, row in expected["variants"].items():
                assert found.receipts[variant] == row["receipts"]
                assert found.unique_recipients[variant] == row["unique_recipients"]
