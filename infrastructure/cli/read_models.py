"""`conversions projections`, `rebuild` and `rollback`: how far read models are, and how to build them again."""

import os
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from infrastructure.cli.console import Bar, columns, err, out, print_json, print_table
from infrastructure.cli.opening import database_url, opened
from infrastructure.cli.options import (
    INTERRUPTED,
    REFUSED,
    DatabaseOption,
    JsonOption,
    Refusal,
    Refused,
    refusing_by,
)
from infrastructure.composition import Service
from infrastructure.metrics import describe_read_models
from infrastructure.read_models.folding_pool import FoldingPool, start_folding
from projections.engine import generations
from projections.engine.projection import Projection
from projections.engine.projector import discard, roll_back
from projections.engine.rebuilding import Folding, NotVerified, Rebuilding, Rebuilt, RebuiltElsewhere, here
from projections.engine.status import ReadModelStatus, read_statuses
from projections.registry import PROJECTIONS

_SMALL = 100_000
"""Events that one process folds before others would have begun."""

_STYLES = {
    "current": "green",
    "moving": "green",
    "stalled": "yellow",
    "stopped": "red",
    "kept": "dim",
    "not built": "yellow",
}

NamesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="Read models; all of them when none is named.")
]


def projections(
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
    metrics: Annotated[  # noqa: FBT002
        bool, typer.Option("--metrics", help="Print them in the text format of Prometheus.")
    ] = False,
) -> None:
    """Show each read model's version, position, lag and rows.

    Exit status: 1 if a read model stopped.
    """
    with opened(database) as service, service.database.reading() as connection:
        projector = service.projector
        found = list(
            read_statuses(connection, projector.log, PROJECTIONS, projector.clock(), count=not metrics)
        )
    if metrics:
        typer.echo("\n".join(describe_read_models(found)))
    elif json_output:
        print_json({"projections": [each.as_json() for each in found]})
    else:
        _print_table(found)
        for each in found:
            if each.problem is not None:
                err.print(_advice(each), highlight=False, soft_wrap=True)
    if any(each.state == "stopped" for each in found):
        raise typer.Exit(1)


def _advice(each: ReadModelStatus) -> str:
    if "conversions rebuild" in str(each.problem):
        return f"[red]{each.name}[/]: {each.problem}"
    return (
        f"[red]{each.name}[/] stopped before position {each.position + 1}: {each.problem}; "
        "`conversions verify` checks the log"
    )


def _print_table(found: list[ReadModelStatus]) -> None:
    figures = ("Version", "Position", "Lag, events", "Lag, seconds", "Rows")
    print_table(
        ["Name", "State", *columns(*figures, justify="right"), *columns("Since", no_wrap=True)],
        (
            (
                each.name if each.status == "current" else f"{each.name} ({each.status})",
                f"[{_STYLES[each.state]}]{each.state}[/]",
                str(each.version),
                f"{each.position:,}",
                f"{each.lag_events:,}",
                f"{each.lag_seconds:,.1f}",
                f"{each.rows:,}",
                each.since[:19].replace("T", " "),
            )
            for each in found
        ),
        title="Read models",
    )


def named(names: list[str] | None) -> list[Projection]:
    """The projections of these names, all where there are none; raises Refused."""
    known = {projection.name: projection for projection in PROJECTIONS}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise Refused(f"there is no read model {unknown[0]!r}: {', '.join(known)}", code="unknown_read_model")
    return [known[name] for name in dict.fromkeys(names or known)]


