"""Archives: the log as Parquet that many tools read, from which a ledger can be restored.

manifest.py: what is in an archive. location.py: the directory or object store that it is in. batches.py: how the log
is read from a database in whole columns; parquet_files.py: how it is sorted and written, with the columns of
typed_columns.py. archiving.py: a run, which continues where the last one ended. fetching.py: files, checked before they
are used. restoring.py: a ledger from an archive; journey_rows.py: what it stores beside the log, derived from the log.
"""

from infrastructure.archive.archiving import Archiver
from infrastructure.archive.fetching import fetch, read_manifest
from infrastructure.archive.location import Location, open_location
from infrastructure.archive.manifest import BadArchive, EventPart, Manifest, Part
from infrastructure.archive.restoring import Restored, Restorer

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
