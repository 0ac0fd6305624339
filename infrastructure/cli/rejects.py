"""`conversions rejects`: list and retry facts that came over HTTP and were not taken."""

from collections import Counter
from typing import Annotated

import typer
from rich.table import Table

from application.fact_commands import FactCommand, read_fact
from application.intake import Verdict
from domain.errors import FactRefused
from infrastructure import rejects
from infrastructure.cli.console import (
    SOME_REJECTED,
    AppGroupOption,
    DatabaseOption,
    JsonOption,
    only_app_group,
    opened,
    out,
    print_json,
    shown,
)
from infrastructure.files.json_lines import read_object
from infrastructure.files.reading import kept
from infrastructure.rejects import Reject
from infrastructure.service import Service, stamp

commands = typer.Typer(help="Facts that were not taken: list, retry.", no_args_is_help=True)

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
            found = rejects.listed(connection, group, code=code, limit=limit)
            own = rejects.counted(connection, group)
    if json_output:
        print_json(
            {
                "app_group": group,
                "kept": [{"source": s, "code": c, "number": n} for (s, c), n in sorted(own.items())],
                "rejects": [each.as_json() for each in found],
            }
        )
        return
    table = Table(
        "Id",
        "When",
        "By",
        "Code",
        "Reason",
        "Fact",
        title=f"Rejected facts of {shown(group)}",
        title_justify="left",
    )
    for each in found:
        when = each.as_json()["rejected_at"][:19]
        table.add_row(
            str(each.reject_id), when, each.source, each.code, shown(each.message), shown(each.fact[:80])
        )
    out.print(table)
    out.print(f"{len(found):,} of {sum(own.values()):,} shown", highlight=False)


@commands.command()
def retry(
    app_group: AppGroupOption = None,
    code: CodeOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,  # noqa: FBT002
) -> None:
    """Try rejected facts again: after the missing campaign was made, say. What is taken now is let go of.

    What is no fact as it is kept (too long, beyond Braze's bounds, malformed) can never be taken: have it sent anew.

    Exit status: 0 all taken, 3 some are rejected again and stay.
    """
    totals: Counter[str] = Counter()
    with opened(database) as service:
        group, after = only_app_group(service, app_group), 0
        while True:
            with service.database.reading() as connection:
                page = rejects.listed(connection, group, code=code, after=after, limit=_PAGE)
            if not page:
                break
            totals += _again(service, group, page)
            after = page[-1].reject_id
    _tell(group, totals, json_output=json_output)
    if totals[Verdict.REJECTED.value]:
        raise typer.Exit(SOME_REJECTED)


def _tell(app_group: str, totals: Counter[str], *, json_output: bool) -> None:
    told = {verdict.value: totals[verdict.value] for verdict in Verdict}
    tried, unreadable = sum(told.values()), totals[_UNREADABLE]
    if json_output:
        print_json({"app_group": app_group, "tried": tried} | told | {_UNREADABLE: unreadable})
        return
    taken = ", ".join(f"{number:,} {verdict}" for verdict, number in told.items())
    out.print(f"{tried:,} tried again: {taken}", highlight=False)
    if unreadable:
        said = "as they are kept these are no facts, and no retry takes them: have them sent anew, corrected"
        out.print(f"{unreadable:,} of the rejected: {said}", highlight=False)


def _again(service: Service, app_group: str, page: list[Reject]) -> Counter[str]:
    read = [(each, _read(each)) for each in page]
    facts = [(each, fact) for each, fact in read if isinstance(fact, FactCommand)]
    answers = service.intake.record(app_group, [fact for _, fact in facts], stamp()).answers
    totals = Counter(answer.verdict.value for answer in answers)
    totals[Verdict.REJECTED.value] += len(page) - len(facts)
    totals[_UNREADABLE] += len(page) - len(facts)
    done = [
        each.reject_id
        for (each, _), answer in zip(facts, answers, strict=True)
        if answer.verdict is not Verdict.REJECTED
    ]
    with service.database.writing() as connection:
        rejects.forget(connection, done)
    return totals


def _read(reject: Reject) -> FactCommand | FactRefused:
    try:
        return read_fact(read_object(reject.fact))
    except FactRefused as refusal:
        return kept(refusal)
