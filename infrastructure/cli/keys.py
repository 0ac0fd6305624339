"""`conversions keys`: create, list, revoke."""

import re
from datetime import timedelta
from typing import Annotated, Any

import typer

from application.commands.definitions import read_deadline
from domain.instants import from_microseconds, microseconds, printed
from infrastructure.access import keys
from infrastructure.access.keys import Key, Scope
from infrastructure.cli.console import err, out, print_json, print_table, say, shown
from infrastructure.cli.opening import opened
from infrastructure.cli.options import AppGroupOption, DatabaseOption, JsonOption, Refused, bad_option

commands = typer.Typer(no_args_is_help=True)

_DAYS = re.compile(r"[0-9]{1,6}[smhd]", re.ASCII)


@commands.command()
def create(
    *,
    app_group: Annotated[str, typer.Option("--app-group", metavar="GROUP", help="Whose facts and reports.")],
    scope: Annotated[
        list[Scope], typer.Option("--scope", help="What it may be used for; may be given several times.")
    ],
    app: Annotated[
        str | None,
        typer.Option("--app", metavar="APP", help="The app that facts of Segment's clients are from."),
    ] = None,
    expires_in: Annotated[
        str | None,
        typer.Option(
            "--expires-in", metavar="DURATION", help="For how long: 90d, 12h. For ever if left out."
        ),
    ] = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,
) -> None:
    """Make a key and print it, this once: only a hash of it is kept."""
    if not 1 <= len(app_group) <= 255 or "\0" in app_group:
        raise bad_option("--app-group", "an id has 1 to 255 characters")
    lasting = None if expires_in is None else _duration(expires_in)
    with opened(database, make=True) as service:
        group = service.ledger.app_group(app_group)
        if app is not None and app not in group.apps:
            raise bad_option("--app", f"the app group {app_group!r} has no app {app!r}")
        now = microseconds(service.now())
        expires_at = None if lasting is None else now + lasting
        with service.database.writing() as connection:
            made, text = keys.create(connection, app_group, scope, now, app_id=app, expires_at=expires_at)
    if not group.version:
        err.print(
            f"There is no app group {shown(app_group)} yet: "
            "`conversions campaigns apply` or PATCH /v1/app-group makes it, with a time zone that never changes; "
            "POST /v1/campaigns makes it too, with UTC.",
            highlight=False,
        )
    if json_output:
        print_json({"key": text} | _describe(made, now))
        return
    say(text)
    err.print("Keep it safe: it cannot be shown again.", highlight=False)


@commands.command("list")
def list_keys(
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """List keys by the part that may be seen; of all app groups where none is named."""
    with opened(database) as service:
        now = microseconds(service.now())
        with service.database.reading() as connection:
            found = keys.list_all(connection, app_group)
    if json_output:
        print_json({"keys": [_describe(each, now) for each in found]})
        return
    print_table(
        ["Key", "App group", "Scopes", "App", "Made", "Expires", "State"],
        (
            (
                f"cl_{each.key_id}_…",
                shown(each.app_group),
                ", ".join(sorted(each.scopes)),
                shown(each.app_id or ""),
                printed(from_microseconds(each.created_at))[:10],
                "never" if each.expires_at is None else printed(from_microseconds(each.expires_at))[:16],
                each.state(now),
            )
            for each in found
        ),
        title="Keys",
    )


@commands.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="The key's id, as `keys list` shows it.")],
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Let a key be used no more, from a moment later on."""
    bare = key_id.removeprefix("cl_").partition("_")[0].rstrip("…")
    with opened(database) as service:
        now = microseconds(service.now())
        with service.database.writing() as connection:
            revoked = keys.revoke(connection, bare, now)
    if revoked is None:
        raise Refused("there is no such key; `conversions keys list` shows them", code="unknown_key")
    if json_output:
        print_json(_describe(revoked, now))
    else:
        out.print(f"cl_{revoked.key_id}_… is revoked", highlight=False)


def _duration(text: str) -> int:
    """Microseconds."""
    if _DAYS.fullmatch(text) is None:
        raise bad_option("--expires-in", f"{text!r} is no duration; write it as 90d or 12h")
    seconds = read_deadline(text)
    assert isinstance(seconds, int)  # noqa: S101 - it has the form
    return timedelta(seconds=seconds) // timedelta(microseconds=1)


def _describe(key: Key, now: int) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "app_group": key.app_group,
        "scopes": sorted(key.scopes),
        "app_id": key.app_id,
        "created_at": printed(from_microseconds(key.created_at)),
        "expires_at": None if key.expires_at is None else printed(from_microseconds(key.expires_at)),
        "state": key.state(now),
    }
