"""The columns of CSV and Parquet: the names of the fields of facts, in any order."""

from collections import Counter
from collections.abc import Sequence

from application.commands.facts import FIELDS, FactCommand
from infrastructure.inbound.files.fact_rows import UnreadableFile

_NEEDED = frozenset({"type", *FactCommand.model_fields})


def check_columns(path: str, names: Sequence[str]) -> None:
    """Raise UnreadableFile for a column unknown or there twice, or one missing that every fact needs."""
    if unknown := sorted(set(names) - FIELDS):
        known = ", ".join(sorted(FIELDS))
        # Shown shortened: the header may be a whole file without commas.
        shown = ", ".join(repr(name[:40]) for name in unknown[:10])
        raise UnreadableFile(path, f"unknown columns {shown}; rename or drop them, known are {known}")
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise UnreadableFile(path, f"columns are there more than once: {', '.join(twice)}; keep one of each")
    if missing := sorted(_NEEDED.difference(names)):
        raise UnreadableFile(path, f"columns that every fact needs are missing: add {', '.join(missing)}")
