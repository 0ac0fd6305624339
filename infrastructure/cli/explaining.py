"""`conversions explain`: why a user converted on a campaign, or why not, in plain sentences."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from infrastructure.cli.console import out, print_json, say, shown, styled
from infrastructure.cli.opening import only_app_group, opened
from infrastructure.cli.options import AppGroupOption, DatabaseOption, JsonOption
from infrastructure.words.explanation import EventInWords, ExplanationInWords, put_in_words


def explain(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's id.")],
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id.")],
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Explain why a user converted on a campaign, or why not: each conversion event, and revenue."""
    with opened(database) as service:
        explanation = service.explanations.explain(only_app_group(service, app_group), campaign, user)
    if json_output:
        print_json(explanation)
    else:
        show(explanation)


def show(explanation: dict[str, Any]) -> None:
    """Print an explanation in sentences."""
    user, name = shown(explanation["user_id"]), shown(explanation["name"])
    out.print(f"\n[bold]{user}[/] and [bold]{name}[/] ({shown(explanation['campaign_id'])})", highlight=False)
    for line in _lines(put_in_words(explanation)):
        say(line)


def _lines(said: ExplanationInWords) -> Iterator[str]:
    if said.nothing is not None:
        yield f"  {shown(said.nothing)}"
    for receipt in said.receipts:
        yield f"  {receipt.at}  {shown(receipt.text)}"
    for event in said.conversion_events:
        yield from _event(event)
    for sale in said.sales:
        yield f"  {shown(sale.text)}"
        yield from (f"     [dim]{shown(detail)}[/]" for detail in sale.details)
    yield from (f"  {shown(text)}" for text in said.orders_without_money)
    yield from (f"  [dim]{shown(text)}[/]" for text in (*said.disregarded, *said.refunds_without_effect))


def _event(event: EventInWords) -> Iterator[str]:
    yield f"  [bold]{event.letter}[/]  {shown(event.hope)}: {styled(event.verdict)}"
    yield f"     {shown(event.because)}"
    yield from (f"     {styled(each)}" for each in event.details)
