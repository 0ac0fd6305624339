"""Builds a large store: worker processes decide, each for its own users; then the log is numbered and loaded."""

import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from time import perf_counter
from typing import Any

from sqlalchemy import select

from application.campaign_commands import read_campaigns
from benchmarks.bulk import postgresql, sqlite
from benchmarks.bulk.deciding import Part, decide
from benchmarks.bulk.facts import Group
from benchmarks.bulk.numbering import Numbering
from benchmarks.bulk.source import Source
from benchmarks.places import folder
from benchmarks.results import Progress
from infrastructure.database import sqlite_file
from infrastructure.importing import IMPORT_BATCH
from infrastructure.schema import events, identities
from infrastructure.service import Service, stamp


@dataclass(frozen=True)
class Written:
    """What a bulk wrote, and how long each of its steps took."""

    facts: int
    events: int
    seconds: dict[str, float]


def write(
    url: str, campaigns: dict[str, Any], source: Source, progress: Progress, *, chunk: int = IMPORT_BATCH
) -> Written:
    """Fill a new ledger with campaigns and facts, its read models current. No process may have the database open."""
    seconds, started = {}, perf_counter()
    group, last = _prepare(url, campaigns)
    workers = os.cpu_count() or 1
    with folder() as path, ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as executor:
        progress(f"bulk: deciding {source.number:,} facts")
        parts = [Part(source, index, workers, group, chunk, path) for index in range(workers)]
        counted: Counter[int] = sum(executor.map(decide, parts), Counter())
        seconds["decide"] = perf_counter() - started
        numbering = Numbering.of(counted, last, group.app_group, stamp())
        if sqlite_file(url):
            sqlite.load(url, path, numbering, progress)
        else:
            postgresql.load(url, path, numbering, executor, progress)
        seconds["load"] = perf_counter() - started - seconds["decide"]
    progress("bulk: bringing the read models up to date")
    with Service(url) as service:
        service.projector.catch_up()
    seconds["project"] = perf_counter() - started - sum(seconds.values())
    return Written(source.number, sum(counted.values()), seconds)


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
