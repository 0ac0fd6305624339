"""Migrations: whole or not at all, equal to the tables the code uses, and never run on a newer schema."""

from pathlib import Path

import pytest
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Table, inspect, text

import infrastructure.migrations
from infrastructure.database import Database
from infrastructure.migrations import HEAD, NewerSchema, migrate
from infrastructure.schema import metadata
from projections.projection import metadata as read_models
from tests.ledgers import url_of


def test_the_migrated_schema_is_the_one_the_code_uses(tmp_path: Path) -> None:
    """Every table, column, nullability and primary key of the code is there, and no other table."""
    database = Database(url_of(tmp_path))
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


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    """A migrated database is left alone."""
    database = Database(url_of(tmp_path))
    migrate(database)
    migrate(database)
    with database.reading() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == HEAD


def test_a_newer_schema_is_refused_with_advice(tmp_path: Path) -> None:
    """An older version does not touch a newer ledger."""
    database = Database(url_of(tmp_path))
    migrate(database)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerSchema, match="upgrade the ledger"):
        migrate(database)


def test_a_migration_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    """All of a migration is one transaction."""
    database = Database(url_of(tmp_path))
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE report_revenue (was INTEGER)"))
    with pytest.raises(Exception, match="report_revenue"):
        migrate(database)
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == ["report_revenue"]
