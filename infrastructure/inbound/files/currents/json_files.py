"""Currents' events as JSON: one a line, or one document with one event, a list of them, or `{"events": [...]}`."""

import re
from collections.abc import Iterator
from typing import Any

from domain.errors import FactRefused
from infrastructure.inbound.files.compression import CorruptData
from infrastructure.inbound.files.currents.begun import Begun
from infrastructure.inbound.files.currents.events import Event, event_type
from infrastructure.inbound.files.json_lines import LEVELS, read_json, read_object
from infrastructure.inbound.files.lines import Overlong, lines_of, too_long
from infrastructure.inbound.files.reading import UnreadableFile, kept

_DOCUMENT_BYTES = 64 * 1024 * 1024
"""The most bytes of a document: it is read whole."""

_DOCUMENT = re.compile(rb"\[|\{\s*[\r\n]")


def events(source: Begun) -> Iterator[Event]:
    """The events with their lines, or their numbers in a document; raises UnreadableFile."""
    kind = event_type(source.path)
    found = _of_document(source) if _DOCUMENT.match(source.begin) else _of_lines(source)
    return ((line, kind, sent) for line, sent in found)


def _of_lines(source: Begun) -> Iterator[tuple[int, dict[str, Any] | FactRefused]]:
    for number, line in enumerate(lines_of(source), 1):
        if isinstance(line, Overlong):
            yield number, too_long("line")
        elif line and not line.isspace():
            try:
                for event in _listed(read_json(line, levels=LEVELS + 2)):
                    yield number, event
            except FactRefused as refusal:
                yield number, kept(refusal)


def _of_document(source: Begun) -> Iterator[tuple[int, dict[str, Any] | FactRefused]]:
    try:
        text = _whole(source).decode("utf-8-sig").strip()
        is_list = text.startswith("[")
        value = read_object(f'{{"events":{text}}}' if is_list else text, levels=LEVELS + 2)
    except (FactRefused, CorruptData, OSError, UnicodeDecodeError) as error:
        message = f"the document cannot be read ({error}); correct it, or write an event a line"
        raise UnreadableFile(source.path, message) from error
    yield from enumerate(_listed(value), 1)


def _whole(source: Begun) -> bytes:
    text = bytearray()
    for chunk in source.chunks():
        text += chunk
        if len(text) > _DOCUMENT_BYTES:
            message = f"a document has at most {_DOCUMENT_BYTES:,} bytes; write an event a line"
            raise UnreadableFile(source.path, message)
    source.plain_bytes += len(text)
    return bytes(text)


def _listed(value: dict[str, Any]) -> Iterator[dict[str, Any] | FactRefused]:
    """The events in an object: those that it lists, or itself."""
    listed = value.get("events")
    for event in listed if isinstance(listed, list) else [value]:
        yield event if isinstance(event, dict) else FactRefused("an event is an object")
