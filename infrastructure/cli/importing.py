"""`conversions import`: facts from files into the ledger."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from infrastructure.cli.console import Bar, err, out, print_json, say
from infrastructure.cli.opening import only_app_group, opened, stopping
from infrastructure.cli.options import (
    SOME_REJECTED,
    UNREADABLE,
    AppGroupOption,
    DatabaseOption,
    JsonOption,
    Refused,
)
from infrastructure.inbound.files import FORMATS, FactFile
from infrastructure.inbound.importing import Import, Rejected, Totals
from infrastructure.words.quantities import counted, plain

_SHOWN = 5

_encode = msgspec.json.Encoder(decimal_format="number").encode


def import_facts(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="JSON lines, CSV or Parquet, each also .gz or .zst; Braze's Currents with --format currents; "
            "- reads standard input.",
        ),
    ],
    app_group: AppGroupOption = None,
    rejects: Annotated[
        Path | None,
        typer.Option("--rejects", metavar="FILE", help="Write rejected facts here, with their reasons."),
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option("--format", metavar="|".join(FORMATS), help="The format, where the name does not tell."),
    ] = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Import facts from files, then bring the reports up to date.

    Exit status: 0 all taken, 3 some rejected, 2 a file could not be read.
    """
    if file_format is not None and file_format not in FORMATS:
        raise Refused(f"--format is one of {', '.join(FORMATS)}", code="bad_format", status=UNREADABLE)
    _keep_inputs(files, rejects)
    with (
        opened(database) as service,
        _rejecting(rejects, several=len(files) > 1) as reject,
        Bar() as progress,
    ):
        importing = service.start_import(only_app_group(service, app_group), reject)
        with (
            stopping(lambda: _describe_taken(importing)),
            _saying_what_was_taken(importing, json_output=json_output),
        ):
            totals = importing.run(files, file_format, Watching(progress))
    if json_output:
        print_json(asdict(totals))
    else:
        print_totals(totals, rejects)
    if totals.rejected:
        raise typer.Exit(SOME_REJECTED)


def _describe_taken(importing: Import) -> str:
    return f"{importing.totals.accepted:,} new facts are taken; run the same command again for the rest."


@contextmanager
def _saying_what_was_taken(importing: Import, *, json_output: bool) -> Iterator[None]:
    """Where an import ends early, what it took before is kept, and said."""
    try:
        yield
    except Exception:
        if json_output:
            print_json(asdict(importing.totals))
        elif importing.totals.read:
            err.print(f"{importing.totals.accepted:,} new facts were taken before this:", highlight=False)
        raise


def _keep_inputs(files: list[str], rejects: Path | None) -> None:
    """Refuse to write rejects over what is to be read."""
    for file in files:
        if rejects is not None and rejects.exists() and Path(file).exists() and rejects.samefile(file):
            raise Refused(
                f"--rejects {rejects} is a file to be imported, and would be overwritten; name another",
                code="bad_rejects",
                status=UNREADABLE,
            )


class Watching:
    """Shows an import's progress."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def reading(self, file: FactFile, totals: Totals) -> None:
        """One more batch was taken."""
        name = "standard input" if file.path == "-" else Path(file.path).name
        self._bar.show(name, file.bytes_read, file.size, f"{totals.read:,} facts")

    def projecting(self, done: int, newest: int) -> None:
        """The reports are so far."""
        self._bar.show("reports", done, newest)


@contextmanager
def _rejecting(path: Path | None, *, several: bool) -> Iterator[Callable[[Rejected], None]]:
    """Writes rejected facts to the file; without one, the first few to standard error."""
    if path is None:
        yield _tell_first(_SHOWN)
        return
    try:
        file = path.open("wb")
    except OSError as error:
        raise Refused(
            f"{path} cannot be written: {error}", code="unwritable_file", status=UNREADABLE
        ) from None
    with file:

        def write(rejected: Rejected) -> None:
            row = {
                "line": rejected.line,
                "code": rejected.code,
                "message": rejected.message,
                "fact": rejected.fact,
            }
            file.write(_encode(row | {"file": rejected.path} if several else row) + b"\n")

        yield write


def _tell_first(shown: int) -> Callable[[Rejected], None]:
    number = 0

    def tell(rejected: Rejected) -> None:
        nonlocal number
        number += 1
        if number <= shown:
            where = f"{'standard input' if rejected.path == '-' else rejected.path}, line {rejected.line}"
            err.print(
                plain(f"{where}: {rejected.code}: {rejected.message}"),
                markup=False,
                highlight=False,
                soft_wrap=True,
            )

    return tell


def print_totals(totals: Totals, rejects: Path | None) -> None:
    """Say in a sentence what an import did."""
    rate = totals.read / totals.seconds if totals.seconds else 0
    say(
        f"{counted(totals.read, 'fact')} read in {totals.seconds:.1f} s ({rate:,.0f} a second): "
        f"{totals.accepted:,} new, {counted(totals.duplicates, 'duplicate')}, {totals.rejected:,} rejected; "
        f"{totals.conversions:+,} standing conversion{'' if abs(totals.conversions) == 1 else 's'}."
    )
    if totals.ignored:
        out.print(
            f"Ignored, because nothing here is meant by them: {counted(totals.ignored, 'event')}.",
            highlight=False,
        )
    if totals.rounded:
        say(
            f"Rounded, because of more than 6 decimals: {counted(totals.rounded, 'amount')} (write money as text "
            "to keep every digit)."
        )
    if totals.rejected and rejects is not None:
        out.print(f"The rejected facts and their reasons are in {rejects}.", markup=False, soft_wrap=True)
    elif totals.rejected:
        out.print(
            "Run it again with --rejects FILE to see why; what was taken is not taken twice.", soft_wrap=True
        )
