"""Steps of audits, each in a process of its own (audit_process.py), and Polars in that of the peers."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from time import perf_counter
from typing import Any, NamedTuple

from application.commands.definitions import read_deadline
from benchmarks.peers import interpreter
from benchmarks.results import Progress
from benchmarks.workload import CAMPAIGNS
from infrastructure.archive import open_location, read_manifest
from infrastructure.audit.spark_engine import Spark

_MICROSECONDS = 1_000_000


class Failed(Exception):
    """A step did not come to its end; the message is what it said last."""


class Run(NamedTuple):
    """What a step did in how many seconds; `start` are those of its process beside them, `peak` its most memory."""

    seconds: float
    start: float
    processor: float | None
    """Seconds of processor time, on all cores: what tells most on a machine that others use."""
    peak: float | None
    """Megabytes; None, as of processor time, where other processes had most of it."""
    events: int
    facts: int
    conversions: dict[str, int]

    @property
    def facts_a_second(self) -> float:
        """Without the process's start."""
        return self.facts / self.seconds

    @property
    def events_a_second(self) -> float:
        """The same of events."""
        return self.events / self.seconds


def step(name: str, *given: str, runs: int = 1) -> Run:
    """The fastest of a few runs of a step; raises Failed."""
    return min((_step(name, *given) for _ in range(runs)), key=lambda run: run.seconds)


def _step(name: str, *given: str) -> Run:
    printed, whole = _told([sys.executable, "-m", "benchmarks.audit_process", name, *given])
    assert not printed["differs"], (name, given, printed)
    seconds = printed["seconds"]
    return Run(
        seconds,
        whole - seconds,
        printed["processor"],
        printed["peak_bytes"] / 1e6,
        printed["events"],
        printed["facts"],
        printed["conversions"],
    )


def spark(archive: Path) -> Run:
    """An audit by Spark on this machine, from nothing; raises Failed, also where there is no Java."""
    home = os.environ.get("JAVA_HOME")
    if which("java" if home is None else str(Path(home, "bin", "java"))) is None:
        raise Failed("there is no Java")
    return _step("archive", str(archive), Spark.name)._replace(peak=None, processor=None)


def polars(archive: Path, beside: Run, progress: Progress, runs: int) -> Run:
    """The fastest of a few runs of Polars over the files of an archive, of which another run told how large it is.

    Raises NotInstalled, Failed.
    """
    files = [str(archive / part.file) for part in read_manifest(open_location(str(archive))).events]
    command = [interpreter(progress), "-m", "benchmarks.audit_polars", *files]
    asked = json.dumps(list(_asked()))
    told = [_told(command, asked) for _ in range(runs)]
    printed, whole = min(told, key=lambda each: each[0]["seconds"])
    seconds = printed["seconds"]
    return Run(
        seconds,
        whole - seconds,
        printed["processor"],
        printed["peak_bytes"] / 1e6,
        beside.events,
        beside.facts,
        printed["conversions"],
    )


def _asked() -> Iterator[dict[str, Any]]:
    """The conversion events, as audit_polars.py reads them."""
    for campaign in CAMPAIGNS["campaigns"]:
        for index, event in enumerate(campaign["conversion_events"]):
            yield {
                "campaign_id": campaign["id"],
                "conversion_event": index,
                "earns": event["type"],
                "wanted_product": event.get("product_id"),
                "wanted_name": event.get("name"),
                "wanted_apps": event.get("app_ids", []),
                "deadline": int(str(read_deadline(event["deadline"]))) * _MICROSECONDS,
            }


def _told(command: list[str], given: str | None = None) -> tuple[dict[str, Any], float]:
    """What a process printed, and how many seconds it took from its start to its end."""
    started = perf_counter()
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)  # noqa: S603
    seconds = perf_counter() - started
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Failed(said[-1] if said else f"it ended with {done.returncode}")
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed, seconds
