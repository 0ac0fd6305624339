"""The audit: rules in SQL judge all facts again, and the result is compared with streams and read models."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from sqlalchemy import or_, select

from domain.instants import from_microseconds, printed
from infrastructure.archive.archiving import Chain
from infrastructure.archive.batches import View, open_view, read_events
from infrastructure.archive.manifest import BadArchive
from infrastructure.audit import read_model_rows as read_models
from infrastructure.audit.archive_files import EventFiles, fetch_event_files
from infrastructure.audit.definitions import DEFINING, read_definitions
from infrastructure.audit.differing import compare
from infrastructure.audit.duckdb_engine import DuckDB, fill_log
from infrastructure.audit.judging import SHOWN, Range, cut_ranges, judge
from infrastructure.audit.outcome import AuditResult, Judged
from infrastructure.audit.read_model_figures import Figures, read_figures
from infrastructure.audit.resuming import JudgedRanges
from infrastructure.audit.spark_engine import Spark
from infrastructure.database import Database
from infrastructure.database.schema import events as log
from infrastructure.database.schema import identities
from infrastructure.event_store.reading import find_altered, select_rows
from projections.engine import generations
from projections.engine.projector import Projector

MEMORY = "1GB"

ENGINES = (DuckDB.name, Spark.name)
"""What runs the rules; the first is the default."""

Progress = Callable[[str, int, int | None], None]
"""Hears what is being done, how much of it is done, and of how much."""

_ATTEMPTS = 20


class ReadModelsMove(Exception):
    """The read models were never at one position when they were looked at."""


class UnreadableReadModel(Exception):
    """A read model holds a value that its columns cannot mean."""


class NoSuchCampaign(Exception):
    """The log has no campaign of that id."""


@dataclass(frozen=True)
class Options:
    """How to audit: one campaign or all, the memory, the directory for temporary files, and the engine."""

    campaign_id: str | None = None
    memory: str = MEMORY
    work: Path | None = None
    engine: str = DuckDB.name
    remote: str | None = None
    """The address of Spark Connect."""


def audit_ledger(
    database: Database, projector: Projector, options: Options, progress: Progress
) -> AuditResult:
    """Audit a database: its streams and its read models, all at one position."""
    started = time.monotonic()
    claims = ("streams", *read_models.ROWS)
    with _make_directory(options) as directory, closing(_open_engine(directory, options)) as engine:
        position, figures, mark = _take_ledger(engine, database, projector, options, progress)
        judged, events = _judge_all(engine, options, claims, progress, mark)
        compare(judged, figures)
        users, altered = _find_users(database, judged), _find_altered(database, judged, position)
    return AuditResult(
        "ledger",
        engine.name,
        position,
        options.campaign_id,
        (*claims, *(each.claim for each in figures)),
        events,
        judged,
        round(time.monotonic() - started, 3),
        database.address,
        printed(from_microseconds(projector.clock())),
        users,
        altered,
    )


def _take_ledger(
    engine: DuckDB | Spark, database: Database, projector: Projector, options: Options, progress: Progress
) -> tuple[int, list[Figures], list[object]]:
    """Give the engine read models and log; returns their position, the figures of reports, and a mark of it all."""
    with _hold_read_models(database, projector) as (view, position, current), _refuse_unreadable():
        read_models.fill_rows(engine, view, current)
        figures = read_figures(view, current, options.campaign_id)
    chain = Chain("")
    fill_log(engine, _watch(chain.through(read_events(database, 0, position)), position, progress))
    return position, figures, [chain.hash, sorted(current.items()), _fingerprint_rows(engine)]


def audit_archive(address: str, options: Options, progress: Progress) -> AuditResult:
    """Audit an archive: its streams, at its last position; raises BadArchive."""
    started = time.monotonic()
    with _make_directory(options) as directory, closing(_open_engine(directory, options)) as engine:
        found = _take_archive(engine, address, directory, progress)
        judged, events = _judge_all(engine, options, ("streams",), progress, (found.position, found.mark))
    return AuditResult(
        "archive",
        engine.name,
        found.position,
        options.campaign_id,
        ("streams",),
        events,
        judged,
        round(time.monotonic() - started, 3),
        address,
        printed(datetime.now(UTC)),
    )


def _take_archive(engine: DuckDB | Spark, address: str, directory: Path, progress: Progress) -> EventFiles:
    """Give the engine the events of an archive, and empty tables of read models."""
    found = fetch_event_files(address, directory, progress)
    read_models.fill_rows(engine, None, {})
    if found.files:
        engine.open(found.files)
    else:
        fill_log(engine, iter(()))
    ((read,),) = engine.rows("SELECT count(*) FROM log")
    if read != found.position:
        raise BadArchive(
            f"{read} events were read of {found.position}; use another copy of the archive",
            code="damaged_file",
        )
    return found


@contextmanager
def _make_directory(options: Options) -> Iterator[Path]:
    with TemporaryDirectory(prefix="conversions-audit-", dir=options.work) as directory:
        yield Path(directory)


def _open_engine(directory: Path, options: Options) -> DuckDB | Spark:
    if options.engine == Spark.name:
        return Spark(directory, options.memory, options.remote)
    return DuckDB(directory, options.memory)


@contextmanager
def _hold_read_models(database: Database, projector: Projector) -> Iterator[tuple[View, int, dict[str, int]]]:
    """A view of the database with the read models at one position, that position, and their generations."""
    for _ in range(_ATTEMPTS):
        projector.catch_up(*read_models.AUDITED)
        with database.reading() as connection:
            found = {each.name: generations.current(connection, each) for each in read_models.AUDITED}
        with open_view(database) as view:
            positions = {
                view.number(
                    f"SELECT position FROM projections WHERE name = '{name}' "
                    f"AND generation = {each.generation} AND status = 'current'"
                )
                for name, each in found.items()
            }
            if len(positions) == 1:
                yield view, positions.pop(), {name: each.generation for name, each in found.items()}
                return
    raise ReadModelsMove("the read models are not at one position; is another projector at work?")


def _fingerprint_rows(engine: DuckDB | Spark) -> list[object]:
    """Hashes of the rows of read models, for an audit that may continue after an interruption."""
    if not engine.judges_ranges:
        return []
    return [
        found
        for name in SHOWN
        for found in engine.rows(f"SELECT count(*), bit_xor(hash(shown)) FROM all_{name} AS shown")
    ]


@contextmanager
def _refuse_unreadable() -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise UnreadableReadModel(f"a read model holds what it cannot hold: {error}") from error


def _find_altered(database: Database, judged: Judged, position: int) -> list[int]:
    """Positions of events whose hash differs, among campaigns and the journeys with differences."""
    streams = {each.journey_id for each in judged.differences if each.journey_id is not None}
    asked = or_(log.c.originator_id.in_(streams), log.c.topic.in_(DEFINING))
    if not judged.differences:
        return []
    with database.reading() as connection:
        return find_altered(connection.execute(select_rows(asked, log.c.position <= position)))


def _find_users(database: Database, judged: Judged) -> dict[str, str]:
    """The users of journeys with differences, by journey; without those whose identity was erased."""
    journeys = {each.journey_id for each in judged.differences if each.journey_id is not None}
    query = select(identities.c.journey_id, identities.c.user_id).where(identities.c.journey_id.in_(journeys))
    with database.reading() as connection:
        return {row.journey_id: row.user_id for row in connection.execute(query)}


def _watch(batches: Iterable[pa.RecordBatch], position: int, progress: Progress) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in batches:
        yield batch
        done += batch.num_rows
        progress("reading the log", done, position)


def _judge_all(
    engine: DuckDB | Spark,
    options: Options,
    claims: Sequence[str],
    progress: Progress,
    mark: Sequence[object],
) -> tuple[Judged, int]:
    """Judge range by range; returns what was found, and the number of events. `mark` tells one log from another."""
    ((events,),) = engine.rows("SELECT count(*) FROM log")
    _give_definitions(engine, options.campaign_id)
    engine.give("claims", pa.table({"claim": list(claims)}))
    judged = Judged()
    work = options.work if engine.judges_ranges else None
    before = JudgedRanges(work, engine.name, options.campaign_id, events, *claims, *mark)
    spans = cut_ranges(events) if engine.judges_ranges else [Range(None, None)]
    for number, span in enumerate(spans, start=1):
        judged.add(before.judge(number, partial(judge, engine, span, options.campaign_id)))
        progress("judging", number, len(spans))
    before.end()
    return judged, events


def _give_definitions(engine: DuckDB | Spark, campaign_id: str | None) -> None:
    """Give the engine what was stated of campaigns and app groups; raises NoSuchCampaign."""
    topics = ", ".join(f"'{topic}'" for topic in DEFINING)
    query = (
        f"SELECT app_group, stream_id, topic, payload FROM log WHERE topic IN ({topics}) ORDER BY position"
    )
    found = read_definitions(engine.rows(query))
    if campaign_id is not None:
        found = found.only(campaign_id)
        if not found.campaigns:
            raise NoSuchCampaign(f"there is no campaign {campaign_id!r}")
    instants = "SELECT coalesce(min(occurred_at), 0), coalesce(max(occurred_at), 0) FROM log"
    ((first, last),) = engine.rows(instants)
    for name, table in found.tables(first, last).items():
        engine.give(name, table)
