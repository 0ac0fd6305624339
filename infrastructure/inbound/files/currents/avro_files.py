"""Currents' Avro files: each has one type of event, which its folder, its schema or its name tells."""

import struct
from collections.abc import Iterator
from decimal import Decimal
from typing import IO, Any, cast

from infrastructure.inbound.files.byte_source import CorruptData
from infrastructure.inbound.files.currents.events import Event, event_type
from infrastructure.inbound.files.currents.peeked_source import PeekedSource
from infrastructure.inbound.files.fact_rows import UnreadableFile

_FLOAT_32 = struct.Struct("<f")
_DIGITS_OF_32_BITS = 9
"""With so many digits, no two floats of 32 bits are the same."""
_LARGE = 1e30


def exact(value: float, *, narrow: bool) -> Decimal:
    """The shortest decimal of this float, of 32 bits if `narrow`: up to 6 digits it is what its sender wrote."""
    # A large float, rounded up, may exceed 32 bits; infinity and NaN have no digits.
    if narrow and abs(value) < _LARGE:
        for digits in range(1, _DIGITS_OF_32_BITS + 1):
            text = f"{value:.{digits}g}"
            if _FLOAT_32.unpack(_FLOAT_32.pack(float(text)))[0] == value:
                return Decimal(text)
    return Decimal(repr(value))


MAGIC = b"Obj\x01"

_BLOCK_BYTES = 16 * 1024 * 1024
"""The most bytes of a block: Currents writes an event of at most 900 KB."""


class _Bytes:
    """Gives the Avro reader its bytes, never more at once than a block may have."""

    def __init__(self, source: PeekedSource) -> None:
        self._source = source
        self._chunks = source.read_chunks()
        self._held = bytearray()

    def read(self, size: int) -> bytes:
        if size > _BLOCK_BYTES or size < 0:
            raise CorruptData(f"a block has at most {_BLOCK_BYTES:,} bytes")
        while len(self._held) < size and (chunk := next(self._chunks, b"")):
            self._held += chunk
        taken = bytes(self._held[:size])
        del self._held[:size]
        self._source.plain_bytes += len(taken)
        return taken


def read_events(source: PeekedSource) -> Iterator[Event]:
    """The events with their numbers, from 1; raises UnreadableFile at once if the type is unknown."""
    # Loaded only if a file needs it.
    from fastavro import reader  # noqa: PLC0415

    try:
        records = reader(cast(IO[bytes], _Bytes(source)))
        schema = records.writer_schema
    except Exception as error:
        raise UnreadableFile(
            source.path, f"this is no Avro file that can be read ({_describe(error)}); get it again"
        ) from error
    kind = event_type(source.path) or event_type(_full_name(schema))
    if kind is None:
        raise UnreadableFile(
            source.path,
            "the type of its events is unknown: keep the folder event_type=... that Currents put it in, "
            "or name it after them, such as users.messages.email.Send.avro",
        )
    return _events(source, iter(records), kind, _narrow(schema))


def _events(
    source: PeekedSource, records: Iterator[Any], kind: str, narrow: frozenset[str]
) -> Iterator[Event]:
    number = 0
    while True:
        number += 1
        try:
            record = next(records, None)
        except Exception as error:
            raise UnreadableFile(
                source.path,
                f"the data is damaged ({_describe(error)}); what comes before is taken: get the file again",
                line=number,
            ) from error
        if record is None:
            return
        if not isinstance(record, dict):
            raise UnreadableFile(source.path, "its records are no events of Currents", line=number)
        yield number, kind, {name: _plain(value, narrow=name in narrow) for name, value in record.items()}


def _plain(value: Any, *, narrow: bool) -> Any:  # noqa: ANN401
    return exact(value, narrow=narrow) if isinstance(value, float) else value


def _full_name(schema: Any) -> str:  # noqa: ANN401
    if not isinstance(schema, dict):
        return ""
    return f"{schema.get('namespace', '')}.{schema.get('name', '')}".strip(".")


def _narrow(schema: Any) -> frozenset[str]:  # noqa: ANN401
    """The fields with floats of 32 bits; the Avro reader gives all floats as 64 bits."""
    fields = schema.get("fields", []) if isinstance(schema, dict) else []
    return frozenset(field["name"] for field in fields if "float" in _types(field["type"]))


def _types(stated: Any) -> list[Any]:  # noqa: ANN401
    return stated if isinstance(stated, list) else [stated]


def _describe(error: Exception) -> str:
    """What is wrong, in short: the reader's own error may repeat whole records."""
    return f"{type(error).__name__}: {error}"[:200] if str(error) else type(error).__name__
