"""Writes ledger.json: messages.json as the version before orders were facts took it, through every door.

Run once, in a checkout of that version (c2bd7ae): `PYTHONPATH=. python THIS_FILE`. It is kept to say how it was made.
"""

import base64
import importlib.util
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alembic.migration import MigrationContext
from sqlalchemy import MetaData, select

from application.commands.definitions import read_campaigns
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.inbound import rejects
from tests.support.ledgers import GROUP
from tests.support.serving import serving

TABLES = (
    "events",
    "identities",
    "journey_facts",
    "journey_lanes",
    "journey_standings",
    "journey_states",
    "kept_aside",
    "rejects",
)
"""All but the read models: they are made again from these."""

HERE = Path(__file__).parent


def _doors() -> Any:
    """The sender of this version's tests: that version has none."""
    spec = importlib.util.spec_from_file_location("doors", HERE.parents[2] / "support" / "doors.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Fill a ledger, and write its tables down."""
    doors = _doors()
    messages = json.loads((HERE / "messages.json").read_text())
    campaigns = [each["id"] for each in messages["app_group"]["campaigns"]]
    with TemporaryDirectory() as folder, serving(Path(folder), projecting=False) as api:
        api.service.campaigns.apply(read_campaigns(messages["app_group"]), stamp())
        said = doors.send_all(api, messages, Path(folder))
        sys.stdout.write(json.dumps(said, indent=1) + "\n")
        figures = doors.figures(api, campaigns)
        with api.service.database.reading() as connection:
            for each in rejects.read_page(connection, GROUP):
                sys.stdout.write(f"rejected: {each.code} {each.message} {each.fact}\n")
        written = _tables(api.service)
    (HERE / "ledger.json").write_text(
        json.dumps(written | {"figures": figures}, indent=0, ensure_ascii=False, default=_plain) + "\n"
    )


def _tables(service: Service) -> dict[str, Any]:
    with service.database.reading() as connection:
        schema = MigrationContext.configure(connection).get_current_revision()
        found = MetaData()
        found.reflect(connection)
        rows = {
            name: [dict(row._mapping) for row in connection.execute(select(table))]
            for name, table in sorted(found.tables.items())
            if name in TABLES
        }
    return {"schema": schema, "tables": rows}


def _plain(value: object) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


if __name__ == "__main__":
    main()
