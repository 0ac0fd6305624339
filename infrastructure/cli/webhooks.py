"""`conversions webhooks`: make, list, show, change, remove, replay, rotate, parked, release, deliver."""

import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from application.commands.definitions import read_command
from infrastructure.cli.console import columns, err, out, print_json, print_table, say, shown
from infrastructure.cli.opening import only_app_group, opened
from infrastructure.cli.options import AppGroupOption, DatabaseOption, JsonOption
from infrastructure.outbound.webhooks.administration import ChangeWebhook, MakeWebhook, Webhooks
from infrastructure.outbound.webhooks.settings import webhook_settings

commands = typer.Typer(no_args_is_help=True)

Webhook = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its id, as `webhooks list` shows it.")]
Types = Annotated[
    list[str] | None, typer.Option("--type", metavar="TYPE", help="May be given several times; all if not.")
]
Campaign = Annotated[
    str | None, typer.Option("--campaign", metavar="CAMPAIGN", help="Only events of this campaign.")
]
After = Annotated[str | None, typer.Option("--after", metavar="POSITION", help="From now on if left out.")]

_SHOWN = 1_000


@contextmanager
def _managing(database: str | None, app_group: str | None) -> Iterator[Webhooks]:
    with opened(database) as service:
        yield Webhooks(service.database, service.ledger, only_app_group(service, app_group))


@commands.command()
def make(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where it goes: https://...")],
    types: Types = None,
    campaign: Campaign = None,
    after: After = None,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Make a webhook and print its secret, this once."""
    asked = read_command(MakeWebhook, {"url": url, "types": types, "campaign_id": campaign, "after": after})
    with _managing(database, app_group) as managing:
        shown_webhook, secret = managing.make(f"wh_{uuid.uuid4().hex}", asked)
    _print_secret(shown_webhook, secret, json_output=json_output)


@commands.command("list")
def list_webhooks(
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """List webhooks, and how much waits for each."""
    with _managing(database, app_group) as managing:
        found = managing.list_all()
    if json_output:
        print_json({"webhooks": found})
        return
    print_table(
        [*columns("Id", no_wrap=True), "URL", "Status", "Waiting", "Parked", "Failing"],
        (
            (
                each["id"],
                shown(each["url"]),
                each["status"] if each["reason"] is None else f"{each['status']} ({each['reason']})",
                f"{each['waiting_events']:,}",
                f"{each['parked_events']:,} of {each['parked_users']:,} users",
                shown(each["failing"] or ""),
            )
            for each in found
        ),
        title="Webhooks",
    )


@commands.command()
def show(
    webhook: Webhook,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Show a webhook, and how much waits for it."""
    with _managing(database, app_group) as managing:
        _print(managing.show(webhook), json_output=json_output)


@commands.command()
def change(
    webhook: Webhook,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="Where it goes.")] = None,
    types: Types = None,
    campaign: Campaign = None,
    status: Annotated[str | None, typer.Option(metavar="STATUS", help="active or disabled.")] = None,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Change what is stated of a webhook; one that is made active again goes on where it was."""
    given = {"url": url, "types": types or None, "campaign_id": campaign, "status": status}
    asked = read_command(ChangeWebhook, {name: value for name, value in given.items() if value is not None})
    with _managing(database, app_group) as managing:
        _print(managing.change(webhook, asked), json_output=json_output)


@commands.command()
def remove(webhook: Webhook, app_group: AppGroupOption = None, database: DatabaseOption = None) -> None:
    """Remove a webhook, and all that waits for it."""
    with _managing(database, app_group) as managing:
        managing.remove(webhook)
    err.print(f"{shown(webhook)} is removed", highlight=False)


@commands.command()
def replay(
    webhook: Webhook,
    after: Annotated[str, typer.Option("--after", metavar="POSITION", help="0 for everything.")],
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Send all events after a position again; queues that are parked stay parked."""
    with _managing(database, app_group) as managing:
        _print(managing.replay(webhook, after), json_output=json_output)


@commands.command()
def rotate(
    webhook: Webhook,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Make a new secret and print it, this once; the one before signs too, for a while."""
    with _managing(database, app_group) as managing:
        shown_webhook, secret = managing.rotate(webhook)
    _print_secret(shown_webhook, secret, json_output=json_output)


@commands.command()
def parked(
    webhook: Webhook,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=100_000, help="At most so many.")] = _SHOWN,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """List the users whose line is parked, and why."""
    with _managing(database, app_group) as managing:
        found = [each.as_json() for each in managing.list_parked(webhook, limit=limit)]
    if json_output:
        print_json({"parked": found})
        return
    print_table(
        ["User", "Since", "Attempts", "Reason", "Events"],
        (
            (
                shown(each["user_id"] or "forgotten"),
                each["parked_at"][:19],
                str(each["attempts"]),
                shown(each["reason"]),
                f"{each['events']:,}",
            )
            for each in found
        ),
        title="Parked",
    )


@commands.command()
def release(
    webhook: Webhook,
    user: Annotated[str | None, typer.Option("--user", metavar="USER", help="One user's line alone.")] = None,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Try parked queues again."""
    with _managing(database, app_group) as managing:
        number = managing.release(webhook, user)
    if json_output:
        print_json({"released": number})
    else:
        out.print(f"{number:,} released", highlight=False)


@commands.command()
def deliver(database: DatabaseOption = None) -> None:
    """Deliver until stopped; `conversions serve` does it too, and one process at a time is enough."""
    from infrastructure.outbound.feed import Feed  # noqa: PLC0415 - the same
    from infrastructure.outbound.webhooks.delivery import Deliverer  # noqa: PLC0415 - only this command needs it

    settings = webhook_settings()
    with opened(database) as service:
        deliverer = Deliverer(service.database, Feed(service.database, service.definitions), settings)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: deliverer.end())
        err.print("Delivering; Ctrl-C ends it.", highlight=False)
        deliverer.run()


def _print(shown_webhook: dict[str, Any], *, json_output: bool) -> None:
    if json_output:
        print_json(shown_webhook)
        return
    for name, value in shown_webhook.items():
        text = "" if value is None else ", ".join(value) if isinstance(value, list) else value
        say(f"{name:15} {shown(text)}")


def _print_secret(shown_webhook: dict[str, Any], secret: str | None, *, json_output: bool) -> None:
    if json_output:
        print_json(shown_webhook | {"secret": secret})
        return
    _print(shown_webhook, json_output=False)
    say(f"{'secret':15} {secret}")
    err.print("Keep it safe: it cannot be shown again.", highlight=False)
