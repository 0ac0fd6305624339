"""`conversions verify` and `conversions project`."""

import signal

import typer

from infrastructure.cli.console import Bar, err, out, print_json
from infrastructure.cli.opening import opened
from infrastructure.cli.options import REFUSED, DatabaseOption, JsonOption
from infrastructure.event_store.integrity import verify
from infrastructure.read_models.worker import ProjectionWorker


def verify_log(database: DatabaseOption = None, json_output: JsonOption = False) -> None:  # noqa: FBT002
    """Check every event against its hash, and name the first that differs."""
    with opened(database) as service, Bar() as progress:
        found = verify(service.database, lambda done, newest: progress.show("events", done, newest))
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


def project(database: DatabaseOption = None) -> None:
    """Keep the read models up to date in a process of its own, until stopped.

    Waits for a database that is away. Exit status: 0 when it was stopped, 1 when a read model could not go on.
    """
    with opened(database) as service, Bar() as progress:
        projecting = ProjectionWorker(service.database, service.projector)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: projecting.end())
        err.print("Keeping the read models current; Ctrl-C ends it.", highlight=False)
        projecting.run(lambda done, newest: progress.show("reports", done, newest))
    for stopped in projecting.stopped.values():
        raise stopped