def rebuild(
    names: NamesArgument = None,
    all_: Annotated[bool, typer.Option("--all", help="All of them, as when none is named.")] = False,  # noqa: FBT002
    keep_old: Annotated[  # noqa: FBT002
        bool, typer.Option("--keep-old", help="Keep the old ones, for `conversions rollback`.")
    ] = False,
    discard_building: Annotated[  # noqa: FBT002
        bool,
        typer.Option(
            "--discard", help="Drop what an interrupted rebuild and --keep-old left; build nothing."
        ),
    ] = False,
    processes: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Processes that fold; default: as many as cores.")
    ] = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Rebuild read models from the first event, verify them, and switch to them.

    Interrupted or killed, it goes on where it was when it is run again. Live writes go on throughout.
    """
    if all_ and names:
        raise Refused("name read models, or say --all", code="bad_option")
    chosen = named(names)
    if discard_building:
        with opened(database) as service:
            _discard(service, chosen, json_output=json_output)
        return
    with _pool(database, processes or os.cpu_count() or 1) as pool, opened(database) as service:
        folding = _folding(service, chosen, pool, asked=processes is not None)
        found, seconds = _rebuild(service, chosen, folding, keep_old=keep_old)
    if json_output:
        print_json({"rebuilt": [_as_json(each) for each in found], "seconds": round(seconds, 3)})
        return
    _print_rebuilt(found, seconds, keep_old=keep_old)


_REFUSALS: dict[type[Exception], Refusal] = {
    NotVerified: Refusal("not_verified", status=REFUSED),
    RebuiltElsewhere: Refusal("rebuilt_elsewhere", status=REFUSED),
    generations.ViewInUse: Refusal(
        "view_in_use",
        "{}; what was built is ready, and is switched in when it is run again",
        status=REFUSED,
    ),
    BrokenProcessPool: Refusal(
        "process_ended",
        "a process that folds was ended, perhaps for want of memory; run it again, it goes on; "
        "--processes 1 needs less",
        status=REFUSED,
    ),
}


def _rebuild(
    service: Service, chosen: list[Projection], folding: Folding, *, keep_old: bool
) -> tuple[list[Rebuilt], float]:
    started = time.monotonic()
    first: list[int] = []
    with Bar() as bar:

        def progress(done: int, newest: int) -> None:
            first.append(done)
            seconds = time.monotonic() - started
            bar.show("rebuilding", done, newest, f"{(done - first[0]) / seconds:,.0f} events/s")

        try:
            with refusing_by(_REFUSALS):
                rebuilt = Rebuilding(service.projector, chosen, folding).run(progress, keep_old=keep_old)
        except KeyboardInterrupt:
            err.print(
                "Interrupted; the same command goes on where it was. The old read models are as they were."
            )
            raise typer.Exit(INTERRUPTED) from None
    return rebuilt, time.monotonic() - started


@contextmanager
def _pool(database: str | None, processes: int) -> Iterator[FoldingPool | None]:
    """Processes that fold, begun before the database is opened; none where this one is enough."""
    if processes == 1:
        yield None
        return
    url = database_url(database)
    with start_folding(processes, lambda: Service(url).projector) as pool:
        yield pool


def _folding(service: Service, chosen: list[Projection], pool: FoldingPool | None, *, asked: bool) -> Folding:
    """The processes, where they were asked for, or there is enough to do for them."""
    with service.database.reading() as connection:
        newest = service.log.last_position(connection)
    if pool is None or (newest < _SMALL and not asked):
        return here(service.projector, chosen)
    return pool.map


def _as_json(each: Rebuilt) -> dict[str, Any]:
    return {
        "name": each.name,
        "generation": each.generation,
        "position": str(each.position),
        "resumed_from": str(each.began_from),
        "verified": each.verified,
    }


def _print_rebuilt(found: list[Rebuilt], seconds: float, *, keep_old: bool) -> None:
    events = max((each.position - each.began_from for each in found), default=0)
    print_table(
        [
            "Read model",
            *columns("Up to position", justify="right"),
            "Verified: as many as the log holds",
        ],
        (
            (
                each.name,
                f"{each.position:,}",
                ", ".join(f"{count:,} {what}" for what, count in each.verified.items()),
            )
            for each in found
        ),
        title=f"Built in {seconds:.1f} s, {events / seconds:,.0f} events/s",
        caption="The old ones are kept: `conversions rollback NAME` goes back." if keep_old else None,
    )


def _discard(service: Service, chosen: list[Projection], *, json_output: bool) -> None:
    dropped = [each for projection in chosen for each in discard(service.projector, projection)]
    if json_output:
        print_json({"discarded": [{"name": each.name, "generation": each.generation} for each in dropped]})
        return
    for each in dropped:
        out.print(f"{each.name}: generation {each.generation}, {each.status}, was dropped", highlight=False)
    if not dropped:
        out.print("There was nothing to drop.")


def rollback(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Read models to go back with.")],
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Go back to the read models that `rebuild --keep-old` kept."""
    with opened(database) as service:
        try:
            gone = roll_back(service.projector, named(names))
        except LookupError as error:
            raise Refused(
                f"{error.args[0]}, and so with none of them; `conversions rebuild --keep-old` keeps one",
                code="nothing_kept",
            ) from None
    if json_output:
        print_json(
            {
                "rolled_back": [
                    {"name": back.name, "generation": back.generation, "version": back.version}
                    for back in gone
                ]
            }
        )
        return
    for back in gone:
        out.print(
            f"{back.name}: generation {back.generation} (version {back.version}) is read again",
            highlight=False,
        )
