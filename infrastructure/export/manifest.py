"""What an export says of itself: its columns, whatever the format, and its manifest with the parts that are done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import msgspec

Kind = Literal["text", "whole", "boolean", "instant", "day", "decimal", "json"]
"""What rows hold: `decimal` and `json` as text, instants as aware datetimes, days as dates; any of them may be null."""

Row = tuple[Any, ...]


class Column(NamedTuple):
    """A column of an export."""

    name: str
    kind: Kind = "text"


Shapes = Mapping[Kind, Callable[[Any], Any]]
"""How a format converts the values of a kind, if it does; null stays null."""


def shape_columns(rows: Sequence[Row], columns: Sequence[Column], shapes: Shapes) -> list[Sequence[Any]]:
    """The columns of rows, converted for a format."""
    return [
        values if (shape := shapes.get(column.kind)) is None else _shape_values(values, shape)
        for column, values in zip(columns, zip(*rows, strict=True), strict=True)
    ]


def _shape_values(values: Sequence[Any], shape: Callable[[Any], Any]) -> list[Any]:
    return [None if value is None else shape(value) for value in values]


Key = str | list[str]
"""What rows are sorted by: a position of the log, or the key of rows of a read model."""


class BadExport(Exception):
    """The export cannot continue with what the directory holds; the message says what to do."""


class ReadModel(msgspec.Struct, frozen=True):
    """The generation of a read model that rows were read from."""

    name: str
    version: int
    generation: int


class Cut(NamedTuple):
    """The state that is exported: every event up to a position is in it."""

    position: int
    read_model: ReadModel | None = None


class Part(msgspec.Struct, frozen=True):
    """A part file that is done, and the keys of its first and last row."""

    file: str
    rows: int
    bytes: int
    sha256: str
    first: Key
    last: Key


@dataclass(frozen=True)
class ExportRequest:
    """What to export, and in which format; without a campaign, of all campaigns of the app group."""

    what: str
    format: str
    app_group: str
    campaign_id: str | None = None

    def __str__(self) -> str:
        of = "" if self.campaign_id is None else f" of campaign {self.campaign_id!r}"
        return f"{self.what}{of} of app group {self.app_group!r} as {self.format}"


class Manifest(msgspec.Struct, frozen=True):
    """As docs/files.md has it. Until it is complete, some rows up to `position` are still missing."""

    what: str
    format: str
    app_group: str
    campaign_id: str | None
    position: str
    read_model: ReadModel | None
    complete: bool
    rows: int
    columns: list[str]
    parts: list[Part]

    @property
    def request(self) -> ExportRequest:
        """What was to be exported."""
        return ExportRequest(self.what, self.format, self.app_group, self.campaign_id)

    @property
    def size(self) -> int:
        """The bytes of all parts."""
        return sum(part.bytes for part in self.parts)

    @property
    def after(self) -> Key | None:
        """The key after which rows are missing; None if all are missing."""
        if self.complete:
            return self.position
        return self.parts[-1].last if self.parts else None

    @property
    def cut(self) -> Cut:
        """The state that is exported once the manifest is complete."""
        return Cut(int(self.position), self.read_model)

    def up_to(self, cut: Cut) -> "Manifest":
        """The same parts, continued up to a later cut."""
        return msgspec.structs.replace(self, position=str(cut.position), complete=False)

    def with_part(self, part: Part) -> "Manifest":
        """The manifest with one more part done."""
        return msgspec.structs.replace(self, rows=self.rows + part.rows, parts=[*self.parts, part])

    def as_complete(self) -> "Manifest":
        """The manifest with nothing missing."""
        return msgspec.structs.replace(self, complete=True)

    def encode(self) -> bytes:
        """The content of the file."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def begin_manifest(request: ExportRequest, cut: Cut, columns: Sequence[str]) -> Manifest:
    """The manifest of an export without any part yet."""
    return Manifest(
        what=request.what,
        format=request.format,
        app_group=request.app_group,
        campaign_id=request.campaign_id,
        position=str(cut.position),
        read_model=cut.read_model,
        complete=False,
        rows=0,
        columns=list(columns),
        parts=[],
    )


def part_name(number: int, file_format: str) -> str:
    """The file of a part, numbered from 0."""
    return f"part-{number:05}.{file_format}"


def decode(content: bytes) -> Manifest:
    """The manifest in a file's content; raises ValueError if it is none."""
    found = msgspec.json.decode(content, type=Manifest)
    names = [part_name(number, found.format) for number in range(len(found.parts))]
    if [part.file for part in found.parts] != names:
        raise ValueError("its parts are not named as parts are")
    if not found.position.isdecimal():
        raise ValueError("its position is none")
    return found
