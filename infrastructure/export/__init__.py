"""Exports: the log or rows of read models as part files of bounded size in a directory, and a manifest of them.

manifest.py: columns, and what the manifest says. directory.py: how files survive a kill at any moment. writers.py: the
formats. sources.py: what can be exported; events.py, of_campaigns.py, read_model_rows.py: where the rows come from.
exporting.py: an export, from its beginning or from an earlier part.
"""

from infrastructure.export.exporting import Export
from infrastructure.export.manifest import BadExport, ExportRequest, Manifest
from infrastructure.export.sources import WHAT, open_source
from infrastructure.export.writers import FORMATS

__all__ = ["FORMATS", "WHAT", "BadExport", "Export", "ExportRequest", "Manifest", "open_source"]
