"""Builds a large store: worker processes decide, each for its own users; then the log is numbered and loaded."""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import select

from application.commands.definitions import read_campaigns
from benchmarks.bulk import postgresql, sqlite
from benchmarks.bulk.deciding import Part, decide
from benchmarks.bulk.facts import Group
from benchmarks.bulk.numbering import Numbering
from benchmarks.bulk.source import Source
from benchmarks.places import folder
from benchmarks.results import Progress
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from infrastructure.database import sqlite_file
from infrastructure.database.schema import events, identities
from infrastructure.inbound.importing import IMPORT_BATCH
from projections.registry import WITH_IMPORTS


@dataclass(frozen=True)
class Written:
    """What a bulk wrote, and how long each of its steps took."""

    facts: int
    events: int
    seconds: dict[str, float]


@dataclass(frozen=True)
class Decided:
    """The rows of a bulk, spooled in a folder, and the processes that may load them."""

    folder: Path
    numbering: Numbering
    events: int
    executor: Executor


def write(
    url: str, campaigns: dict[str, Any], source: Source, progress: Progress, *, chunk: int = IMPORT_BATCH
) -> Written:
    """Fill a new ledger with campaigns and facts, its reports current. No process may have the database open."""
    seconds, started = {}, perf_counter()
    with decided(url, campaigns, source, progress, chunk=chunk) as made:
        seconds["decide"] = perf_counter() - started
        if sqlite_file(url):
            sqlite.load(url, made.folder, made.numbering, progress)
        else:
            postgresql.load(url, made.folder, made.numbering, made.executor, progress)
        seconds["load"] = perf_counter() - started - seconds["decide"]
    progress("bulk: bringing the reports up to date")
    with Service(url) as service:
        service.projector.catch_up(*WITH_IMPORTS)
    seconds["project"] = perf_counter() - started - sum(seconds.values())
    return Written(source.number, made.events, seconds)


@contextmanager
def decided(
    url: str, campaigns: dict[str, Any], source: Source, progress: Progress, *, chunk: int = IMPORT_BATCH
) -> Iterator[Decided]:
    """Launch the campaigns in a new ledger and decide the facts, without loading them."""
    group, last = _prepare(url, campaigns)
    workers = os.cpu_count() or 1
    with folder() as path, ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as executor:
        progress(f"bulk: deciding {source.number:,} facts")
        parts = [Part(source, index, workers, group, chunk, path) for index in range(workers)]
        counted: Counter[int] = sum(executor.map(decide, parts), Counter())
        numbering = Numbering.of(counted, last, group.app_group, stamp())
        yield Decided(path, numbering, sum(counted.values()), executor)


def _prepare(url: str, campaigns: dict[str, Any]) -> tuple[Group, tuple[int, int]]:
    """Launch the campaigns the ordinary way: what facts are judged by, and the last event's position and time."""
    with Service(url) as service:
        service.campaigns.apply(read_campaigns(campaigns), stamp())
        app_group = service.ledger.existing_app_group(campaigns["app_group"])
        definitions = {
            campaign_id: service.ledger.existing_campaign(app_group.app_group, campaign_id).definition
            for campaign_id in app_group.campaigns
        }
        with service.database.reading() as connection:
            assert connection.execute(select(identities)).first() is None, (
                "a bulk fills a ledger without facts"
            )
            query = (
                select(events.c.position, events.c.recorded_at).order_by(events.c.position.desc()).limit(1)
            )
            position, recorded_at = connection.execute(query).one()
    return Group(app_group.app_group, frozenset(app_group.custom_events), definitions), (
        position,
        recorded_at,
    )
