"""Ledgers of earlier versions, as files that were written then (tests/golden/ledgers)."""

import base64
from decimal import Decimal
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData, Table, insert

import infrastructure.migrations
from infrastructure.database import Database

LEDGERS = Path(__file__).parents[1] / "golden" / "ledgers"


def fill(database: Database, schema: str, tables: dict[str, list[dict[str, Any]]]) -> None:
    """Make the tables of an earlier schema, with the rows that a ledger had then."""
    config = Config()
    config.set_main_option("script_location", str(Path(infrastructure.migrations.__file__).parent))
    with database.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, schema)
    with database.writing() as connection:
        metadata_then = MetaData()
        metadata_then.reflect(connection)
        for name, rows in tables.items():
            table = metadata_then.tables[name]
            if rows:
                connection.execute(insert(table), [_row(table, row) for row in rows])


def _row(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """A row with its types back, as JSON has no bytes, and SQLite neither booleans nor exact numbers."""
    kinds = {column.name: column.type.python_type for column in table.columns}
    read: dict[type, Any] = {bytes: base64.b64decode, bool: bool, Decimal: Decimal}
    return {
        name: value if value is None else read.get(kinds[name], lambda same: same)(value)
        for name, value in row.items()
    }
