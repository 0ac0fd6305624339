"""`conversions archive` and `conversions restore`: the log as Parquet that anything reads, and a ledger out of it."""

from dataclasses import asdict
from typing import Annotated

import msgspec
import typer

from infrastructure.archive import (
    Archiver,
    BadArchive,
    Manifest,
    Restored,
    Restorer,
    open_location,
    read_manifest,
)
from infrastructure.archive.parquet_files import interruptible
from infrastructure.cli.console import Bar, columns, print_json, print_table, say
from infrastructure.cli.opening import catch_up, opened, stopping
from infrastructure.cli.options import (
    REFUSED,
    DatabaseOption,
    JsonOption,
    Refusal,
    refusing_by,
)
from infrastructure.composition import Service
from infrastructure.words.quantities import plain
from projections.engine.projection import UnreadableLog
from projections.registry import WITH_IMPORTS

Address = Annotated[
    str, typer.Argument(metavar="DIR", help="A directory, or an address such as s3://BUCKET/PREFIX.")
]


def archive(
    address: Address,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Archive the log as Parquet, with personal data in files of their own.

    Run it again to add what was recorded since, and to drop personal data that was erased.
    If it is killed, the archive stays as it was before: run the command again.
    """
    with (
        opened(database) as service,
        Bar() as bar,
        refusing_by(_REFUSALS),
        stopping(lambda: "what was archived stays valid; run the same command again."),
        interruptible(),
    ):
        manifest = Archiver(
            service.database, service.recorder, service.now, open_location(address), bar.show
        ).run()
    if json_output:
        print_json(msgspec.to_builtins(manifest))
    else:
        _print_table(address, manifest)
        say(
            f"Up to position {int(manifest.position):,}. "
            "Hashes of events are checked by `conversions verify`, and when the archive is restored."
        )


def restore(
    address: Address,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Make a ledger from an archive, in a new or an empty database.

    Every file and every event is checked first. Users get new keys; keys of the interface, webhooks and rejects are not
    in an archive.
    """
    with refusing_by(_REFUSALS), stopping(lambda: _NOTHING), interruptible():
        place = open_location(address)
        # Before there is a new database: the address may be mistaken.
        read_manifest(place)
    with (
        refusing_by(_REFUSALS),
        opened(database, make=True) as service,
        Bar() as bar,
        stopping(lambda: _describe_restored(service)),
        interruptible(),
    ):
        restored = Restorer(service.database, service.recorder, place, bar.show).run()
        catch_up(service, *WITH_IMPORTS)
    if json_output:
        print_json(asdict(restored) | {"position": str(restored.position)})
    else:
        say(_sentence(service, restored))


def _sentence(service: Service, restored: Restored) -> str:
    address = service.database.address
    return (
        f"Restored into {plain(address)} up to position {restored.position:,}: "
        f"{restored.facts:,} facts of {restored.journeys:,} users. "
        "Make keys and webhooks again. Other read models are built when somebody asks for them."
    )


_REFUSALS = {
    BadArchive: Refusal(None),
    UnreadableLog: Refusal(
        "unreadable_log",
        "{}; the archive is as it was; `conversions verify` checks the log",
        status=REFUSED,
    ),
    OSError: Refusal("unusable_file", "a file cannot be read or written: {}; run the same command again"),
}
_NOTHING = "nothing was restored; run the same command again."


def _describe_restored(service: Service) -> str:
    """What Ctrl-C left, which is all or nothing: only the ledger knows whether it came before or after the commit."""
    position = service.recorder.max_notification_id()
    if not position:
        return _NOTHING
    return f"the ledger was restored up to position {position:,}; read models follow when they are asked for."


def _print_table(address: str, manifest: Manifest) -> None:
    parts = {kind: getattr(manifest, kind) for kind in ("events", "identities", "properties")}
    print_table(
        ["", *columns("Files", "Rows", "Bytes", justify="right")],
        (
            (
                kind,
                f"{len(of_kind):,}",
                f"{sum(part.rows for part in of_kind):,}",
                f"{sum(part.bytes for part in of_kind):,}",
            )
            for kind, of_kind in parts.items()
        ),
        title=plain(address),
    )
