"""The offers: a third of a million facts with known answers, from ../shared; skipped where the folder is missing."""

import gzip
import json
import random
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
import yaml
from sqlalchemy import select

from application.commands.definitions import read_campaigns
from application.commands.facts import read_fact
from application.queries.reads import AskedCampaign
from application.queries.results import check_declaration, declare_winner, read_results
from domain.campaigns.evidence import DecidingTest
from infrastructure.access.operator import stamp
from infrastructure.audit.auditing import Options, audit_ledger
from infrastructure.composition import Service
from projections.campaign_report.reading import load_report, load_reports
from projections.conversions import CONVERSIONS
from projections.conversions.tables import conversions, counted_revenue
from projections.engine import generations
from projections.engine.tables import users
from projections.overlap.reading import load_overlap
from projections.series.clock import Clock
from projections.series.reading import load_series
from tests.support import reference, reference_reports
from tests.support.ledgers import url_of
from tests.support.read_models import by_day, everyone

OFFERS = Path(__file__).parents[3] / "shared" / "data" / "offers"
FIRST_USERS = 100

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not OFFERS.exists(), reason="the offers are not here: ../shared/data/offers"),
]


class Judged(NamedTuple):
    """The offers' campaigns and receipts, and what the reference finds; no fact is void, so all stand."""

    campaigns: list[reference.Campaign]
    receipts: list[reference.Fact]
    earned: dict[tuple[str, str, int], dict[str, Any]]
    counted: dict[tuple[str, str, str], dict[str, Any]]
    recipients: dict[tuple[str, str, str | None], dict[str, Any]]


class Silent:
    """Nobody watches."""

    def reading(self, file: object, totals: object) -> None:
        """One more batch."""

    def projecting(self, done: int, newest: int) -> None:
        """So far."""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A ledger with the offers' campaigns."""
    with Service(url_of(tmp_path)) as service:
        campaigns = yaml.safe_load((OFFERS / "campaigns.yaml").read_text())
        service.campaigns.apply(read_campaigns(campaigns), stamp())
        yield service


def lines() -> list[bytes]:
    """The facts, as they stand."""
    with gzip.open(OFFERS / "facts.jsonl.gz") as file:
        return file.readlines()


def assert_expected(service: Service) -> None:
    """Every field that expected.json names is equal in the reports."""
    expected = json.loads((OFFERS / "expected.json").read_text())["campaigns"]
    with service.database.reading() as connection:
        for campaign_id, figures in expected.items():
            found = load_report(connection, "offers", campaign_id)
            assert found is not None
            reported = found.as_json()
            variants = {variant["variant_id"]: variant for variant in reported["variants"]}
            totals = {name: value for name, value in figures.items() if name != "variants"}
            assert totals.items() <= reported["totals"].items()
            for variant_id, wanted in figures.get("variants", {}).items():
                assert wanted.items() <= variants[variant_id].items()


@cache
def judged() -> Judged:
    """What the reference finds."""
    campaigns = yaml.safe_load((OFFERS / "campaigns.yaml").read_text())["campaigns"]
    facts = [json.loads(line) for line in lines()]
    return Judged(
        campaigns,
        [fact for fact in facts if fact["type"] == "received"],
        reference_reports.conversions(campaigns, facts),
        reference_reports.counted_purchases(campaigns, facts),
        reference_reports.recipients(campaigns, facts),
    )


def assert_read_models(service: Service) -> None:
    """R7 to R9, R11, R18, R20: every row and figure of the other read models is what the reference finds."""
    service.projector.catch_up()
    assert everyone(service) == judged().recipients
    with service.database.reading() as connection:
        own = generations.current(connection, CONVERSIONS)
        names = {row.journey_id: row.user_id for row in connection.execute(select(users))}
        for table, number, wanted in (
            (conversions, "conversion_event", judged().earned),
            (counted_revenue, "fact_id", judged().counted),
        ):
            rows = [row._mapping for row in connection.execute(select(own[table]))]
            found = {(names[row["journey_id"]], row["campaign_id"], row[number]): row for row in rows}
            fields = next(iter(wanted.values())).keys()
            columns = {name: "occurred_at" if name == "purchased_at" else name for name in fields}
            assert {
                key: {name: row[column] for name, column in columns.items()} for key, row in found.items()
            } == wanted
    for campaign in judged().campaigns:
        assert_days_and_overlap(service, campaign)


