"""An export from its begin, or from where it was, to its end: part after part, each then named by the manifest."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from infrastructure.database import Database
from infrastructure.export.columns import Row
from infrastructure.export.directory import Directory
from infrastructure.export.manifest import Asked, BadExport, Cut, Key, Manifest, Part, begun, part_name
from infrastructure.export.sources import Source
from infrastructure.export.writers import Hashed, writer
from projections.engine.paging import PAGE_ROWS

PART_ROWS = 200_000
"""The most rows of a part."""

Watch = Callable[[str, int, int | None, str], None]
"""Told what is being done, how much of it, of how much, and a detail."""


class Export:
    """One export into one directory; `manifest` is what is done so far."""

    def __init__(
        self,
        database: Database,
        source: Source,
        asked: Asked,
        to: Path,
        watch: Watch,
        tell: Callable[[str], None],
    ) -> None:
        """`tell` is told where an export begins anew, or has nothing to do."""
        self._database = database
        self._source = source
        self._asked = asked
        self._directory = Directory(to)
        self._watch = watch
        self._tell = tell
        self.manifest: Manifest | None = None

    def run(self) -> Manifest:
        """Export; raises BadExport, UnreadableLog, ProjectionStopped, OSError: what is done stays, to go on with."""
        with self._directory.held():
            stood = self._stood()
            self._source.prepare(lambda done, newest: self._watch("read model", done, newest, ""))
            if stood is not None:
                self._verify(stood)
            # One transaction, and so one view of everything, whatever is written meanwhile.
            with self._database.reading() as connection:
                cut = self._source.cut(connection)
                after, manifest = self._begun(stood, cut)
                if manifest.complete:
                    return manifest
                self._put(manifest)
                self._directory.tidy(manifest)
                manifest = self._with_parts(manifest, cut, self._source.rows(connection, cut, after))
            return self._put(manifest.completed())

    def _put(self, manifest: Manifest) -> Manifest:
        self._directory.write(manifest)
        self.manifest = manifest
        return manifest

    def _stood(self) -> Manifest | None:
        """What the directory holds of this export; raises BadExport where that is of another."""
        stood = self._directory.read()
        if stood is None:
            return None
        if stood.asked != self._asked:
            message = f"{self._directory.path} holds an export of {stood.asked}, this is one of {self._asked}"
            raise BadExport(f"{message}; name another directory")
        if stood.columns != self._columns:
            message = f"{self._directory.path} holds an export that another release made, with other columns"
            raise BadExport(f"{message}; name another directory")
        return stood

    @property
    def _columns(self) -> list[str]:
        return [column.name for column in self._source.columns]

    def _verify(self, stood: Manifest) -> None:
        """Check the parts that the export goes on after; in no transaction, as it may take long."""
        with self._database.reading() as connection:
            cut = self._source.cut(connection)
        if self._source.goes_on(stood.cut, cut):
            self._directory.verify(stood, lambda done, size: self._watch("checking parts", done, size, ""))

    def _begun(self, stood: Manifest | None, cut: Cut) -> tuple[Key | None, Manifest]:
        """The key after which the export goes on, and its manifest; complete where there is nothing to do."""
        if stood is None:
            return None, begun(self._asked, cut, self._columns)
        if not self._source.goes_on(stood.cut, cut):
            self._tell(f"{_moved(stood.cut, cut)}: the export begins anew")
            return None, begun(self._asked, cut, self._columns)
        if stood.complete and stood.cut == cut:
            self._tell(f"the export is complete up to position {stood.position} already")
            return None, stood
        return stood.after, stood.up_to(cut)

    def _with_parts(self, manifest: Manifest, cut: Cut, rows: Iterator[Row]) -> Manifest:
        while page := _page(rows, PART_ROWS):
            manifest = self._put(manifest.with_part(self._part(manifest, cut, page, rows)))
        return manifest

    def _part(self, before: Manifest, cut: Cut, page: list[Row], rows: Iterator[Row]) -> Part:
        """Write the next part, of a page and as many of the rows after it as it holds."""
        key, name = self._source.key, part_name(len(before.parts), before.format)
        first = last = key(page[0])
        count = 0
        with self._directory.writing(name) as file:
            hashed = Hashed(file)
            written = writer(before.format, hashed, self._source.columns)
            while page:
                written.write(page)
                count, last = count + len(page), key(page[-1])
                done, total = self._source.done(last, cut, before.rows + count)
                self._watch("exporting", done, total, f"{before.rows + count:,} rows")
                page = _page(rows, PART_ROWS - count)
            written.close()
        return Part(name, count, hashed.bytes, hashed.sha256, first, last)


def _page(rows: Iterator[Row], room: int) -> list[Row]:
    return list(islice(rows, min(PAGE_ROWS, room)))


def _moved(stood: Cut, now: Cut) -> str:
    if stood.position == now.position:
        return "the read model was built anew"
    return f"the read model has moved from position {stood.position} to {now.position}"
