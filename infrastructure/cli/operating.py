"""`conversions verify`, `conversions rebuild` and `conversions project`."""

import signal
from typing import Annotated, Any

import typer

from infrastructure.cli.console import (
    REFUSED,
    Bar,
    DatabaseOption,
    JsonOption,
    Refused,
    err,
    opened,
    out,
    print_json,
)
from infrastructure.projecting import Projecting
from infrastructure.service import PROJECTIONS
from infrastructure.verification import verify


def verify_log(database: DatabaseOption = None, json_output: JsonOption = False) -> None:  # noqa: FBT002
    """Read every event and check it against its hash; names the first bad position (exit status 1)."""
    with opened(database) as service, Bar() as progress:
        found = verify(
            service.database, service.recorder, lambda done, newest: progress.show("events", done, newest)
        )
    good = found.first_bad_position is None
    if json_output:
        print_json(
            {
                "events": found.events,
                "ok": good,
                "first_bad_position": None if good else str(found.first_bad_position),
                "problem": found.problem,
            }
        )
    elif good:
        out.print(f"{found.events:,} events read: each is as it was recorded.", highlight=False)
    else:
        err.print(
            f"[red]position {found.first_bad_position}[/]: {found.problem}; the {found.events:,} events before it are "
            "as they were recorded. Restore the database from a backup.",
            highlight=False,
            soft_wrap=True,
        )
    if not good:
        raise typer.Exit(REFUSED)


def rebuild(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Read models; all of them when none is named."),
    ] = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Build read models anew from position zero; readers see the old ones until the new ones are complete."""
    known = {projection.name: projection for projection in PROJECTIONS}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise Refused(f"there is no read model {unknown[0]!r}: {', '.join(known)}", code="unknown_read_model")
    rebuilt: list[dict[str, Any]] = []
    with opened(database) as service, Bar() as progress:
        for name in names or known:
            position = service.projector.rebuild(
                known[name],
                lambda done, last, name=name: progress.show(name, done, last),  # type: ignore[misc]
            )
            rebuilt.append({"name": name, "position": str(position)})
    if json_output:
        print_json({"rebuilt": rebuilt})
        return
    for each in rebuilt:
        out.print(f"{each['name']} was built anew up to position {each['position']}", highlight=False)


def project(database: DatabaseOption = None) -> None:
    """Keep the read models current until stopped (Ctrl-C, SIGTERM): a process of its own, beside those that write.

    Waits for a database that is away. Exit status: 0 when it was stopped, 1 when a read model could not go on.
    """
    with opened(database) as service, Bar() as progress:
        projecting = Projecting(service.database, service.projector)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: projecting.end())
        err.print("Keeping the read models current; Ctrl-C ends it.", highlight=False)
        projecting.run(lambda done, newest: progress.show("reports", done, newest))
    for stopped in projecting.stopped.values():
        raise stopped
