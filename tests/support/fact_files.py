"""Facts written to files, and what is read back from them."""

import gzip
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import zstandard
from pyarrow import parquet

from application.commands.facts import FIELDS, FactCommand, read_fact
from domain.errors import FactRefused
from infrastructure.inbound.files import FactFile, Raw, UnreadableFile, open_facts

COMMON = {"user_id": "u1", "at": "2026-03-02T10:00:00.123456Z"}
PURCHASE = COMMON | {"type": "purchase", "product_id": "sku-9", "price": "9.99", "currency": "USD"}
LINES = [{"product_id": "tea", "price": "9.99", "quantity": 2}, {"product_id": "cup", "price": "4.00"}]
FACTS: list[dict[str, Any]] = [
    COMMON | {"type": "received", "id": "r1", "campaign_id": "spring", "variant_id": "A"},
    COMMON | {"type": "received", "id": "r2", "campaign_id": 'été, "so"\nto say'},
    COMMON | {"type": "session_started", "id": "s1", "app_id": "ios", "app_version": "1.2.3"},
    PURCHASE | {"id": "p1", "quantity": 2, "properties": {"plan": "pro", "list": [1, {"é": None}]}},
    PURCHASE | {"id": "p2", "price": "0.000001", "app_id": "ios"},
    COMMON | {"type": "refund", "id": "x1", "purchase_id": "p1", "amount": "9.99"},
    COMMON | {"type": "custom_event", "id": "c1", "name": "signed_up", "properties": {}},
    COMMON | {"type": "app_version", "id": "v1", "app_id": "ios", "version": "1.3.0"},
    COMMON
    | {"type": "app_version", "id": "v2", "app_id": "ios", "version": "1.4", "previous_version": "1.3"},
    COMMON | {"type": "order", "id": "o1", "lines": LINES, "total": "21.98", "currency": "EUR"},
    COMMON | {"type": "order", "id": "o2", "total": "20", "app_id": "ios", "properties": {"coupon": "é"}},
    COMMON | {"type": "order_refund", "id": "x2", "order_id": "o1", "lines": LINES[:1]},
    COMMON | {"type": "order_refund", "id": "x3", "order_id": "o1", "amount": "1.99"},
    COMMON | {"type": "order_cancelled", "id": "x4", "order_id": "o1"},
    COMMON | {"type": "void", "id": "d1", "fact_id": "p1", "reason": " test; order"},
]
COMMANDS = [read_fact(fact) for fact in FACTS]
HEADER = "type,id,user_id,at,product_id,price,currency,quantity,properties"
RECEIVED = '{"type":"received","id":"r1","user_id":"u1","campaign_id":"spring","at":"2026-03-01T09:00:00Z"}\n'


def as_json_lines(facts: Iterable[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(fact, ensure_ascii=False) + "\n" for fact in facts).encode()


def as_cells(fact: dict[str, Any]) -> dict[str, Any]:
    """The fact with its properties and lines as JSON text and all other fields there, empty."""
    cells = dict.fromkeys(sorted(FIELDS)) | fact
    as_text = {name: json.dumps(fact[name]) if name in fact else None for name in ("properties", "lines")}
    return cells | as_text


def as_csv(facts: Iterable[dict[str, Any]]) -> bytes:
    rows = [sorted(FIELDS), *(as_cells(fact).values() for fact in facts)]
    quoted = [
        ['"' + str("" if cell is None else cell).replace('"', '""') + '"' for cell in row] for row in rows
    ]
    return "".join(",".join(row) + "\r\n" for row in quoted).encode()


def as_parquet(facts: Iterable[dict[str, Any]], **options: Any) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist([as_cells(fact) for fact in facts]), file, **options)
    return file.getvalue()


def zstd(data: bytes) -> bytes:
    """The data in two frames with a skippable one between, as parallel compressors write."""
    half = len(data) // 2
    frames = [zstandard.ZstdCompressor().compress(part) for part in (data[:half], data[half:])]
    return frames[0] + b"\x50\x2a\x4d\x18\x02\0\0\0xx" + frames[1]


def gzipped(data: bytes) -> bytes:
    """The data in two members, and the zeros that tapes are filled with."""
    half = len(data) // 2
    return gzip.compress(data[:half]) + gzip.compress(data[half:]) + bytes(512)


def opened(folder: Path, name: str, content: bytes | str) -> FactFile:
    """A new file of this name and content, opened."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_facts(str(path))


def rows_of(file: FactFile) -> list[tuple[int, Raw]]:
    with file:
        return list(file)


def commands_of(file: FactFile) -> list[FactCommand]:
    return [read_fact(raw) for _, raw in rows_of(file)]


def told(file: FactFile) -> list[tuple[int, str]]:
    """The code of each refused line, and the id of each one that was read."""
    return [(n, raw.code if isinstance(raw, FactRefused) else raw.get("id", "")) for n, raw in rows_of(file)]


def refusal(tmp_path: Path, name: str, content: bytes | str) -> str:
    with pytest.raises(UnreadableFile) as error:
        rows_of(opened(tmp_path, name, content))
    return str(error.value)
