"""The audit's rules in SQL find what the plain reference finds, whatever the facts, in whatever order they came."""

import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from infrastructure.archive.archiving import Archiver
from infrastructure.archive.location import open_location
from infrastructure.audit import judging
from infrastructure.audit.auditing import Options, audit_archive, audit_ledger
from infrastructure.audit.outcome import AuditResult
from tests.domain.journey.test_journey_laws import plans
from tests.infrastructure.audit.test_audit import FACTS, make
from tests.support.ledgers import open_ledger, take
from tests.support.reference import judge

LAWS = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def quiet(*_: object) -> None:
    """Nobody watches."""


def figures(found: AuditResult, campaign_id: str) -> dict[str, Any]:
    """The figures of a campaign by variant, as sums over days; '' is the campaign."""
    by_variant: defaultdict[str, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for key, number in found.judged.figures.items():
        if key.campaign_id == campaign_id and key.clock != "receipt":
            by_variant[key.variant_id][" ".join(filter(None, [key.figure, key.thing]))] += number
    return {variant: dict(numbers) for variant, numbers in by_variant.items()}


def expected(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the reference's report in the same shape; what is 0 is not there."""
    counts = {"receipts": row["receipts"], "unique_recipients": row["unique_recipients"]}
    counts |= {f"conversions {index}": number for index, number in enumerate(row["conversions"])}
    return {name: Decimal(number) for name, number in counts.items() if number}


def but_for_money(numbers: dict[str, Any]) -> dict[str, Any]:
    return {name: number for name, number in numbers.items() if not name.startswith(("revenue", "purchases"))}


def money(numbers: dict[str, Any]) -> dict[str, Decimal]:
    """The revenue of a row by currency: a currency is there once a purchase counts in it (R11)."""
    return {name.split()[1]: number for name, number in numbers.items() if name.startswith("revenue ")}


@pytest.mark.usefixtures("each_database")
@LAWS
@given(plan=plans())
def test_r2_to_r20_the_rules_in_sql_find_what_the_reference_finds(plan: Any) -> None:
    """Every figure of every variant equals the reference's, and nothing differs from streams and read models."""
    campaigns, facts, batches = plan
    with tempfile.TemporaryDirectory() as directory, open_ledger(Path(directory), campaigns) as service:
        for batch in batches:
            take(service, batch)
        found = audit_ledger(service.database, service.projector, Options(), quiet)
    assert found.differs == 0, found.judged.differences
    reference = judge(campaigns, facts)
    for campaign in campaigns:
        report, by_variant = reference.report(campaign["id"]), figures(found, campaign["id"])
        for variant, row in report["variants"].items():
            numbers = by_variant.get(variant, {})
            assert but_for_money(numbers) == expected(row)
            assert money(numbers) == row["revenue"]
        total = by_variant.get("", {})
        assert total.get("unique_recipients", 0) == report["totals"]["unique_recipients"]


@pytest.mark.parametrize("at_a_time", [4, 11])
def test_ranges_of_journeys_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    """Judged few at a time, the totals, the figures and the checksum are those of all at once."""
    spans: list[object] = []
    with make(tmp_path) as service:
        whole = audit_ledger(service.database, service.projector, Options(), quiet)
        monkeypatch.setattr(judging, "EVENTS", at_a_time)
        parts = audit_ledger(
            service.database,
            service.projector,
            Options(),
            lambda what, done, _: spans.append(done) if what == "judging" else None,
        )
    assert len(spans) > 5
    assert (parts.checksum, parts.judged) == (whole.checksum, whole.judged)


def test_an_audit_that_was_stopped_goes_on_after_the_ranges_that_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was judged is not judged again, the outcome is that of an audit without a stop, and nothing is left over."""
    (work := tmp_path / "work").mkdir()
    (files := tmp_path / "ledger").mkdir()
    monkeypatch.setattr(judging, "EVENTS", 5)
    asked: list[object] = []

    def stopping(what: str, done: int, _: int | None) -> None:
        if what == "judging":
            asked.append(done)
            if len(asked) == 3:
                raise KeyboardInterrupt

    with make(files) as service:
        whole = audit_ledger(service.database, service.projector, Options(), quiet)
        with pytest.raises(KeyboardInterrupt):
            audit_ledger(service.database, service.projector, Options(work=work), stopping)
        (kept,) = work.iterdir()
        judged = {file.name: file.stat().st_mtime_ns for file in kept.iterdir()}
        assert len(judged) == 3
        with monkeypatch.context() as within:
            within.setattr("infrastructure.audit.resuming.JudgedRanges.end", quiet)
            again = audit_ledger(service.database, service.projector, Options(work=work), quiet)
        assert judged.items() <= {file.name: file.stat().st_mtime_ns for file in kept.iterdir()}.items()
        assert (
            audit_ledger(service.database, service.projector, Options(work=work), quiet).judged
            == again.judged
            == whole.judged
        )
    assert list(work.iterdir()) == []


def test_an_archive_is_audited_alike(tmp_path: Path) -> None:
    """From an archive the same stands, with the same checksum; its streams are compared."""
    with make(tmp_path) as service:
        ledger = audit_ledger(service.database, service.projector, Options(), quiet)
        Archiver(
            service.database, service.recorder, service.now, open_location(str(tmp_path / "archive")), quiet
        ).run()
    archive = audit_archive(str(tmp_path / "archive"), Options(), quiet)
    assert archive.differs == 0
    assert archive.claims == ("streams",)
    assert (archive.checksum, archive.position) == (ledger.checksum, ledger.position)
    assert archive.judged.totals == ledger.judged.totals
    assert archive.judged.totals["facts"] == sum(map(len, FACTS))
