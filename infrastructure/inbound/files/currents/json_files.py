"""Currents' events as JSON: one a line, or a document with one event, a list of them or `{"events": [...]}`."""

import re
from collections.abc import Iterator
from typing import Any

from domain.errors import FactRefused
from infrastructure.inbound.files.byte_source import CorruptData, Overlong, read_lines, too_long
from infrastructure.inbound.files.currents.events import Event, event_type
from infrastructure.inbound.files.currents.peeked_source import PeekedSource
from infrastructure.inbound.files.fact_rows import (
    LEVELS,
    UnreadableFile,
    read_json,
    read_object,
    without_context,
)

_DOCUMENT_BYTES = 64 * 1024 * 1024
"""The most bytes of a document: it is read whole."""

_DOCUMENT = re.compile(rb"\[|\{\s*[\r\n]")


def read_events(source: PeekedSource) -> Iterator[Event]:
    """The events with their lines, or their numbers in a document; raises UnreadableFile."""
    kind = event_type(source.path)
    found = _of_document(source) if _DOCUMENT.match(source.begin) else _of_lines(source)
    return ((line, kind, sent) for line, sent in found)


def _of_lines(source: PeekedSource) -> Iterator[tuple[int, dict[str, Any] | FactRefused]]:
    for number, line in enumerate(read_lines(source), 1):
        if isinstance(line, Overlong):
            yield number, too_long("line")
        elif line and not line.isspace():
            try:
                for event in _list_events(read_json(line, levels=LEVELS + 2)):
                    yield number, event
            except FactRefused as refusal:
                yield number, without_context(refusal)


def _of_document(source: PeekedSource) -> Iterator[tuple[int, dict[str, Any] | FactRefused]]:
    try:
        text = _whole(source).decode("utf-8-sig").strip()
        value = read_object(f'{{"events":{text}}}' if text.startswith("[") else text, levels=LEVELS + 2)
    except (FactRefused, CorruptData, OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(
            source.path, f"the document cannot be read ({error}); correct it, or write an event a line"
        ) from error
    yield from enumerate(_list_events(value), 1)


def _whole(source: PeekedSource) -> bytes:
    text = bytearray()
    for chunk in source.read_chunks():
        text += chunk
        if len(text) > _DOCUMENT_BYTES:
            raise UnreadableFile(
                source.path, f"a document has at most {_DOCUMENT_BYTES:,} bytes; write an event a line"
            )
    source.plain_bytes += len(text)
    return bytes(text)


def _list_events(value: dict[str, Any]) -> Iterator[dict[str, Any] | FactRefused]:
    """The events in an object: those in its list, or the object itself."""
    listed = value.get("events")
    for event in listed if isinstance(listed, list) else [value]:
        yield event if isinstance(event, dict) else FactRefused("an event is an object")
