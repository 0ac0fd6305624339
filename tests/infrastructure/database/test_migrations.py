"""Migrations: whole or not at all, equal to the tables the code uses, and never run on a newer schema."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from eventsourcing.persistence import PersistenceError
from sqlalchemy import Table, inspect, text

import infrastructure.migrations
from infrastructure.composition import Service
from infrastructure.database import Database
from infrastructure.database.schema import metadata
from infrastructure.event_store.integrity import Verification, verify
from infrastructure.migrations import HEAD, NewerSchema, migrate
from projections.engine.generations import metadata as read_models
from tests.support.golden_ledgers import LEDGERS, fill
from tests.support.ledgers import NOW, outcome, reported, take, url_of
from tests.support.reference import judge


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A new database of each kind, without any table."""
    if request.param == "sqlite":
        database = Database(url_of(tmp_path))
    else:
        database = Database(request.getfixturevalue("postgresql").fresh_database())
    yield database
    database.close()


def test_the_migrated_schema_is_the_one_the_code_uses(database: Database) -> None:
    """Every table, column, nullability and primary key of the code is there, and no other table."""
    migrate(database)
    tables: dict[str, Table] = {**metadata.tables, **read_models.tables}
    with database.reading() as connection:
        found = inspect(connection)
        assert set(found.get_table_names()) - {"alembic_version"} == set(tables)
        for name, table in tables.items():
            columns = {column["name"]: column["nullable"] for column in found.get_columns(name)}
            assert columns == {column.name: column.nullable for column in table.columns}
            key = found.get_pk_constraint(name)["constrained_columns"]
            assert key == [column.name for column in table.primary_key.columns]


def test_head_is_alembics_head() -> None:
    """The constant that saves loading Alembic names the newest revision."""
    config = Config()
    config.set_main_option("script_location", str(Path(infrastructure.migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_migrating_again_changes_nothing(database: Database) -> None:
    """A migrated database is left alone."""
    migrate(database)
    migrate(database)
    with database.reading() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == HEAD


def test_a_newer_schema_is_refused_with_advice(database: Database) -> None:
    """An older version does not touch a newer ledger."""
    migrate(database)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerSchema, match="upgrade the ledger"):
        migrate(database)


def test_a_migration_that_fails_half_way_leaves_nothing(database: Database) -> None:
    """All of a migration is one transaction."""
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE report_revenue (was INTEGER)"))
    with pytest.raises(PersistenceError, match="report_revenue"):
        migrate(database)
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == ["report_revenue"]


def test_processes_that_open_a_new_database_at_once_migrate_it_once(database: Database) -> None:
    """The second waits for the first, and finds nothing left to do."""
    failed: list[BaseException] = []

    def work() -> None:
        own = Database(database.url)
        try:
            migrate(own)
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with database.reading() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == HEAD


@pytest.mark.parametrize("ledger", sorted(LEDGERS.glob("*.json")), ids=lambda path: path.stem)
def test_a_ledger_of_an_earlier_schema_keeps_its_data_and_goes_on(database: Database, ledger: Path) -> None:
    """Migrated with data in it: the log verifies, reports equal the reference, facts are known, new ones are taken."""
    old = json.loads(ledger.read_text())
    fill(database, old["schema"], old["tables"])
    with Service(database.url, now=lambda: NOW) as service:
        # One more event for the app group: dollars where no currency is named, as it was (R11).
        assert verify(service.database, lambda *_: None) == Verification(len(old["tables"]["events"]) + 1)
        group = service.ledger.existing_app_group(old["campaigns"]["app_group"])
        assert (group.default_currency, group.is_of_earlier_version) == ("USD", True)
        expected = judge(old["campaigns"]["campaigns"], old["facts"])
        service.projector.catch_up()
        assert outcome(service) == expected
        for campaign in expected.campaigns:
            assert reported(service, campaign) == expected.report(campaign)
        assert {answer.verdict.value for answer in take(service, old["facts"]).answers} == {"duplicate"}
        late = [
            fact | {"id": f"late-{fact['id']}"}
            for fact in old["facts"]
            if fact["type"] in {"received", "purchase"}
        ]
        assert {answer.verdict.value for answer in take(service, late).answers} == {"accepted"}
        service.projector.catch_up()
        expected = judge(old["campaigns"]["campaigns"], old["facts"] + late)
        assert outcome(service) == expected
        for campaign in expected.campaigns:
            assert reported(service, campaign) == expected.report(campaign)
        with service.database.reading() as connection:
            assert MigrationContext.configure(connection).get_current_revision() == HEAD