def assert_days_and_overlap(service: Service, campaign: reference.Campaign) -> None:
    """The series under both clocks, and the overlap, of one campaign."""
    campaigns, receipts, earned, counted, _ = judged()
    known = service.definitions
    with service.database.reading() as connection:
        for clock in get_args(Clock):
            days = by_day(load_series(connection, known, "offers", campaign["id"], clock))
            assert days == reference_reports.series_of(campaign, receipts, earned, counted, clock, "UTC")
        found = load_overlap(connection, known, "offers", campaign["id"]).conversion_events
    assert [(each.conversions, each.overlapping) for each in found] == [
        (each["conversions"], each["overlapping"])
        for each in reference_reports.overlap_of(campaigns, earned, campaign["id"])
    ]


@pytest.mark.parametrize("each_database", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("each_database")
def test_the_offers_as_they_stand(service: Service) -> None:
    """R6 to R11, R18, R19: every figure that two implementations computed elsewhere comes out."""
    importing = service.start_import("offers", lambda rejected: pytest.fail(str(rejected)))
    totals = importing.run([str(OFFERS / "facts.jsonl.gz")], None, Silent())
    assert (totals.read, totals.accepted, totals.duplicates) == (323_534, 323_534, 0)
    assert_expected(service)
    with service.database.reading() as connection:
        standing = sum(
            sum(v.figures.conversions) for r in load_reports(connection, "offers") for v in r.variants
        )
    assert totals.conversions == standing


def assert_audited(service: Service) -> None:
    """The rules in SQL say the same."""
    found = audit_ledger(service.database, service.projector, Options(), lambda *_: None)
    assert found.differs == 0, found.judged.differences[:3]


def assert_winner(service: Service) -> None:
    """R21: the first wave's, with its evidence, and again from the position it was declared at."""
    asked = AskedCampaign(service.reads_caught_up(), "offers", "wave-0")
    found = read_results(asked, DecidingTest.SEQUENTIAL)
    assert found.results.decision.winner == "fafdcd668e3743c1bb461111dcafc2a4"
    against = {each.against: each.adjusted for each in found.results.decision.comparisons}
    assert against["control"] < 1e-4
    declare_winner(service.experiments, found, stamp())
    checked = check_declaration(asked)
    assert checked.is_same
    (counts,) = checked.declared.evidence.periods
    wanted = json.loads((OFFERS / "expected.json").read_text())["campaigns"]["wave-0"]["variants"]
    assert {each.variant_id: each.recipients for each in counts} == {
        variant_id: figures["unique_recipients"] for variant_id, figures in wanted.items()
    }


def test_r14_the_offers_shuffled_repeated_and_split(service: Service, tmp_path: Path) -> None:
    """R13, R14, R21: in any order, every fifth twice and in several files, all of it comes out the same."""
    facts = [*lines(), *lines()[::5]]
    random.Random(14).shuffle(facts)
    half = len(facts) // 2
    paths = []
    for number, part in enumerate((facts[:half], facts[half:])):
        path = tmp_path / f"part-{number}.jsonl.gz"
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.writelines(part)
        paths.append(str(path))
    totals = service.start_import("offers", lambda rejected: pytest.fail(str(rejected))).run(
        paths, None, Silent()
    )
    assert (totals.read, totals.accepted, totals.duplicates) == (388_241, 323_534, 64_707)
    assert_expected(service)
    assert_read_models(service)
    assert_audited(service)
    assert_winner(service)


@pytest.mark.usefixtures("each_database")
def test_the_first_users_one_by_one_are_as_in_large_batches(service: Service, tmp_path: Path) -> None:
    """R13, R14: in batches of one, and everything twice, the first users' reports are as in one batch."""
    facts = list(of_first_users(json.loads(line) for line in lines()))
    for fact in facts:
        service.intake.record("offers", [read_fact(fact)], stamp())
    for start in range(0, len(facts), 1_000):
        again = [read_fact(fact) for fact in facts[start : start + 1_000]]
        answers = service.intake.record("offers", again, stamp()).answers
        assert {answer.verdict.value for answer in answers} == {"duplicate"}
    (other := tmp_path / "other").mkdir()
    with Service(url_of(other)) as whole:
        campaigns = yaml.safe_load((OFFERS / "campaigns.yaml").read_text())
        whole.campaigns.apply(read_campaigns(campaigns), stamp())
        whole.intake.record("offers", [read_fact(fact) for fact in facts], stamp())
        assert figures(whole) == figures(service)


def of_first_users(facts: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The facts of the first users to appear."""
    facts = list(facts)
    users = set(islice(dict.fromkeys(fact["user_id"] for fact in facts), FIRST_USERS))
    return (fact for fact in facts if fact["user_id"] in users)


def figures(service: Service) -> list[dict[str, Any]]:
    """All reports but for the position."""
    service.projector.catch_up()
    with service.database.reading() as connection:
        return [found.as_json() | {"position": ""} for found in load_reports(connection, "offers")]
