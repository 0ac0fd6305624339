"""`conversions rejects`: list, retry and forget facts that came over HTTP and were not taken."""

from collections import Counter
from typing import Annotated, Any, NamedTuple

import typer

from application.commands.facts import FactCommand, read_fact
from application.commands.intake import Verdict
from domain.errors import FactRefused
from domain.instants import microseconds
from infrastructure.access.operator import stamp
from infrastructure.cli.console import out, print_json, print_table, shown
from infrastructure.cli.opening import only_app_group, opened
from infrastructure.cli.options import SOME_REJECTED, AppGroupOption, DatabaseOption, JsonOption, instant
from infrastructure.composition import Service
from infrastructure.inbound import earlier_version, rejects
from infrastructure.inbound.files.fact_rows import read_object, without_context
from infrastructure.inbound.rejects import Reject

commands = typer.Typer(no_args_is_help=True)

_PAGE = 1_000
_SHOWN = 50

_UNREADABLE = "unreadable"
"""Counted beside the verdicts: what is no fact as it is kept, and so is rejected whatever is made since."""

CodeOption = Annotated[
    str | None, typer.Option("--code", metavar="CODE", help="Those with this reason alone.")
]


@commands.command("list")
def list_rejects(
    app_group: AppGroupOption = None,
    code: CodeOption = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=100_000, help="At most so many.")] = _SHOWN,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """List rejected facts that are kept, the oldest first, and why they were not taken."""
    with opened(database) as service:
        group = only_app_group(service, app_group)
        with service.database.reading() as connection:
            found = rejects.read_page(connection, group, code=code, limit=limit)
            own = rejects.count(connection, group)
    if json_output:
        print_json(
            {
                "app_group": group,
                "kept": [{"source": s, "code": c, "number": n} for (s, c), n in sorted(own.items())],
                "rejects": [each.as_json() for each in found],
            }
        )
        return
    print_table(
        ["Id", "When", "By", "Code", "Reason", "Fact"],
        (
            (
                str(each.reject_id),
                each.as_json()["rejected_at"][:19],
                each.source,
                each.code,
                shown(each.message),
                shown(each.fact[:80]),
            )
            for each in found
        ),
        title=f"Rejected facts of {shown(group)}",
    )
    out.print(f"{len(found):,} of {sum(own.values()):,} shown", highlight=False)


@commands.command()
def retry(
    app_group: AppGroupOption = None,
    code: CodeOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Try rejected facts again, for instance after somebody made the missing campaign; facts that are taken now go.

    Facts that are rejected again stay, with the newest reason and time.

    Some rejects can never be taken (too long, beyond Braze's bounds, malformed): their sender must send them again.

    Exit status: 0 if all were taken, 3 if some were rejected again.
    """
    totals, reasons = Counter[str](), Counter[str]()
    with opened(database) as service:
        group, after = only_app_group(service, app_group), 0
        while True:
            with service.database.reading() as connection:
                page = rejects.read_page(connection, group, code=code, after=after, limit=_PAGE)
            if not page:
                break
            verdicts, codes = _again(service, group, page)
            totals, reasons, after = totals + verdicts, reasons + codes, page[-1].reject_id
    _print(group, totals, reasons, json_output=json_output)
    if totals[Verdict.REJECTED.value]:
        raise typer.Exit(SOME_REJECTED)


@commands.command()
def forget(
    *,
    app_group: AppGroupOption = None,
    code: CodeOption = None,
    before: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT", help="Those that were rejected before, the last time they were tried."
        ),
    ] = None,
    reject_ids: Annotated[
        list[int] | None,
        typer.Option(
            "--id", metavar="N", min=1, max=2**63 - 1, help="These alone; may be given several times."
        ),
    ] = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,
) -> None:
    """Remove rejected facts that are kept: those that all the options given name, or all of the app group."""
    until = None if before is None else microseconds(instant("--before", before))
    with opened(database) as service:
        group = only_app_group(service, app_group)
        with service.database.writing() as connection:
            forgotten = rejects.forget_matching(
                connection, group, code=code, before=until, reject_ids=reject_ids or ()
            )
    if json_output:
        print_json({"app_group": group, "forgotten": forgotten})
    else:
        out.print(f"{forgotten:,} forgotten", highlight=False)


def _print(app_group: str, totals: Counter[str], reasons: Counter[str], *, json_output: bool) -> None:
    by_verdict = {verdict.value: totals[verdict.value] for verdict in Verdict}
    tried, unreadable = sum(by_verdict.values()), totals[_UNREADABLE]
    if json_output:
        more = {
            _UNREADABLE: unreadable,
            "reasons": [{"code": code, "number": number} for code, number in sorted(reasons.items())],
        }
        print_json({"app_group": app_group, "tried": tried} | by_verdict | more)
        return
    taken = ", ".join(f"{number:,} {verdict}" for verdict, number in by_verdict.items())
    out.print(f"{tried:,} tried again: {taken}", highlight=False)
    for code, number in sorted(reasons.items()):
        out.print(f"{number:,} {code}", highlight=False)
    if unreadable:
        said = "no retry can take these; their sender must correct them and send them again"
        out.print(f"{unreadable:,} unreadable: {said}", highlight=False)


def _again(service: Service, app_group: str, page: list[Reject]) -> tuple[Counter[str], Counter[str]]:
    """Try a page again: how many have which verdict, and how many were rejected for which reason."""
    sent = [_read(each) for each in page]
    known = service.earlier.find_parts_of_orders(app_group, sent) | service.earlier.find_answers(
        app_group, sent
    )
    outcome = service.intake.record(app_group, earlier_version.select_new(sent, known), stamp())
    answers = earlier_version.merge_answers(sent, known, outcome.answers)
    tried = {
        each.reject_id: answer
        for place, (each, was, answer) in enumerate(zip(page, sent, answers, strict=True))
        if place in known or isinstance(was.fact, FactCommand)
    }
    totals = Counter(answer.verdict.value for answer in answers)
    totals[_UNREADABLE] += len(page) - len(tried)
    refused = {
        reject_id: (answer.code, answer.message)
        for reject_id, answer in tried.items()
        if answer.verdict is Verdict.REJECTED
    }
    with service.database.writing() as connection:
        rejects.forget(connection, tried.keys() - refused.keys())
        rejects.refuse_again(connection, refused, microseconds(service.now()))
    # What is no fact was not tried: it keeps the reason it came with.
    unread = Counter(each.code for each in page if each.reject_id not in tried)
    return totals, unread + Counter(code for code, _ in refused.values())


class _Sent(NamedTuple):
    """A rejected fact as it is kept, and as it is read now."""

    raw: dict[str, Any] | None
    fact: FactCommand | FactRefused
    earlier: None = None


def _read(reject: Reject) -> _Sent:
    raw = None
    try:
        raw = read_object(reject.fact)
        return _Sent(raw, read_fact(raw))
    except FactRefused as refusal:
        return _Sent(raw, without_context(refusal))
