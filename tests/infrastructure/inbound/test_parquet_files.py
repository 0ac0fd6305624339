"""Facts as Parquet: types and instants, what is refused alone and what ends the command."""

import io
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from application.commands.facts import read_fact
from application.reading_instants import BadTime
from domain.errors import FactRefused
from infrastructure.inbound.files import Raw
from infrastructure.inbound.files.byte_source import LINE_LIMIT
from tests.support.fact_files import FACTS, PURCHASE, as_parquet, commands_of, opened, refusal, rows_of, told


def test_parquet_types_say_the_same_as_text(tmp_path: Path) -> None:
    """INTERFACES, Facts: an instant may be a timestamp with zone, money decimal or whole, text stored by reference."""
    columns = {
        "type": pa.array(["purchase", "refund"]).dictionary_encode(),
        "id": pa.array(["p1", "x1"], pa.large_string()),
        "user_id": ["u1", "u1"],
        "at": pa.array(
            [datetime(2026, 3, 2, 11, tzinfo=timezone(timedelta(hours=1)))] * 2,
            pa.timestamp("ms", "Europe/Paris"),
        ),
        "product_id": ["sku-9", None],
        "price": pa.array([Decimal("9.990000"), None], pa.decimal128(18, 6)),
        "currency": ["USD", None],
        "quantity": pa.array([2, None], pa.uint8()),
        "purchase_id": [None, "p1"],
        "amount": pa.array([None, 5], pa.int32()),
        "properties": pa.array(['{"a": 1}', None], pa.json_()),
        "reason": pa.nulls(2),
    }
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file)
    at = {"user_id": "u1", "at": "2026-03-02T10:00:00Z"}
    assert commands_of(opened(tmp_path, "facts.parquet", file.getvalue())) == [
        read_fact(PURCHASE | at | {"id": "p1", "quantity": 2, "properties": {"a": 1}}),
        read_fact(at | {"type": "refund", "id": "x1", "purchase_id": "p1", "amount": "5"}),
    ]


def instants(tmp_path: Path, unit: str, *counts: int) -> list[datetime | str]:
    """The instants of facts in a Parquet file, or the codes of their refusals."""
    file = io.BytesIO()
    fact = {"type": "void", "id": "d1", "user_id": "u1", "fact_id": "p1"}
    table = pa.Table.from_pylist([fact] * len(counts))
    parquet.write_table(table.append_column("at", pa.array(counts, pa.timestamp(unit, "UTC"))), file)

    def judged(raw: Raw) -> datetime | str:
        try:
            return raw.code if isinstance(raw, FactRefused) else read_fact(raw).at
        except BadTime as error:
            return error.code

    return [judged(raw) for _, raw in rows_of(opened(tmp_path, "facts.parquet", file.getvalue()))]


def test_r6_nanoseconds_are_cut_never_rounded(tmp_path: Path) -> None:
    """R6: as digits of text are, so that half a microsecond before 1970 is before 1970."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert instants(tmp_path, "ns", 1_999, -1) == [epoch + timedelta(microseconds=1), "bad_time"]


def test_r16_a_timestamp_beyond_all_years_is_a_bad_time(tmp_path: Path) -> None:
    """R16: the rest of the file is taken."""
    assert instants(tmp_path, "ms", 2**60, 0, -(2**60)) == [
        "bad_time",
        datetime(1970, 1, 1, tzinfo=UTC),
        "bad_time",
    ]


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("price", pa.array([9.99]), "column price is double; make it decimal or text"),
        ("amount", pa.array([9.99], pa.float32()), "column amount is float; make it decimal or text"),
        ("quantity", pa.array([1.0]), "column quantity is double; make it a whole number"),
        ("quantity", pa.array([b"1"]), "column quantity is binary; make it a whole number"),
        ("reason", pa.array([b"x"]), "column reason is binary; make it text"),
        ("variant_id", pa.array([1]), "column variant_id is int64; make it text"),
        ("properties", pa.array([{"a": 1}]), "column properties is struct<a: int64>; make it text, in JSON"),
        (
            "at",
            pa.array([0], pa.timestamp("us")),
            "column at is timestamp[us]; make it a timestamp with a time zone",
        ),
        ("at", pa.array([0]), "column at is int64; make it a timestamp with a time zone, or text"),
        ("colour", pa.array(["red"]), "unknown columns 'colour'"),
    ],
    ids=map(str, range(10)),
)
def test_a_parquet_column_of_another_type_ends_the_command(
    tmp_path: Path, column: str, values: Any, message: str
) -> None:
    """INTERFACES, Facts: a float has lost the amount and an instant without zone is none; nothing is guessed."""
    table = pa.table(
        {name: ["x"] for name in ("type", "id", "user_id", "at") if name != column} | {column: values}
    )
    file = io.BytesIO()
    parquet.write_table(table, file)
    assert message in refusal(tmp_path, "facts.parquet", file.getvalue())


def test_r16_text_in_parquet_that_cannot_be_kept_is_refused_alone(tmp_path: Path) -> None:
    """R16: neither U+0000, nor bytes that are no UTF-8, nor a fact over the limit, nor bad properties."""
    fine = pa.array(["fine"] * 6)
    raw = pa.array([b"\0", b"\xff", b"\xed\xa0\x80", b"x" * (LINE_LIMIT + 1), b"{", b"{}"], pa.binary())
    columns = {
        "type": fine,
        "id": fine,
        "user_id": fine,
        "at": fine,
        "properties": pa.Array.from_buffers(pa.string(), 6, raw.buffers()),
    }
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file)
    expected = [(row, "malformed") for row in range(1, 6)] + [(6, "fine")]
    assert told(opened(tmp_path, "facts.parquet", file.getvalue())) == expected


def test_damage_inside_parquet_ends_the_command(tmp_path: Path) -> None:
    """Pages are checked, so that flipped bits are no facts."""
    content = bytearray(as_parquet(FACTS, write_page_checksum=True, compression="none"))
    place = content.index(b"sku-9")
    content[place : place + 5] = b"sku-8"
    assert "line 1: the data is damaged" in refusal(tmp_path, "facts.parquet", bytes(content))


def test_one_row_group_of_parquet_is_read_piece_by_piece(tmp_path: Path) -> None:
    """Constant memory: a writer may put the whole file into one row group."""
    rows = 100_000
    same, ids = pa.array(["x"] * rows), pa.array([f"{n:0500}" for n in range(rows)])
    file = io.BytesIO()
    parquet.write_table(
        pa.table({"type": same, "id": ids, "user_id": same, "at": same}),
        file,
        compression="none",
        use_dictionary=False,
    )
    del same, ids
    content = file.getvalue()
    file.close()
    before, most = pa.total_allocated_bytes(), 0
    with opened(tmp_path, "facts.parquet", content) as facts:
        for number, _ in facts:
            most = max(most, pa.total_allocated_bytes() - before) if number % 1000 == 0 else most
    assert (number, len(content) > 50_000_000, most < 15_000_000) == (rows, True, True)
