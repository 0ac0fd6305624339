"""The columns of archived events: as they are stored, and one for each thing that an audit asks of a payload."""

from hashlib import sha256
from importlib.resources import files
from typing import Final

TYPED: Final = files(__package__).joinpath("typed.sql").read_text(encoding="utf-8")
"""The query, in DuckDB's SQL, that makes the typed columns of the table `logged`, the log as it is stored."""

SORTED: Final = (
    f"WITH logged AS (SELECT * FROM given ORDER BY topic, stream_id, version) SELECT * FROM ({TYPED})"  # noqa: S608
)
"""The same of `given`, sorted by topic and stream: engines then skip what a query does not ask about."""

MARK: Final = sha256(SORTED.encode()).hexdigest()[:16]
"""Tells columns made by today's query from those of another version; so a changed comment in typed.sql counts too."""
