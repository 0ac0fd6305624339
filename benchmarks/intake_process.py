"""Imports files in a process of its own, for growth.py: what each cost, and the most memory the process ever held."""

import json
import sys
from pathlib import Path
from time import perf_counter

from sqlalchemy import text

from benchmarks.ledger import Unwatched, refuse
from benchmarks.workload import GROUP
from infrastructure.composition import Service
from infrastructure.logging import configure
from infrastructure.settings import read_settings

_WRITTEN = "SELECT pg_current_wal_lsn() - '0/0'"


def main(url: str, paths: list[str]) -> None:
    """Import the files one after the other, and print what each cost as JSON."""
    configure(read_settings())
    costs = []
    with Service(url) as service:
        for path in paths:
            before, written = service.recorder.max_notification_id() or 0, _written(service)
            started = perf_counter()
            done = service.start_import(GROUP, refuse).run([path], None, Unwatched())
            seconds = perf_counter() - started
            events = (service.recorder.max_notification_id() or 0) - before
            log = _written(service) - written
            costs.append({"facts": done.accepted, "seconds": seconds, "events": events, "log_bytes": log})
    print(json.dumps({"costs": costs, "peak_bytes": _peak()}))


def _peak() -> int:
    """The most memory this process has had; `getrusage` would tell of the process that started it as well."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) * 1024


def _written(service: Service) -> int:
    """Bytes that the server has written to its own log."""
    with service.database.reading() as connection:
        return int(connection.execute(text(_WRITTEN)).scalar_one())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
