"""What an audit found is kept for each app group by itself, the last twenty, without anybody's id."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from eventsourcing.persistence import PersistenceError
from sqlalchemy import text

from application.commands.definitions import read_campaigns
from application.ledger import UnknownAppGroup
from application.queries.audits import KeptAudits, read_audits
from application.queries.reads import BadQuestion
from infrastructure.access.operator import stamp
from infrastructure.audit.auditing import Options, audit_ledger
from infrastructure.audit.keeping import KEPT_AUDITS, StoredAudits, keep
from infrastructure.audit.outcome import AuditResult
from infrastructure.cli import auditing
from infrastructure.composition import Service
from tests.infrastructure.audit.test_audit import make, purchase, received
from tests.support.commands import run
from tests.support.ledgers import GROUP, rows, take, url_of
from tests.support.strategies import APP_GROUP

OTHER = "other-shop"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The ledger of the audit's tests, and a second app group with a campaign of the same id."""
    with make(tmp_path) as service:
        campaign = {"id": "spring", "conversion_events": [{"type": "makes_purchase", "deadline": "3d"}]}
        service.campaigns.apply(
            read_campaigns(APP_GROUP | {"app_group": OTHER, "campaigns": [campaign, {"id": "theirs"}]}),
            stamp(),
        )
        facts = [
            received("r1", "v1", "default", "2026-03-01T09:00:00Z"),
            purchase("p1", "v1", "3.50", "2026-03-02T09:00:00Z"),
        ]
        taken = take(service, facts, OTHER)
        assert all(answer.verdict.value == "accepted" for answer in taken.answers)
        service.projector.catch_up()
        yield service


def audited(service: Service, campaign_id: str | None = None) -> AuditResult:
    """An audit whose outcome is kept."""
    found = audit_ledger(service.database, service.projector, Options(campaign_id), lambda *_: None)
    keep(service.database, found)
    return found


def kept(service: Service, app_group: str = GROUP, audit_id: int | None = None) -> KeptAudits:
    """What the dashboard reads."""
    return read_audits(service.reads_caught_up(), StoredAudits(), app_group, audit_id)


def spoil(service: Service) -> None:
    """Rows of a read model say what is not so, in both app groups."""
    with service.database.writing() as connection:
        connection.execute(
            text("UPDATE conversions_1 SET behaviour_at = '2026-03-02 09:00:01' WHERE app_group = :o"),
            {"o": OTHER},
        )
        connection.execute(
            text("UPDATE conversions_1 SET variant_id = 'B' WHERE behaviour_id = 'p1' AND app_group = :g"),
            {"g": GROUP},
        )


def test_where_nothing_was_audited_there_is_nothing(service: Service) -> None:
    """Not an error: the page says how to audit."""
    found = kept(service)
    assert (found.shown, found.kept) == (None, [])
    assert found.as_json() == {
        "app_group": GROUP,
        "position": str(len(rows(service))),
        "audit": None,
        "kept": [],
    }
    with pytest.raises(UnknownAppGroup):
        kept(service, "nobody")


@pytest.mark.usefixtures("each_database")
def test_each_app_group_has_its_own_part(service: Service) -> None:
    """Figures and differences of the other one are not in it; nor are their numbers."""
    spoil(service)
    found = audited(service)
    own, others = kept(service).shown, kept(service, OTHER).shown
    assert own is not None
    assert others is not None
    assert (own.outcome.revenue, others.outcome.revenue) == ({"EUR": "54.00"}, {"EUR": "3.50"})
    assert (own.outcome.counted["conversions"], others.outcome.counted["conversions"]) == (5, 1)
    assert others.outcome.counted == {"receipts": 1, "unique_recipients": 1, "conversions": 1, "purchases": 1}
    assert own.outcome.differences + others.outcome.differences == found.differs
    assert own.outcome.differences
    assert others.outcome.differences
    assert {each.user_id for each in own.outcome.listed} == {"u1"}
    assert {each.user_id for each in others.outcome.listed} == {"v1"}
    assert len(own.outcome.listed) == own.outcome.differences
    assert "v1" not in str(kept(service).as_json())
    assert "u1" not in str(kept(service, OTHER).as_json())


