"""The manifest of an archive names all its files. It is written last: a file that it does not name does not count."""

import re
from itertools import pairwise

import msgspec

MANIFEST = "manifest.json"
UNFINISHED = ".unfinished"
"""The end of a local file's name until the file is whole."""
FORMAT = 1

_POSITION = r"(0|[1-9]\d{0,17})"
_EVENTS = re.compile(r"events/events-(\d{12,18})-(\d{12,18})\.parquet")
_BESIDE_LOG = re.compile(r"(identities|properties)/(identities|properties)-(\d{1,9})\.parquet")


class BadArchive(Exception):
    """There is no archive to read or to continue; the message says what to do."""

    def __init__(self, message: str, *, code: str = "bad_archive") -> None:
        super().__init__(message)
        self.code = code


class Part(msgspec.Struct, frozen=True):
    """A file of an archive, relative to the manifest."""

    file: str
    rows: int
    bytes: int
    sha256: str


class EventPart(Part, frozen=True):
    """A stretch of the log, both positions inside.

    `hash` is the SHA-256, in hexadecimal, of the previous part's hash (nothing for the first part) and of the stored
    hashes of these events by position: so the last one identifies the log up to there. `columns` is the mark of the
    query that made the typed columns (typed_columns.py): if it is not today's, an audit makes them again from payloads.
    """

    first: str
    last: str
    hash: str
    columns: str = ""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """As docs/archive.md has it; `position` is that of the last event, "0" where there is none."""

    format: int = FORMAT
    made_at: str
    position: str
    schema_version: str
    events: list[EventPart]
    identities: list[Part]
    properties: list[Part]

    @property
    def parts(self) -> list[Part]:
        """Every file but the manifest itself."""
        return [*self.events, *self.identities, *self.properties]

    @property
    def number(self) -> int:
        """The number in the names of the latest files of identities and properties; 0 before the first."""
        found = (_BESIDE_LOG.fullmatch(part.file) for part in [*self.identities, *self.properties])
        return max((int(each[3]) for each in found if each), default=0)

    @property
    def size(self) -> int:
        """The bytes of all parts."""
        return sum(part.bytes for part in self.parts)

    def encode(self) -> bytes:
        """The content of the file."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


class _Format(msgspec.Struct):
    format: int


def decode(content: bytes) -> Manifest:
    """The manifest in a file's content; raises BadArchive if this version cannot trust it."""
    try:
        found = msgspec.json.decode(content, type=_Format).format
        if found != FORMAT:
            raise BadArchive(
                f"the archive has format {found}, this version knows {FORMAT}: upgrade the ledger",
                code="unknown_format",
            )
        manifest = msgspec.json.decode(content, type=Manifest)
        _check(manifest)
    except ValueError as error:
        raise BadArchive(
            f"{MANIFEST} is not of an archive ({error}); name another directory, or put it back as it was"
        ) from error
    return manifest


def _check(manifest: Manifest) -> None:
    """Raise ValueError for names and positions that archiving does not make, such as a path that leads elsewhere."""
    if not re.fullmatch(_POSITION, manifest.position):
        raise ValueError("its position is none")
    for kind, parts in (("identities", manifest.identities), ("properties", manifest.properties)):
        for part in parts:
            found = _BESIDE_LOG.fullmatch(part.file)
            if found is None or found[1] != kind or found[2] != kind:
                raise ValueError(f"{part.file!r} is no file of {kind}")
    for part in manifest.events:
        if part.file != event_file(*_range(part)):
            raise ValueError(f"{part.file!r} is no file of these positions")
    _check_stretches(manifest)


def _check_stretches(manifest: Manifest) -> None:
    stretches = [(0, 0), *map(_range, manifest.events)]
    if any(after[0] != before[1] + 1 for before, after in pairwise(stretches)):
        raise ValueError("its events do not follow one another")
    if stretches[-1][1] != int(manifest.position):
        raise ValueError("its events do not end at its position")
    if any(
        part.rows != last - first + 1
        for part, (first, last) in zip(manifest.events, stretches[1:], strict=True)
    ):
        raise ValueError("its events are not as many as their positions")


def _range(part: EventPart) -> tuple[int, int]:
    if not (re.fullmatch(_POSITION, part.first) and re.fullmatch(_POSITION, part.last)):
        raise ValueError("a position is none")
    return int(part.first), int(part.last)


def event_file(first: int, last: int) -> str:
    """The file of the events of a stretch."""
    return f"events/events-{first:012}-{last:012}.parquet"


def beside_log_file(kind: str, number: int) -> str:
    """A file of identities or properties; each run makes one with the next number."""
    return f"{kind}/{kind}-{number}.parquet"


def is_ours(name: str) -> bool:
    """Whether archiving makes files of that name, finished or not."""
    name = name.removesuffix(UNFINISHED)
    return name == MANIFEST or bool(_EVENTS.fullmatch(name) or _BESIDE_LOG.fullmatch(name))


def read_stretch(name: str) -> tuple[int, int] | None:
    """The first and last position of a finished file of events; None for other files."""
    found = _EVENTS.fullmatch(name)
    return found and (int(found[1]), int(found[2]))


def is_beside_log(name: str) -> bool:
    """Whether a file of that name holds personal data: who users are, or free text."""
    return bool(_BESIDE_LOG.fullmatch(name))
