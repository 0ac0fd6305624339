"""`conversions explain`: why a user converted on a campaign, or why not, in plain sentences."""

from typing import Annotated, Any

import typer

from infrastructure.cli.console import conversion_event, deadline, format_instant, out, print_json, say, shown
from infrastructure.cli.explanation_words import (
    describe_behaviour,
    describe_idle,
    describe_kind,
    describe_revenue,
    describe_variant,
)
from infrastructure.cli.opening import only_app_group, opened
from infrastructure.cli.options import AppGroupOption, DatabaseOption, JsonOption


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
    for line in _lines(explanation):
        say(line)


def _lines(explanation: dict[str, Any]) -> list[str]:
    lines = []
    receipts = explanation["receipts"]
    if not explanation["known"]:
        return ["  No fact of this user was ever recorded; is the id right?"]
    if not receipts:
        lines.append("  This user never received the campaign.")
    lines.extend(
        f"  {format_instant(receipt['at'])}  received {describe_variant(receipt)} (receipt {shown(receipt['id'])})"
        for receipt in receipts
    )
    for event in explanation["conversion_events"]:
        lines.extend(_event(event))
    lines.extend(describe_revenue(explanation))
    for each in explanation["disregarded"]:
        fact = each["fact"]
        lines.append(
            f"  [dim]{fact['type']} {shown(fact['id'])} of {format_instant(fact['at'])} is disregarded: "
            f"void {shown(each['void_id'])} names it.[/]"
        )
    lines.extend(describe_idle(explanation))
    return lines


def _event(event: dict[str, Any]) -> list[str]:
    hope = f"{shown(conversion_event(event))} within {deadline(event['deadline_seconds'])}"
    mark = "[green]converted[/]" if event["converted"] else "[red]not converted[/]"
    lines = [f"  [bold]{event['letter']}[/]  {hope}: {mark}", f"     {_because(event)}"]
    if event["behaviour"] and event["type"] == "upgrades_app" and event["reason"] != "not_an_upgrade":
        lines.append(f"     It is an upgrade: {_compare(event)}.")
    if not event["converted"]:
        lines.extend(
            f"     [dim]{describe_behaviour(each['fact'])} would match, but void {shown(each['void_id'])} names it.[/]"
            for each in event["disregarded"]
        )
    for change in event["restatements"]:
        before, now = _conversion(change["before"]), _conversion(change["now"])
        lines.append(
            f"     [dim]Decided again on {format_instant(change['recorded_at'])}: from {before} to {now}.[/]"
        )
    return lines


def _because(event: dict[str, Any]) -> str:
    behaviour, receipt, window = event["behaviour"], event["receipt"], event["window"]
    span = (
        "no window"
        if receipt is None
        else f"the window of receipt {shown(receipt['id'])}, "
        f"{format_instant(window['from'])} to {format_instant(window['to'])}"
    )
    match event["reason"]:
        case None:
            credit = "the control group" if receipt["control"] else f"variant {shown(receipt['variant_id'])}"
            return f"{describe_behaviour(behaviour)} lies in {span}; it is credited to {credit}."
        case "no_receipt":
            return "There is no receipt, and so no window."
        case "no_matching_behaviour":
            return "There is no behaviour of this user that matches."
        case "not_an_upgrade":
            return f"{describe_behaviour(behaviour)} lies in {span}, but is no upgrade: {_compare(event)}."
        case "before_receipt":
            return f"The nearest is {describe_behaviour(behaviour)}, which came before {span}."
        case _:
            return f"The nearest is {describe_behaviour(behaviour)}, which came after {span}."


def _compare(event: dict[str, Any]) -> str:
    """What a version report was compared with."""
    before, report = event["compared_with"], event["behaviour"]
    if before is None:
        return "it is the first report of this user and app, and the first is no upgrade (R10)"
    version = shown(before["version"])
    if before["id"] is None:
        return f"no earlier report is known, and it names {version} itself as the version before"
    earlier = f"{describe_kind(before)} {shown(before['id'])} of {format_instant(before['at'])}"
    return f"before it, {earlier} reported {shown(report['app_id'])} {version}"


def _conversion(conversion: dict[str, Any] | None) -> str:
    if conversion is None:
        return "no conversion"
    behaviour, receipt = conversion["behaviour"], conversion["receipt"]
    return f"{shown(behaviour['id'])} of {format_instant(behaviour['at'])}, credited to {describe_variant(receipt)}"
