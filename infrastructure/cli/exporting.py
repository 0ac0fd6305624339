"""`conversions export`: the rows of read models, or the log, as files for warehouses and spreadsheets."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from infrastructure.cli.console import Bar, columns, err, print_json, print_table
from infrastructure.cli.opening import only_app_group, opened, stopping
from infrastructure.cli.options import (
    REFUSED,
    UNREADABLE,
    AppGroupOption,
    DatabaseOption,
    JsonOption,
    Refusal,
    Refused,
    refusing_by,
)
from infrastructure.export import FORMATS, WHAT, BadExport, Export, ExportRequest, Manifest, open_source
from infrastructure.words.quantities import plain
from projections.engine.projection import UnreadableLog


def export(
    what: Annotated[str, typer.Argument(metavar="|".join(WHAT), help="What to export.")],
    to: Annotated[
        Path,
        typer.Option("--to", metavar="DIR", help="An empty directory, or one that holds this very export."),
    ],
    file_format: Annotated[
        str, typer.Option("--format", metavar="|".join(FORMATS), help="The format of the part files.")
    ] = "jsonl",
    campaign: Annotated[
        str | None, typer.Option("--campaign", metavar="ID", help="Only this campaign's rows.")
    ] = None,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Export rows or events as files, with a manifest; run it again to continue.

    If it is killed, run the same command again. An export of events adds only what was recorded since, as further
    parts. An export of a read model begins again if the read model has moved.
    """
    if what not in WHAT:
        raise Refused(f"export one of {', '.join(WHAT)}", code="bad_export", status=UNREADABLE)
    if file_format not in FORMATS:
        raise Refused(f"--format is one of {', '.join(FORMATS)}", code="bad_format", status=UNREADABLE)
    with opened(database) as service, Bar() as bar, refusing_by(_REFUSALS):
        asked = ExportRequest(what, file_format, only_app_group(service, app_group), campaign)
        source = open_source(service.database, service.ledger, service.projector, asked)
        exporting = Export(service.database, source, asked, to, bar.show, _tell)
        with stopping(lambda: _describe_progress(exporting)):
            manifest = exporting.run()
    if json_output:
        print_json(msgspec.to_builtins(manifest))
    else:
        _print_table(manifest)


def _tell(message: str) -> None:
    err.print(f"{message[0].upper()}{message[1:]}.", highlight=False, soft_wrap=True)


_REFUSALS = {
    BadExport: Refusal("bad_export"),
    UnreadableLog: Refusal(
        "unreadable_log",
        "{}; the parts before it stay; `conversions verify` checks the log",
        status=REFUSED,
    ),
    OSError: Refusal(
        "unwritable_file", "it cannot be written: {}; what is done stays, run the same command again"
    ),
}


def _describe_progress(exporting: Export) -> str:
    parts = len(exporting.manifest.parts) if exporting.manifest is not None else 0
    return f"{parts:,} parts are done; run the same command again for the rest."


def _print_table(manifest: Manifest) -> None:
    figures = (len(manifest.parts), manifest.rows, manifest.size, int(manifest.position))
    print_table(
        columns("Parts", "Rows", "Bytes", "Up to position", justify="right"),
        [[f"{figure:,}" for figure in figures]],
        title=plain(str(manifest.request)),
    )
