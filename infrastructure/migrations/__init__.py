"""Schema migrations by Alembic, run when a database is opened and needs them, in one transaction."""

from pathlib import Path

import structlog
from sqlalchemy import Connection, inspect, text

from infrastructure.database import Database

log = structlog.get_logger()

HEAD = "0008"
"""The newest revision of the schema. Alembic takes a while to load, and is loaded only for a migration."""


class NewerSchema(Exception):
    """The database was migrated by a newer version of the ledger."""


class OlderSchema(Exception):
    """The database has an older schema, and the caller may not change it."""


def check(database: Database) -> None:
    """Raise OlderSchema or NewerSchema if the schema is of another version; change nothing."""
    with database.reading() as connection:
        revision = _read_revision(connection)
    if revision is None or revision < HEAD:
        raise OlderSchema(f"the database has schema {revision or 'none'}, this version knows {HEAD}")
    if revision > HEAD:
        raise _newer(revision)


def migrate(database: Database) -> None:
    """Migrate the schema to this version's, under the write lock and in one transaction; raises NewerSchema."""
    with database.reading() as connection:
        if _read_revision(connection) == HEAD:
            return
    with database.writing() as connection:
        database.dialect.lock_schema(connection)
        # Another process may have migrated it while this one waited for the lock.
        revision = _read_revision(connection)
        if revision == HEAD:
            return
        if revision is not None and revision > HEAD:
            raise _newer(revision)
        _upgrade(connection)
    log.info("schema.migrated", before=revision, now=HEAD)


def _newer(revision: str) -> NewerSchema:
    return NewerSchema(f"the database has schema {revision}, this version knows {HEAD}: upgrade the ledger")


def _read_revision(connection: Connection) -> str | None:
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
