"""Schema migrations by Alembic, run when a database is opened and needs them; each whole or not at all."""

from pathlib import Path

import structlog
from sqlalchemy import Connection, inspect, text

from infrastructure.database import Database

log = structlog.get_logger()

HEAD = "0006"
"""The revision of this version's schema; Alembic itself takes a while to load, and is asked only for a change."""


class NewerSchema(Exception):
    """The database was migrated by a newer version of the ledger."""


class OlderSchema(Exception):
    """The database has not been migrated to this version, and whoever asks changes nothing."""


def check(database: Database) -> None:
    """Raise OlderSchema or NewerSchema where the schema is another version's; nothing is changed."""
    with database.reading() as connection:
        revision = _revision(connection)
    if revision is None or revision < HEAD:
        raise OlderSchema(f"the database has schema {revision or 'none'}, this version knows {HEAD}")
    if revision > HEAD:
        raise _newer(revision)


def migrate(database: Database) -> None:
    """Bring the schema to this version's, under the write lock and in one transaction; raises NewerSchema."""
    with database.reading() as connection:
        if _revision(connection) == HEAD:
            return
    with database.writing() as connection:
        database.dialect.lock_schema(connection)
        revision = _revision(connection)
        if revision == HEAD:
            return
        if revision is not None and revision > HEAD:
            raise _newer(revision)
        _upgrade(connection)
    log.info("schema.migrated", before=revision, now=HEAD)


def _newer(revision: str) -> NewerSchema:
    return NewerSchema(f"the database has schema {revision}, this version knows {HEAD}: upgrade the ledger")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
