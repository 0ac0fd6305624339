"""Schema migrations by Alembic, run when a database is opened and needs them; each whole or not at all."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from infrastructure.database import Database


class NewerSchema(Exception):
    """The database was migrated by a newer version of the ledger."""


def migrate(database: Database) -> None:
    """Bring the schema to this version's, under the write lock and in one transaction; raises NewerSchema."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    with database.reading() as connection:
        if MigrationContext.configure(connection).get_current_revision() == head:
            return
    with database.writing() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current == head:
            return
        if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
            raise NewerSchema(
                f"the database has schema {current}, which this version does not know: upgrade it"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
