"""An export from its beginning, or from an earlier part, to its end: part by part, each then named in the manifest."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from infrastructure.database import Database
from infrastructure.export.directory import Directory
from infrastructure.export.manifest import (
    BadExport,
    Cut,
    ExportRequest,
    Key,
    Manifest,
    Part,
    Row,
    begin_manifest,
    part_name,
)
from infrastructure.export.sources import Source
from infrastructure.export.writers import Hashed, open_writer
from projections.engine.tables import PAGE_ROWS

PART_ROWS = 200_000
"""The most rows of a part."""

Watch = Callable[[str, int, int | None, str], None]
"""Hears what is being done, how much of it is done, of how much, and a detail."""


class Export:
    """One export into one directory; `manifest` is what is done so far."""

    def __init__(
        self,
        database: Database,
        source: Source,
        request: ExportRequest,
        to: Path,
        watch: Watch,
        notify: Callable[[str], None],
    ) -> None:
        """`notify` hears when the export starts again from its beginning, or has nothing to do."""
        self._database = database
        self._source = source
        self._request = request
        self._directory = Directory(to)
        self._watch = watch
        self._notify = notify
        self.manifest: Manifest | None = None

    def run(self) -> Manifest:
        """Export. Raises BadExport, UnreadableLog, ProjectionStopped, OSError; another run then continues."""
        with self._directory.hold():
            earlier = self._read_earlier()
            self._source.prepare(lambda done, newest: self._watch("read model", done, newest, ""))
            if earlier is not None:
                self._verify(earlier)
            # One transaction gives one view of everything, whatever others write meanwhile.
            with self._database.reading() as connection:
                cut = self._source.cut(connection)
                after, manifest = self._find_beginning(earlier, cut)
                if manifest.complete:
                    return manifest
                self._put(manifest)
                self._directory.tidy(manifest)
                manifest = self._write_parts(manifest, cut, self._source.rows(connection, cut, after))
            return self._put(manifest.as_complete())

    def _put(self, manifest: Manifest) -> Manifest:
        self._directory.write(manifest)
        self.manifest = manifest
        return manifest

    def _read_earlier(self) -> Manifest | None:
        """The manifest of an earlier run of this export; raises BadExport if it is of another."""
        earlier = self._directory.read()
        if earlier is None:
            return None
        if earlier.request != self._request:
            message = (
                f"{self._directory.path} holds an export of {earlier.request}, this is one of {self._request}"
            )
            raise BadExport(f"{message}; name another directory")
        if earlier.columns != self._columns:
            message = f"{self._directory.path} holds an export that another release made, with other columns"
            raise BadExport(f"{message}; name another directory")
        return earlier

    @property
    def _columns(self) -> list[str]:
        return [column.name for column in self._source.columns]

    def _verify(self, earlier: Manifest) -> None:
        """Check the parts that are done; outside the transaction, as it may take long."""
        with self._database.reading() as connection:
            cut = self._source.cut(connection)
        if self._source.can_continue(earlier.cut, cut):
            self._directory.verify(earlier, lambda done, size: self._watch("checking parts", done, size, ""))

    def _find_beginning(self, earlier: Manifest | None, cut: Cut) -> tuple[Key | None, Manifest]:
        """The key after which the export continues, and its manifest, which is complete if there is nothing to do."""
        if earlier is None:
            return None, begin_manifest(self._request, cut, self._columns)
        if not self._source.can_continue(earlier.cut, cut):
            self._notify(f"{_describe_move(earlier.cut, cut)}: the export starts again from the beginning")
            return None, begin_manifest(self._request, cut, self._columns)
        if earlier.complete and earlier.cut == cut:
            self._notify(f"the export is complete up to position {earlier.position} already")
            return None, earlier
        return earlier.after, earlier.up_to(cut)

    def _write_parts(self, manifest: Manifest, cut: Cut, rows: Iterator[Row]) -> Manifest:
        while page := _take_page(rows, PART_ROWS):
            manifest = self._put(manifest.with_part(self._write_part(manifest, cut, page, rows)))
        return manifest

    def _write_part(self, before: Manifest, cut: Cut, page: list[Row], rows: Iterator[Row]) -> Part:
        """Write the next part: a page, and as many of the rows after it as there is room for."""
        key, name = self._source.key, part_name(len(before.parts), before.format)
        first = last = key(page[0])
        count = 0
        with self._directory.create(name) as file:
            hashed = Hashed(file)
            written = open_writer(before.format, hashed, self._source.columns)
            while page:
                written.write(page)
                count, last = count + len(page), key(page[-1])
                done, total = self._source.done(last, cut, before.rows + count)
                self._watch("exporting", done, total, f"{before.rows + count:,} rows")
                page = _take_page(rows, PART_ROWS - count)
            written.close()
        return Part(name, count, hashed.bytes, hashed.sha256, first, last)


def _take_page(rows: Iterator[Row], room: int) -> list[Row]:
    return list(islice(rows, min(PAGE_ROWS, room)))


def _describe_move(earlier: Cut, now: Cut) -> str:
    if earlier.position == now.position:
        return "the read model was rebuilt"
    return f"the read model has moved from position {earlier.position} to {now.position}"
