"""Files of facts: the same facts in every format, what cannot be read and why, all in constant memory."""

import gzip
import io
import json
import os
import sys
import threading
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest
import zstandard

from infrastructure.inbound.files import FactFile, UnreadableFile, open_facts
from infrastructure.inbound.files.byte_source import LINE_LIMIT
from tests.support.fact_files import (
    COMMANDS,
    FACTS,
    HEADER,
    PURCHASE,
    RECEIVED,
    as_csv,
    as_json_lines,
    as_parquet,
    commands_of,
    gzipped,
    opened,
    refusal,
    told,
    zstd,
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("facts.jsonl", as_json_lines(FACTS)),
        ("facts.json", b"\xef\xbb\xbf" + as_json_lines(FACTS).rstrip()),
        ("facts.NDJSON", as_json_lines(FACTS).replace(b"\n", b"\r\n\r\n")),
        ("facts.jsonl.gz", gzipped(as_json_lines(FACTS))),
        ("facts.jsonl.zst", zstd(as_json_lines(FACTS))),
        ("named-wrongly.jsonl", gzipped(as_json_lines(FACTS))),
        ("named-wrongly.csv", zstd(as_csv(FACTS))),
        ("facts.csv", as_csv(FACTS)),
        ("facts.v2.CSV", b"\xef\xbb\xbf" + as_csv(FACTS).rstrip()),
        ("facts.csv.gz", gzipped(as_csv(FACTS))),
        ("facts.csv.zst", zstd(as_csv(FACTS))),
        ("facts.parquet", as_parquet(FACTS)),
        ("zstd.parquet", as_parquet(FACTS, compression="zstd", row_group_size=2)),
        ("gzip.parquet", as_parquet(FACTS, compression="gzip", use_dictionary=False)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_r13_the_same_facts_are_equal_in_every_format(tmp_path: Path, name: str, content: bytes) -> None:
    """R13: absent, null and an empty cell are the same; so are the numbers and properties."""
    file = opened(tmp_path, name, content)
    assert commands_of(file) == COMMANDS
    assert file.bytes_read == file.size == len(content)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("facts.csv", "", "line 1: a header is missing"),
        ("facts.csv", "\n" + HEADER, "line 1: a header is missing"),
        (
            "facts.csv",
            "void,d1,u1,2026-03-02T10:00:00Z\n",
            "unknown columns '2026-03-02T10:00:00Z', 'd1', 'u1', 'void'",
        ),
        (
            "facts.csv",
            "type;id;user_id;at\n",
            "unknown columns 'type;id;user_id;at'; rename or drop them, known are",
        ),
        ("facts.csv", HEADER + ",colour", "unknown columns 'colour'"),
        ("facts.csv", HEADER + ",id", "columns are there more than once: id"),
        ("facts.csv", "type,id,at\n", "columns that every fact needs are missing: add user_id"),
        ("facts.csv", '"type', "line 1: the header cannot be read"),
        ("facts.csv", "x" * 2 * LINE_LIMIT, "line 1: the header cannot be read"),
        ("facts.parquet", "", "this is no Parquet file"),
        ("facts.parquet", RECEIVED, "this is no Parquet file"),
        ("facts.parquet.gz", gzipped(as_parquet(FACTS)), "Parquet is compressed inside"),
        ("facts.txt", RECEIVED, "its format is unknown; add --format jsonl | csv | parquet"),
        ("jsonl", RECEIVED, "its format is unknown"),
        ("facts.gz", RECEIVED, "its format is unknown"),
        ("facts.jsonl.gz", RECEIVED, "line 1: the compressed data is damaged"),
        ("facts.jsonl.zst", RECEIVED, "line 1: the compressed data is damaged"),
        ("facts.jsonl.gz", "", "line 1: the compressed data is cut off"),
        ("facts.csv.zst", "", "line 1: the compressed data is cut off"),
        (
            "facts.jsonl.gz",
            gzip.compress(RECEIVED.encode()) + b"\0garbage",
            "line 2: the compressed data is damaged",
        ),
    ],
    ids=map(str, range(20)),
)
def test_a_file_that_cannot_be_read_says_what_to_do(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    """INTERFACES, Facts: such a file ends the command, named with the reason."""
    assert message in refusal(tmp_path, name, content)


@pytest.mark.parametrize(
    ("name", "compress"),
    [("f.jsonl.gz", gzip.compress), ("f.jsonl.zst", zstandard.ZstdCompressor().compress)],
)
@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: data[:-9] + bytes(9)], ids=["cut", "zeros"]
)
def test_what_comes_before_damage_is_taken(tmp_path: Path, name: str, compress: Any, damage: Any) -> None:
    """The lines read before are given, and the error says where the file ended."""
    content = "".join(
        json.dumps(PURCHASE | {"id": f"p{n}-{zlib.crc32(b'%d' % n)}"}) + "\n" for n in range(60_000)
    )
    numbers: list[int] = []
    with (
        opened(tmp_path, name, damage(compress(content.encode()))) as file,
        pytest.raises(UnreadableFile) as error,
    ):
        numbers.extend(number for number, raw in file if isinstance(raw, dict))
    assert numbers == list(range(1, len(numbers) + 1))
    assert (error.value.line, len(numbers) > 20_000) == (len(numbers) + 1, True)
    assert "get the whole file and import it again" in str(error.value)


