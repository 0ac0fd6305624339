"""`conversions assign`: which variant of a campaign users get, those named or those in a file; it records nothing."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, islice
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from application.queries.assignments import MOST_USER_IDS, BadUserId, checked_user_id
from domain.campaigns.assignment import Assignment, Because
from infrastructure.cli.campaigns import CampaignArgument
from infrastructure.cli.console import (
    AppGroupOption,
    DatabaseOption,
    JsonOption,
    only_app_group,
    opened,
    out,
    plain,
    print_json,
    shown,
)
from infrastructure.cli.figures import NO_FIGURE
from infrastructure.cli.options import bad_option
from infrastructure.inbound.files.byte_lines import Overlong, read_lines
from infrastructure.inbound.files.byte_source import ByteSource

_MOST_ROWS = 1_000
"""More assignments are printed as lines with tabs: a table of many takes minutes to set."""

_SAID = {
    Because.RECEIVED: "received before",
    Because.WEIGHTS: "by weights",
    Because.DRAFT: "none: the campaign is a draft",
    Because.STOPPED: "none: the campaign is stopped",
    Because.ARCHIVED: "none: the campaign is archived",
}


def assign(
    campaign: CampaignArgument,
    users: Annotated[list[str] | None, typer.Argument(metavar="USER_ID", help="Users' ids.")] = None,
    *,
    file: Annotated[
        str | None,
        typer.Option(
            "--file", metavar="FILE|-", help="Users too: a file, or standard input, with an id a line."
        ),
    ] = None,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,
) -> None:
    """Tell which variant users get: the one received last, control for good; else one by the weights in force.

    With --json a line a user.
    """
    if not users and file is None:
        raise bad_option("--file", "whose variants? Name users, or a file of them: --file FILE")
    named = (checked_user_id(each, "USER_ID") for each in users or ())
    with opened(database) as service:
        group = only_app_group(service, app_group)
        told = (
            assignment
            for page in _pages(chain(named, () if file is None else _of_file(file)))
            for assignment in service.assignments.assign(group, campaign, page)
        )
        if json_output:
            for each in told:
                print_json(msgspec.to_builtins(each))
        else:
            _show(campaign, group, list(told))


def _pages(user_ids: Iterable[str]) -> Iterator[list[str]]:
    """As many at once as a call takes; one page at least, so that an unknown campaign is told in any case."""
    rest = iter(user_ids)
    page = list(islice(rest, MOST_USER_IDS))
    yield page
    while page := list(islice(rest, MOST_USER_IDS)):
        yield page


def _of_file(path: str) -> Iterator[str]:
    """The ids in a file, compressed or not; empty lines are skipped. Raises UnreadableFile, and BadUserId by line."""
    with closing(ByteSource(path)) as source:
        for number, line in enumerate(read_lines(source), 1):
            place = f"line {number}"
            if isinstance(line, Overlong):
                raise BadUserId("this line is too long for a user id; write an id a line", place=place)
            text = line.removesuffix(b"\r")
            if text:
                # What is no UTF-8 becomes lone surrogates, which are refused with the line.
                yield checked_user_id(text.decode(errors="surrogateescape"), place)


def _show(campaign_id: str, app_group: str, told: list[Assignment]) -> None:
    assignments = f"{len(told):,} assignment{'' if len(told) == 1 else 's'}"
    out.print(f"\n[bold]{shown(campaign_id)}[/] of {shown(app_group)}: {assignments}", highlight=False)
    if len(told) > _MOST_ROWS:
        for each in told:
            out.file.write("\t".join(map(plain, _row(each))) + "\n")
        return
    table = Table()
    for heading in ("User", "Variant", "Because"):
        table.add_column(heading, overflow="fold")
    for each in told:
        table.add_row(*map(shown, _row(each)))
    if told:
        out.print(table)


def _row(each: Assignment) -> tuple[str, str, str]:
    control = " (control)" if each.control else ""
    variant = NO_FIGURE if each.variant_id is None else f"{each.variant_id}{control}"
    return each.user_id, variant, _SAID[each.because]
