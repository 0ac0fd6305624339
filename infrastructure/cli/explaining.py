"""`conversions explain`: why a user converted on a campaign, or why not, in plain sentences."""

from typing import Annotated, Any

import typer

from infrastructure.cli.console import (
    AppGroupOption,
    DatabaseOption,
    JsonOption,
    only_app_group,
    opened,
    out,
    print_json,
    shown,
)
from infrastructure.cli.figures import conversion_event, deadline


def explain(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's id.")],
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id.")],
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Explain one user and one campaign: each conversion event, what converted or why nothing did, and revenue."""
    with opened(database) as service:
        explanation = service.explanations.explain(only_app_group(service, app_group), campaign, user)
    if json_output:
        print_json(explanation)
    else:
        show(explanation)


def show(explanation: dict[str, Any]) -> None:
    """Print the story in sentences."""
    user, name = shown(explanation["user_id"]), shown(explanation["name"])
    out.print(f"\n[bold]{user}[/] and [bold]{name}[/] ({shown(explanation['campaign_id'])})", highlight=False)
    for line in _lines(explanation):
        out.print(line, highlight=False, soft_wrap=True)


def _lines(explanation: dict[str, Any]) -> list[str]:
    lines = []
    receipts = explanation["receipts"]
    if not explanation["known"]:
        return ["  No fact of this user was ever recorded; is the id right?"]
    if not receipts:
        lines.append("  This user never received the campaign.")
    lines.extend(
        f"  {_when(receipt['at'])}  received {_variant(receipt)} (receipt {shown(receipt['id'])})"
        for receipt in receipts
    )
    for event in explanation["conversion_events"]:
        lines.extend(_event(event))
    lines.extend(_revenue(explanation["revenue"]))
    for each in explanation["disregarded"]:
        fact = each["fact"]
        lines.append(
            f"  [dim]{fact['type']} {shown(fact['id'])} of {_when(fact['at'])} is disregarded: "
            f"void {shown(each['void_id'])} names it.[/]"
        )
    lines.extend(f"  [dim]{_idle(each)}[/]" for each in explanation["refunds_without_effect"])
    return lines


def _event(event: dict[str, Any]) -> list[str]:
    hope = f"{shown(conversion_event(event))} within {deadline(event['deadline_seconds'])}"
    mark = "[green]converted[/]" if event["converted"] else "[red]not converted[/]"
    lines = [f"  [bold]{event['letter']}[/]  {hope}: {mark}", f"     {_because(event)}"]
    if not event["converted"]:
        lines.extend(
            f"     [dim]{_behaviour(each['fact'])} would match, but void {shown(each['void_id'])} names it.[/]"
            for each in event["disregarded"]
        )
    for change in event["restatements"]:
        before, now = _conversion(change["before"]), _conversion(change["now"])
        lines.append(f"     [dim]Decided anew on {_when(change['recorded_at'])}: from {before} to {now}.[/]")
    return lines


def _because(event: dict[str, Any]) -> str:
    behaviour, receipt, window = event["behaviour"], event["receipt"], event["window"]
    span = (
        "no window"
        if receipt is None
        else f"the window of receipt {shown(receipt['id'])}, {_when(window['from'])} to {_when(window['to'])}"
    )
    match event["reason"]:
        case None:
            credit = "the control group" if receipt["control"] else f"variant {shown(receipt['variant_id'])}"
            return f"{_behaviour(behaviour)} lies in {span}; it is credited to {credit}."
        case "no_receipt":
            return "There is no receipt, and so no window."
        case "no_matching_behaviour":
            return "There is no behaviour of this user that matches."
        case "not_an_upgrade":
            return f"{_behaviour(behaviour)} lies in {span}, but is no upgrade over the report before it."
        case "before_receipt":
            return f"The nearest is {_behaviour(behaviour)}, which came before {span}."
        case _:
            return f"The nearest is {_behaviour(behaviour)}, which came after {span}."


def _idle(refund: dict[str, Any]) -> str:
    name = f"Refund {shown(refund['id'])} of {refund['amount']} {refund['currency'] or ''}".rstrip()
    purchase = shown(refund["purchase_id"])
    match refund["reason"]:
        case "no_such_purchase":
            return f"{name} has no effect: no purchase {purchase} of this user is known (yet)."
        case "purchase_disregarded":
            return f"{name} has no effect: a void names the purchase {purchase}."
        case _:
            return f"{name} has only part of its effect: purchase {purchase} had less left to refund."


def _revenue(purchases: list[dict[str, Any]]) -> list[str]:
    lines = []
    for each in purchases:
        refunded = f" after {len(each['refunds'])} refund(s) on {each['amount']}" if each["refunds"] else ""
        lines.append(
            f"  Revenue: {each['net']} {each['currency']}{refunded}, purchase {shown(each['purchase_id'])} "
            f"of {_when(each['at'])}, credited to {_variant(each['receipt'])}"
        )
    return lines


def _behaviour(fact: dict[str, Any]) -> str:
    kind = fact["type"].replace("_", " ")
    what = fact.get("product_id") or fact.get("name") or fact.get("app_id") or ""
    version = fact.get("version") or fact.get("app_version")
    detail = " ".join(filter(None, (shown(what), shown(version or ""))))
    return f"{kind} {shown(fact['id'])}{f' ({detail})' if detail else ''} of {_when(fact['at'])}"


def _conversion(conversion: dict[str, Any] | None) -> str:
    if conversion is None:
        return "no conversion"
    behaviour, receipt = conversion["behaviour"], conversion["receipt"]
    return f"{shown(behaviour['id'])} of {_when(behaviour['at'])}, credited to {_variant(receipt)}"


def _variant(receipt: dict[str, Any]) -> str:
    variant = shown(receipt["variant_id"])
    return f"the control group ({variant})" if receipt["control"] else f"variant {variant}"


def _when(at: str) -> str:
    """An instant as people read it; always UTC, to the second unless there is more."""
    return at.removesuffix("Z").replace("T", " ") + " UTC"