def test_a_path_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    """A file that is not there, a folder and a path that is none end the command before anything is read."""
    for path, message in {
        str(tmp_path / "no.jsonl"): "no.jsonl: there is no such file; check the path",
        str(tmp_path): "this is a folder; name the files in it",
        "a\0.csv": "it cannot be opened",
        "x" * 5000 + ".csv": "it cannot be opened",
    }.items():
        with pytest.raises(UnreadableFile, match=message):
            open_facts(path)
    with pytest.raises(UnreadableFile, match="this is a folder"):
        open_facts(str(tmp_path), format="csv")
    (tmp_path / "facts.csv").touch()
    with pytest.raises(UnreadableFile, match="its format is unknown"):
        open_facts(str(tmp_path / "facts.csv"), format="xml")


@pytest.mark.parametrize(
    ("asked", "content"),
    [
        *((None, as_json_lines(FACTS)), ("jsonl", gzipped(as_json_lines(FACTS)))),
        *(("csv", as_csv(FACTS)), ("parquet", as_parquet(FACTS))),
    ],
    ids=["by default", "compressed", "csv", "parquet"],
)
def test_standard_input_is_read_and_left_open(
    monkeypatch: pytest.MonkeyPatch, asked: str, content: bytes
) -> None:
    """INTERFACES, Facts: `-` is JSON lines unless a format is given; how long it is nobody knows."""
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)))
    monkeypatch.setattr(sys, "stdin", stdin)
    file = open_facts("-", format=asked)
    assert file.size is None
    assert commands_of(file) == COMMANDS
    assert not stdin.buffer.closed


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    """A named pipe has no size and comes in pieces."""
    pipe = str(tmp_path / "facts.jsonl")
    os.mkfifo(pipe)
    writer = threading.Thread(target=Path(pipe).write_bytes, args=(as_json_lines(FACTS * 500),))
    writer.start()
    file = open_facts(pipe)
    assert (file.size, commands_of(file)) == (None, COMMANDS * 500)
    writer.join()


def peak_of(file: FactFile) -> tuple[list[tuple[int, str]], int]:
    """What a file tells, and the most memory that took."""
    tracemalloc.start()
    try:
        return told(file), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def compressed_with(new: Any, first: bytes, repeat: int, last: bytes) -> bytes:
    return b"".join([*(new.compress(first) for _ in range(repeat)), new.compress(last), new.flush()])


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_a_line_of_200_megabytes_is_refused_in_constant_memory(tmp_path: Path, suffix: str) -> None:
    """It is never whole in memory, nor is what a small compressed file expands to; the next line is read."""
    path = tmp_path / f"facts.jsonl{suffix}"
    mebi, last = bytes(1 << 20), b"\n" + RECEIVED.encode()
    if suffix == ".gz":
        path.write_bytes(compressed_with(zlib.compressobj(1, wbits=31), mebi, 200, last))
    elif suffix == ".zst":
        path.write_bytes(compressed_with(zstandard.ZstdCompressor().compressobj(), mebi, 200, last))
    else:
        with path.open("wb") as file:
            file.seek(200 << 20)
            file.write(last)
    found, peak = peak_of(open_facts(str(path)))
    assert found == [(1, "malformed"), (2, "r1")]
    assert peak < 25_000_000
