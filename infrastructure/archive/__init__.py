"""Archives: the log as Parquet that many tools read, from which a ledger can be restored.

manifest.py: what is in an archive. location.py: the directory or object store that it is in. batches.py: how the log
is read from a database in whole columns; parquet_files.py: how it is sorted and written, with the columns of
typed_columns.py. archiving.py: a run, which continues where the last one ended. restoring.py: files,
checked before they are used, and a ledger from them; journey_rows.py: what it stores beside the log, derived from it.
"""

from infrastructure.archive.archiving import Archiver
from infrastructure.archive.location import Location, open_location
from infrastructure.archive.manifest import BadArchive, EventPart, Manifest, Part
from infrastructure.archive.restoring import Restored, Restorer, fetch, read_manifest

__all__ = [
    "Archiver",
    "BadArchive",
    "EventPart",
    "Location",
    "Manifest",
    "Part",
    "Restored",
    "Restorer",
    "fetch",
    "open_location",
    "read_manifest",
]
