"""`conversions audit`: every conversion is judged again by independent rules in SQL, and compared."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from eventsourcing.persistence import PersistenceError
from sqlalchemy.exc import SQLAlchemyError

from application.ledger import UnknownCampaign
from infrastructure.archive.manifest import BadArchive
from infrastructure.archive.parquet_files import interruptible
from infrastructure.audit.auditing import (
    ENGINES,
    MEMORY,
    NoSuchCampaign,
    Options,
    ReadModelsMove,
    UnreadableReadModel,
    audit_archive,
    audit_ledger,
)
from infrastructure.audit.decisions import audit_decisions
from infrastructure.audit.keeping import keep
from infrastructure.audit.outcome import AuditResult
from infrastructure.audit.spark_session import NoSpark
from infrastructure.cli import audit_tables, decision_tables
from infrastructure.cli.console import Bar, err, out, print_json, shown
from infrastructure.cli.opening import database_url, opened
from infrastructure.cli.options import (
    INTERRUPTED,
    REFUSED,
    UNREADABLE,
    DatabaseOption,
    JsonOption,
    Refusal,
    Refused,
    refusing_by,
)
from infrastructure.composition import open_for_reading
from infrastructure.database import Database
from infrastructure.migrations import OlderSchema
from projections.engine.projection import UnreadableLog

_MIGRATED_ELSEWHERE = (
    "an audit changes nothing: `conversions archive` it with the version that it is at, `conversions restore` that "
    "elsewhere with this one and audit it there, or let any other command migrate it"
)


def audit(  # noqa: PLR0913 - a command's options
    *,
    campaign: Annotated[
        str | None, typer.Option("--campaign", metavar="ID", help="Only this campaign.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="ARCHIVE",
            help="Audit this archive (a directory or s3://...), not the database.",
        ),
    ] = None,
    memory: Annotated[
        str,
        typer.Option("--memory", metavar="SIZE", help="How much memory to judge in; more goes to the disk."),
    ] = MEMORY,
    work: Annotated[
        Path | None,
        typer.Option(
            "--work",
            metavar="DIR",
            help="Keep intermediate files here; an audit that was stopped continues from them.",
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", metavar="|".join(ENGINES), help="What runs the rules.")
    ] = ENGINES[0],
    spark_remote: Annotated[
        str | None,
        typer.Option(
            "--spark-remote",
            metavar="sc://HOST",
            help="Where Spark is, by Spark Connect; else SPARK_REMOTE; else SPARK_MASTER; else here.",
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with charts, too.")
    ] = None,
    decisions: Annotated[
        bool,
        typer.Option("--decisions", help="Replay streams by today's code: what would it decide otherwise?"),
    ] = False,
    database: DatabaseOption = None,
    json_output: JsonOption = False,
) -> None:
    """Judge every fact again by independent rules in SQL, and compare.

    It compares what the rules find with the streams and with the read models, conversion by conversion and purchase by
    purchase. It changes nothing, except that it brings read models up to date first, and keeps its outcome for the
    dashboard.
    Exit status: 0 if nothing differs, 1 if something does, 2 if there was no audit.
    """
    options = Options(campaign, memory, work, engine, spark_remote)
    if decisions:
        _refuse_with_decisions(source, html, options)
        _audit_decisions(campaign, database, json_output=json_output)
        return
    _check(options, html)
    with Bar() as bar, _refusing(), interruptible():
        found = _audit(source, database, options, bar)
    with _refusing():
        _print(found, html, json_output=json_output)
    if found.differs:
        raise typer.Exit(REFUSED)


def _audit(source: str | None, database: str | None, options: Options, bar: Bar) -> AuditResult:
    if source is not None:
        return audit_archive(source, options, bar.show)
    with opened(database, migrating=False) as service:
        found = audit_ledger(service.database, service.projector, options, bar.show)
        _keep(service.database, found)
        return found


def _keep(database: Database, found: AuditResult) -> None:
    """Keep the outcome for the dashboard; where that fails, the audit was made all the same."""
    try:
        keep(database, found)
    except (PersistenceError, SQLAlchemyError) as error:
        reason = str(error).splitlines()[0]
        err.print(
            f"[yellow]The outcome was not kept[/], and the dashboard shows the audit before it: {shown(reason)}",
            highlight=False,
            soft_wrap=True,
        )


def _check(options: Options, html: Path | None) -> None:
    if options.engine not in ENGINES:
        raise Refused(f"--engine is one of {', '.join(ENGINES)}", code="bad_engine", status=UNREADABLE)
    if not re.fullmatch(r"\d{1,6}(\.\d+)? ?([KMGT]i?B)", options.memory):
        raise Refused("--memory is a size such as 2GB", code="bad_memory", status=UNREADABLE)
    _check_page(html)


def _check_page(html: Path | None) -> None:
    """Whether the page can be written, before hours of work and not after them."""
    if html is None:
        return
    cannot = Refusal("unwritable_file", "the page cannot be written: {}", place="--html")
    with refusing_by({OSError: cannot}):
        is_new = not html.exists()
        html.open("a").close()
        if is_new:
            html.unlink()


def _print(found: AuditResult, html: Path | None, *, json_output: bool) -> None:
    if json_output:
        print_json(found.as_json())
    else:
        audit_tables.show(found)
    if html is not None:
        from infrastructure.audit.html_page import render_page  # noqa: PLC0415 - it takes a while to load

        html.write_text(render_page(found), encoding="utf-8")
        err.print(f"The page is {html}.", highlight=False, soft_wrap=True)


def _refuse_with_decisions(source: str | None, html: Path | None, options: Options) -> None:
    given = {
        "--from": source is not None,
        "--memory": options.memory != MEMORY,
        "--work": options.work is not None,
        "--engine": options.engine != ENGINES[0],
        "--spark-remote": options.remote is not None,
        "--html": html is not None,
    }
    for option, is_given in given.items():
        if is_given:
            raise Refused(
                f"{option} says nothing to --decisions, which replays the database; leave it out",
                code="bad_option",
                place=option,
                status=UNREADABLE,
            )


def _audit_decisions(campaign: str | None, database: str | None, *, json_output: bool) -> None:
    with _refusing(), opened(database, migrating=False) as service, Bar() as bar:
        found = audit_decisions(
            (service.database, service.ledger),
            partial(open_for_reading, database_url(database)),
            campaign_id=campaign,
            progress=lambda done, of: bar.show("replaying", done, of),
        )
    if json_output:
        print_json(found.as_json())
    else:
        decision_tables.show(found)
    if not found.equal:
        raise typer.Exit(REFUSED)


_REFUSALS = {
    NoSuchCampaign: Refusal("unknown_campaign", place="--campaign"),
    UnknownCampaign: Refusal("unknown_campaign", place="--campaign"),
    BadArchive: Refusal(None),
    NoSpark: Refusal(None, place="--engine"),
    OlderSchema: Refusal("older_schema", f"{{}}; {_MIGRATED_ELSEWHERE}"),
    UnreadableLog: Refusal("unreadable_log", "{}; `conversions verify` checks the log"),
    UnreadableReadModel: Refusal("unreadable_read_model", "{}; `conversions rebuild` builds it again"),
    ReadModelsMove: Refusal("read_models_move", "{}; run it again"),
    duckdb.OutOfMemoryException: Refusal(
        "out_of_memory", "it does not fit: {first_line}; give --memory more, or --work more room"
    ),
    duckdb.Error: Refusal(
        "audit_failed",
        "the audit failed: {first_line}; has --work room, and does `conversions verify` pass?",
    ),
    OSError: Refusal("unusable_file"),
}


@contextmanager
def _refusing() -> Iterator[None]:
    """What ends an audit, as commands fail."""
    try:
        with refusing_by(_REFUSALS):
            yield
    except KeyboardInterrupt:
        out.print("Stopped: nothing was changed.", highlight=False)
        raise typer.Exit(INTERRUPTED) from None
