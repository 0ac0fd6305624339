"""`conversions conversions` and `conversions recipients`: the rows behind a campaign's figures, page by page."""

import csv
import json
import sys
from collections.abc import Callable, Iterable
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from domain.campaigns.conversion_events import LETTERS
from domain.campaigns.definition import Definition
from infrastructure.cli.campaigns import CampaignArgument
from infrastructure.cli.console import (
    AppGroupOption,
    DatabaseOption,
    JsonOption,
    err,
    out,
    print_json,
    shown,
)
from infrastructure.cli.figures import NO_FIGURE
from infrastructure.cli.models import CsvOption, Read, VariantOption, money, reading
from infrastructure.cli.options import bad_option
from projections.conversions import CONVERSIONS
from projections.conversions import reading as conversions_reading
from projections.conversions.reading import BadKey
from projections.recipients import RECIPIENTS
from projections.recipients import reading as recipients_reading

UserOption = Annotated[str | None, typer.Option("--user", metavar="ID", help="This user alone.")]
LimitOption = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many at most.")]
AfterOption = Annotated[
    str | None, typer.Option("--after", metavar="KEY", help="Go on after what was shown before.")
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


class _Page(NamedTuple):
    """Some of a campaign's rows as JSON has them; `after`, the last one's key, where there are more."""

    name: str
    app_group: str
    campaign_id: str
    rows: list[dict[str, Any]]
    after: str | None


def conversions(  # noqa: PLR0913 - a command's options
    campaign: CampaignArgument,
    *,
    event: Annotated[
        str | None, typer.Option("--event", metavar="A|B|C|D", help="This conversion event alone.")
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
    """List a campaign's conversions, control's too: who, by which behaviour, and the receipt it is credited to."""
    with reading(database, app_group, campaign, CONVERSIONS) as read:
        index = _index("--event", event, read.definition)

        def rows(limit: int) -> list[Any]:
            return conversions_reading.load_conversions(
                read.connection,
                read.known,
                read.app_group,
                campaign,
                conversion_event=index,
                variant_id=variant,
                user_id=user,
                after=after,
                limit=limit,
            )

        page = _page("conversions", read, campaign, rows, limit)
    if json_output:
        _print_json(page)
    elif csv_output:
        _write_csv(page, _CONVERSION)
    else:
        _show(page, _conversions(page.rows))


def recipients(  # noqa: PLR0913 - a command's options
    campaign: CampaignArgument,
    *,
    user: UserOption = None,
    several_variants: Annotated[
        bool, typer.Option("--several-variants", help="Those who received several, control counted.")
    ] = False,
    converted: Annotated[
        str | None, typer.Option("--converted", metavar="A|B|C|D", help="Those who converted on this event.")
    ] = None,
    limit: LimitOption = 50,
    after: AfterOption = None,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    csv_output: CsvOption = False,
    json_output: JsonOption = False,
) -> None:
    """List who received a campaign, control too: which variants, how often, what they converted on, and revenue."""
    with reading(database, app_group, campaign, RECIPIENTS) as read:
        index = _index("--converted", converted, read.definition)

        def rows(limit: int) -> list[Any]:
            return recipients_reading.load_recipients(
                read.connection,
                read.known,
                read.app_group,
                campaign,
                user_id=user,
                several_variants=several_variants,
                converted_on=index,
                after=after,
                limit=limit,
            )

        page = _page("recipients", read, campaign, rows, limit)
    if json_output:
        _print_json(page)
    elif csv_output:
        _write_csv(page, _RECIPIENT)
    else:
        _show(page, _recipients(page.rows))


def _index(option: str, letter: str | None, definition: Definition) -> int | None:
    """The index of one of the campaign's conversion events by its letter; raises Refused."""
    if letter is None:
        return None
    has = list(LETTERS[: len(definition.conversion_events)])
    if letter.upper() not in has:
        offer = f"it has {', '.join(has)}" if has else "it has none"
        raise bad_option(option, f"the campaign has no conversion event {letter!r}; {offer}")
    return has.index(letter.upper())


def _page(name: str, read: Read, campaign_id: str, rows: Callable[[int], list[Any]], limit: int) -> _Page:
    """A page, read with one row more than it shows to know whether there are more; raises Refused for a bad key."""
    try:
        found = rows(limit + 1)
    except BadKey as error:
        raise bad_option("--after", str(error)) from None
    after = found[limit - 1].key if len(found) > limit else None
    return _Page(name, read.app_group, campaign_id, [row.as_json() for row in found[:limit]], after)


def _print_json(page: _Page) -> None:
    named = {"app_group": page.app_group, "campaign_id": page.campaign_id}
    print_json(named | {page.name: page.rows, "after": page.after})


def _write_csv(page: _Page, columns: tuple[str, ...]) -> None:
    """A line a row under the names that JSON has; what is no single value is JSON text."""
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    for row in page.rows:
        writer.writerow([_cell(row[name]) for name in columns])
    _say_more(page, err)


def _cell(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, (bool, list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else value


def _show(page: _Page, table: Table) -> None:
    out.print(
        f"\n[bold]{shown(page.campaign_id)}[/] of {shown(page.app_group)}: {page.name}; instants in UTC",
        highlight=False,
        soft_wrap=True,
    )
    if page.rows:
        out.print(table)
    else:
        out.print(f"There are no such {page.name}.", highlight=False)
    _say_more(page, out)


def _say_more(page: _Page, where: Console) -> None:
    if page.after is not None:
        shows = len(page.rows)
        where.print(
            f"There are more {page.name} than these {shows:,}: --limit {10 * shows} shows more, "
            f"--after={shown(page.after)} goes on from here.",
            highlight=False,
            soft_wrap=True,
        )


def _conversions(rows: Iterable[dict[str, Any]]) -> Table:
    table = Table()
    for heading in ("User", "Event", "Variant", "Behaviour", "of", "Receipt", "of"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        restated = f"\n[dim]decided anew {_when(row['decided_at'])}[/]" if row["restated"] else ""
        table.add_row(
            _whose(row),
            row["letter"],
            _variant(row),
            shown(row["behaviour_id"]),
            _when(row["behaviour_at"]) + restated,
            shown(row["receipt_id"]),
            _when(row["received_at"]),
        )
    return table


def _recipients(rows: Iterable[dict[str, Any]]) -> Table:
    table = Table()
    for heading in (
        "User",
        "Variants",
        "Receipts",
        "First received",
        "Last received",
        "Converted",
        "Revenue",
    ):
        right = heading in {"Receipts", "Revenue"}
        table.add_column(heading, overflow="fold", justify="right" if right else "left")
    for row in rows:
        variants = [f"{_variant(each)} x {each['receipts']:,}" for each in row["variants"]]
        converted = [event["letter"] for event in row["conversion_events"] if event["converted"]]
        table.add_row(
            _whose(row),
            "\n".join(variants),
            f"{row['receipts']:,}",
            _when(row["first_received_at"]),
            _when(row["last_received_at"]),
            " ".join(converted) or NO_FIGURE,
            money(row["revenue"]),
        )
    return table


def _whose(row: dict[str, Any]) -> str:
    return "[dim](erased)[/]" if row["user_id"] is None else shown(row["user_id"])


def _variant(row: dict[str, Any]) -> str:
    return shown(row["variant_id"]) + (" [dim](control)[/]" if row["control"] else "")


def _when(at: str) -> str:
    return at.removesuffix("Z").replace("T", " ")
