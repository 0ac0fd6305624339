"""`conversions conversions` and `conversions recipients`: the rows behind a campaign's figures, page by page."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from application.queries.lists import (
    Cut,
    Page,
    WantedConversions,
    WantedRecipients,
    read_conversions,
    read_recipients,
)
from infrastructure.cli.console import (
    columns,
    err,
    out,
    print_csv,
    print_json,
    print_table,
    revenue,
    say,
    shown,
)
from infrastructure.cli.opening import asking
from infrastructure.cli.options import (
    AppGroupOption,
    CampaignArgument,
    CsvOption,
    DatabaseOption,
    JsonOption,
    VariantOption,
)
from infrastructure.words.quantities import NO_FIGURE

UserOption = Annotated[str | None, typer.Option("--user", metavar="ID", help="Only this user.")]
LimitOption = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Show at most so many.")]
AfterOption = Annotated[
    str | None, typer.Option("--after", metavar="KEY", help="Continue after the page that named this key.")
]

_CONVERSION = (
    "user_id",
    "index",
    "letter",
    "variant_id",
    "control",
    "receipt_id",
    "received_at",
    "window_ends_at",
    "behaviour_id",
    "behaviour_at",
    "recorded_at",
    "restated",
    "decided_at",
)
_RECIPIENT = (
    "user_id",
    "journey_id",
    "variants",
    "receipts",
    "first_receipt_id",
    "first_received_at",
    "last_receipt_id",
    "last_received_at",
    "conversion_events",
    "revenue",
)


def conversions(  # noqa: PLR0913 - a command's options
    campaign: CampaignArgument,
    *,
    event: Annotated[
        str | None, typer.Option("--event", metavar="A|B|C|D", help="Only this conversion event.")
    ] = None,
    variant: VariantOption = None,
    user: UserOption = None,
    limit: LimitOption = 50,
    after: AfterOption = None,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    csv_output: CsvOption = False,
    json_output: JsonOption = False,
) -> None:
    """List the conversions of a campaign, control included: the user, the behaviour, and the receipt credited."""
    with asking(database, app_group, campaign) as asked:
        page = read_conversions(asked, Cut(limit, after), WantedConversions(event, variant, user_id=user))
    _print(page, _CONVERSION, _show_conversions, csv_output=csv_output, json_output=json_output)


def recipients(  # noqa: PLR0913 - a command's options
    campaign: CampaignArgument,
    *,
    user: UserOption = None,
    several_variants: Annotated[
        bool,
        typer.Option("--several-variants", help="Only users who received several variants; control is one."),
    ] = False,
    converted: Annotated[
        str | None,
        typer.Option("--converted", metavar="A|B|C|D", help="Only users who converted on this event."),
    ] = None,
    limit: LimitOption = 50,
    after: AfterOption = None,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    csv_output: CsvOption = False,
    json_output: JsonOption = False,
) -> None:
    """List the users who received a campaign, control included: variants, receipts, conversions and revenue."""
    with asking(database, app_group, campaign) as asked:
        wanted = WantedRecipients(user, several_variants=several_variants, converted=converted)
        page = read_recipients(asked, Cut(limit, after), wanted)
    _print(page, _RECIPIENT, _show_recipients, csv_output=csv_output, json_output=json_output)


def _print(
    page: Page,
    names: Sequence[str],
    show_rows: Callable[[list[dict[str, Any]]], None],
    *,
    csv_output: bool,
    json_output: bool,
) -> None:
    if json_output:
        print_json(page.as_json())
    elif csv_output:
        # The names are those of JSON; what is no single value is JSON text.
        print_csv([names, *([_cell(row[name]) for name in names] for row in page.rows)])
        _say_more(page, err)
    else:
        say(f"\n[bold]{shown(page.campaign_id)}[/] of {shown(page.app_group)}: {page.name}; instants in UTC")
        if page.rows:
            show_rows(page.rows)
        else:
            out.print(f"There are no such {page.name}.", highlight=False)
        _say_more(page, out)


def _cell(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, (bool, list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else value


def _say_more(page: Page, where: Console) -> None:
    if page.after is not None:
        shows = len(page.rows)
        where.print(
            f"There are more {page.name} than these {shows:,}: --limit {10 * shows} shows more, "
            f"--after={shown(page.after)} continues from here.",
            highlight=False,
            soft_wrap=True,
        )


def _show_conversions(rows: list[dict[str, Any]]) -> None:
    headings = ("User", "Event", "Variant", "Behaviour", "of", "Receipt", "of")
    print_table(columns(*headings, overflow="fold"), map(_conversion_cells, rows))


def _conversion_cells(row: dict[str, Any]) -> Iterable[str]:
    restated = f"\n[dim]decided again {_when(row['decided_at'])}[/]" if row["restated"] else ""
    return (
        _whose(row),
        row["letter"],
        _variant(row),
        shown(row["behaviour_id"]),
        _when(row["behaviour_at"]) + restated,
        shown(row["receipt_id"]),
        _when(row["received_at"]),
    )


def _show_recipients(rows: list[dict[str, Any]]) -> None:
    print_table(
        [
            *columns("User", "Variants", overflow="fold"),
            *columns("Receipts", overflow="fold", justify="right"),
            *columns("First received", "Last received", "Converted", overflow="fold"),
            *columns("Revenue", overflow="fold", justify="right"),
        ],
        map(_recipient_cells, rows),
    )


def _recipient_cells(row: dict[str, Any]) -> Iterable[str]:
    converted = [event["letter"] for event in row["conversion_events"] if event["converted"]]
    return (
        _whose(row),
        "\n".join(f"{_variant(each)} x {each['receipts']:,}" for each in row["variants"]),
        f"{row['receipts']:,}",
        _when(row["first_received_at"]),
        _when(row["last_received_at"]),
        " ".join(converted) or NO_FIGURE,
        revenue(row["revenue"]),
    )


def _whose(row: dict[str, Any]) -> str:
    return "[dim](erased)[/]" if row["user_id"] is None else shown(row["user_id"])


def _variant(row: dict[str, Any]) -> str:
    return shown(row["variant_id"]) + (" [dim](control)[/]" if row["control"] else "")


def _when(at: str) -> str:
    return at.removesuffix("Z").replace("T", " ")
