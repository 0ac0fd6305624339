"""One step of audit.py in a process of its own: what it did, in how long, and the most memory the process ever held.

The seconds begin when everything is imported, and a database is open.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

from benchmarks.audit_memory import peak_bytes
from benchmarks.garbage import less_collection
from infrastructure.archive import Archiver, open_location
from infrastructure.archive.batches import read_events
from infrastructure.audit.archive_files import fetch_event_files
from infrastructure.audit.auditing import MEMORY, Options, audit_archive, audit_ledger
from infrastructure.audit.decisions import audit_decisions
from infrastructure.audit.definitions import DEFINING, read_definitions
from infrastructure.audit.duckdb_engine import DuckDB, quote
from infrastructure.audit.outcome import AuditResult
from infrastructure.audit.rules import Statement, statements
from infrastructure.composition import Service, open_for_reading
from infrastructure.logging import configure
from infrastructure.settings import read_settings

UNASKED = "recorded_at, command_id, actor, hash, payload"
"""Columns of an archive that no rule asks for."""

_OF_STREAMS = frozenset({"journeys", "unreadable", "recorded_twice"})
"""Tables about whether streams are whole, which no conversion depends on."""


@dataclass(frozen=True)
class Done:
    """What a step gave: how many differences, and conversions by campaign and variant, where it judged any."""

    seconds: float
    events: int
    facts: int = 0
    differs: int = 0
    conversions: dict[str, int] = field(default_factory=dict)


def _archive(address: str, engine: str = DuckDB.name) -> Done:
    """`conversions audit --from`."""
    return _found(audit_archive(address, Options(engine=engine), _unwatched))


def _ledger(url: str) -> Done:
    """`conversions audit`."""
    with Service(url) as service:
        return _found(audit_ledger(service.database, service.projector, Options(), _unwatched))


def _found(audited: AuditResult) -> Done:
    conversions: dict[str, int] = {}
    for key, number in audited.judged.figures.items():
        if key.figure == "conversions" and key.clock == "conversion":
            of = f"{key.campaign_id} {key.variant_id}"
            conversions[of] = conversions.get(of, 0) + int(number)
    facts = audited.judged.totals["facts"]
    return Done(audited.seconds, audited.events, facts, audited.differs, conversions)


def _conversions(address: str) -> Done:
    """The rules of conversions alone, which is what audit_polars.py answers as well."""
    with TemporaryDirectory() as work:
        engine = DuckDB(Path(work), MEMORY)
        engine.open(fetch_event_files(address, Path(work), _unwatched).files)
        started = perf_counter()
        _judge_conversions(engine)
        counted = engine.rows(
            "SELECT concat(campaign_id, ' ', variant_id), count(*) FROM judged_conversions GROUP BY ALL"
        )
        conversions = dict(counted)
        seconds = perf_counter() - started
        ((events, facts),) = engine.rows("SELECT count(*), count(fact_id) FROM log")
        engine.close()
    return Done(seconds, events, facts, conversions=conversions)


def _judge_conversions(engine: DuckDB) -> None:
    topics = ", ".join(map(quote, DEFINING))
    defining = (
        f"SELECT app_group, stream_id, topic, payload FROM log WHERE topic IN ({topics}) ORDER BY position"  # noqa: S608
    )
    for name, table in read_definitions(engine.rows(defining)).tables(0, 0).items():
        engine.give(name, table)
    engine.look(Statement("typed", "SELECT * FROM log"))
    for statement in statements():
        if statement.table not in _OF_STREAMS:
            engine.run(statement)
        if statement.table == "judged_conversions":
            return


def _scan(address: str) -> Done:
    """Every value of every column that the rules ask for, read and hashed."""
    with TemporaryDirectory() as work:
        engine = DuckDB(Path(work), MEMORY)
        engine.open(fetch_event_files(address, Path(work), _unwatched).files)
        started = perf_counter()
        list(engine.rows(f"SELECT bit_xor(hash(COLUMNS(* EXCLUDE ({UNASKED})))) FROM log"))  # noqa: S608
        seconds = perf_counter() - started
        ((events, facts),) = engine.rows("SELECT count(*), count(fact_id) FROM log")
        engine.close()
    return Done(seconds, events, facts)


def _decisions(url: str) -> Done:
    """`conversions audit --decisions` in one process: the domain's own code over every journey."""
    with Service(url) as service, less_collection():
        audited = audit_decisions(
            (service.database, service.ledger), partial(open_for_reading, url), processes=1
        )
    found = audited.found
    return Done(audited.seconds, found.events, found.facts, found.differences_total)


def _read(url: str) -> Done:
    """The log as archives and audits read it, and nothing done with it."""
    with Service(url) as service:
        last, events, started = service.recorder.max_notification_id() or 0, 0, perf_counter()
        for batch in read_events(service.database, 0, last):
            events += batch.num_rows
        return Done(perf_counter() - started, events)


def _archiving(url: str, directory: str) -> Done:
    """`conversions archive`, into an empty directory."""
    with Service(url) as service:
        started = perf_counter()
        manifest = Archiver(
            service.database, service.recorder, service.now, open_location(directory), _unwatched
        ).run()
        return Done(perf_counter() - started, int(manifest.position))


def _unwatched(_what: str, _done: int, _of: int | None) -> None:
    pass


STEPS: dict[str, Callable[..., Done]] = {
    "archive": _archive,
    "ledger": _ledger,
    "conversions": _conversions,
    "scan": _scan,
    "decisions": _decisions,
    "read": _read,
    "archiving": _archiving,
}


def main(step: str, *given: str) -> None:
    """Do a step, and print what it gave as JSON."""
    configure(read_settings())
    begun = process_time()
    done = STEPS[step](*given)
    print(json.dumps(asdict(done) | {"processor": process_time() - begun, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
