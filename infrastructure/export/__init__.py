"""Exports: what stands, or the log, as part files of bounded size in a directory, and a manifest that describes them.

manifest.py: what it says. directory.py: how it survives a kill at any moment. columns.py, writers.py: the formats.
sources.py: what rows are asked for; events.py, of_campaigns.py, conversions.py, revenue.py, lines.py, recipients.py,
series.py: where they come from. exporting.py: an export from its begin, or from where it was, to its end.
"""

from infrastructure.export.exporting import Export
from infrastructure.export.manifest import Asked, BadExport, Manifest
from infrastructure.export.sources import WHAT, open_source
from infrastructure.export.writers import FORMATS

__all__ = ["FORMATS", "WHAT", "Asked", "BadExport", "Export", "Manifest", "open_source"]
