"""Archives: the log as Parquet that anything reads, from which a ledger can be restored.

manifest.py: what is in an archive. store.py: the directory or object store that it lies in. reading.py: how the log
comes out of a database in whole columns; engine.py: how it is sorted and written. archiving.py: a run, from where the
last one ended. opening.py: files, once each is known to be what was written. restoring.py: the way back; journeys.py:
what stands beside the log, made from it anew.
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