def test_what_is_kept_is_what_the_audit_said(service: Service) -> None:
    """Position, instant, claims, each difference as in JSON and in words."""
    spoil(service)
    found, shown = audited(service), kept(service).shown
    assert shown is not None
    told, said = shown.as_json(), found.as_json()
    for name in ("position", "made_at", "engine", "seconds", "claims", "campaign_id"):
        assert told[name] == said[name]
    own = [{**each} for each in said["told"] if each["app_group"] == GROUP]
    for each in own:
        del each["app_group"]
    assert [
        {name: value for name, value in each.items() if name != "in_words"} for each in told["listed"]
    ] == own
    assert told["listed"][0]["in_words"] == {
        "thing": "conversion A of campaign spring",
        "problem": "credited to another variant",
        "judged": told["listed"][0]["in_words"]["judged"],
        "said": told["listed"][0]["in_words"]["said"],
    }
    assert told["listed"][0]["in_words"]["said"].endswith("variant B")


def test_no_users_id_is_kept(service: Service) -> None:
    """Somebody whose identity is erased is gone from audits too."""
    spoil(service)
    audited(service)
    with service.database.writing() as connection:
        assert not connection.execute(text("SELECT outcome FROM audits WHERE outcome LIKE '%\"u1\"%'")).all()
        connection.execute(text("DELETE FROM identities WHERE user_id = 'u1'"))
    shown = kept(service).shown
    assert shown is not None
    assert [each.user_id for each in shown.outcome.listed] == [None]


def test_an_audit_of_one_campaign_is_not_taken_for_one_of_all(service: Service) -> None:
    """The last one of all is shown, as long as there is one; only those who have the campaign see that it was audited."""
    audited(service, "plain")
    shown = kept(service).shown
    assert shown is not None
    assert shown.outcome.campaign_id == "plain"
    assert kept(service, OTHER).kept == []
    whole = audited(service)
    audited(service, "spring")
    found = kept(service)
    assert found.shown is not None
    assert (found.shown.outcome.campaign_id, found.shown.position) == (None, whole.position)
    assert [each.outcome.campaign_id for each in found.kept] == ["spring", None, "plain"]
    assert [each.outcome.campaign_id for each in kept(service, OTHER).kept] == ["spring", None]
    asked = kept(service, audit_id=found.kept[0].audit_id).shown
    assert asked is not None
    assert asked.outcome.campaign_id == "spring"
    with pytest.raises(BadQuestion, match="no longer kept"):
        kept(service, OTHER, audit_id=found.kept[2].audit_id)


@pytest.mark.usefixtures("each_database")
def test_the_last_twenty_are_kept_of_each_app_group(service: Service) -> None:
    """The oldest goes; those of another app group stay."""
    found = audited(service)
    for number in range(KEPT_AUDITS):
        keep(service.database, replace(found, campaign_id="plain", seconds=float(number)))
    own = kept(service).kept
    assert [each.outcome.seconds for each in own] == [float(each) for each in reversed(range(KEPT_AUDITS))]
    assert len(kept(service, OTHER).kept) == 1


def test_altered_events_are_those_of_the_app_group(service: Service) -> None:
    """R14: positions whose hash differs."""
    found = audited(service)
    by_group = {each.app_group: each.position for each in rows(service)}
    keep(service.database, replace(found, altered=sorted(by_group.values())))
    shown = kept(service, OTHER).shown
    assert shown is not None
    assert shown.outcome.altered == [str(by_group[OTHER])]


def test_the_command_keeps_its_outcome(tmp_path: Path) -> None:
    """One audit of the database; that of an archive is not kept, because it may be another ledger's."""
    make(tmp_path).close()
    archive = tmp_path / "archive"
    assert run(tmp_path, "archive", str(archive)).returncode == 0
    assert run(tmp_path, "audit", "--from", str(archive)).returncode == 0
    with Service(url_of(tmp_path)) as service:
        assert kept(service).kept == []
    assert run(tmp_path, "audit").returncode == 0
    with Service(url_of(tmp_path)) as service:
        assert len(kept(service).kept) == 1


def test_where_it_cannot_be_kept_the_audit_was_made_all_the_same(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says so, and goes on."""
    found = audited(service)

    def refuse(*_: object) -> None:
        raise PersistenceError("attempt to write a readonly database\nmore")

    monkeypatch.setattr(auditing, "keep", refuse)
    auditing._keep(service.database, found)
    said = capsys.readouterr().err
    assert "The outcome was not kept" in said
    assert "readonly database" in said
    assert "more" not in said
