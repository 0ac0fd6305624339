"""`conversions import` as a user runs it, in one process and in two at once, its start included."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from zlib import crc32

from benchmarks.ledger import Totals, fresh, totals
from benchmarks.places import Place
from benchmarks.workload import CAMPAIGNS, GROUP
from infrastructure.composition import Service

_COMMAND = Path(sys.executable).with_name("conversions")


@dataclass(frozen=True)
class Ran:
    """What commands that ran at once took in, and what the reports say then."""

    facts: int
    events: int
    seconds: float
    totals: Totals


def imported(place: Place, files: Sequence[Path]) -> Ran:
    """Import files into a new ledger, each by a process of its own, all at the same time."""
    with fresh(CAMPAIGNS, place) as service:
        before = service.recorder.max_notification_id() or 0
        started = perf_counter()
        processes = [_import(service, path) for path in files]
        printed = [_finished(process) for process in processes]
        seconds = perf_counter() - started
        facts = sum(json.loads(each)["accepted"] for each in printed)
        return Ran(
            facts, (service.recorder.max_notification_id() or 0) - before, seconds, totals(service, GROUP)
        )


def _import(service: Service, path: Path) -> "subprocess.Popen[str]":
    command = [_COMMAND, "import", path, "--database", service.database.url, "--app-group", GROUP, "--json"]
    pipe = subprocess.PIPE
    return subprocess.Popen(list(map(str, command)), stdout=pipe, stderr=pipe, text=True)  # noqa: S603


def _finished(process: "subprocess.Popen[str]") -> str:
    printed, said = process.communicate()
    assert process.returncode == 0, said
    return printed


def halves_by_time(path: Path) -> list[Path]:
    """The first half of a file and the second: all users are in both."""
    lines = path.read_bytes().splitlines(keepends=True)
    middle = len(lines) // 2
    return [_written(path, "first", lines[:middle]), _written(path, "second", lines[middle:])]


def halves_by_user(path: Path) -> list[Path]:
    """Two files, each with all facts of half the users."""
    halves: tuple[list[bytes], list[bytes]] = ([], [])
    for line in path.read_bytes().splitlines(keepends=True):
        halves[crc32(json.loads(line)["user_id"].encode()) % 2].append(line)
    return [_written(path, name, lines) for name, lines in zip(("even", "odd"), halves, strict=True)]


def _written(path: Path, name: str, lines: list[bytes]) -> Path:
    written = path.with_name(f"{name}.jsonl")
    written.write_bytes(b"".join(lines))
    return written
