"""`conversions assign`: which variant of a campaign users get, those named or those in a file; it records nothing."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, islice
from typing import Annotated

import msgspec
import typer

from application.queries.assignments import MOST_USER_IDS, BadUserId, checked_user_id
from domain.campaigns.assignment import Assignment, Because
from infrastructure.cli.console import columns, out, print_json, print_table, shown
from infrastructure.cli.opening import only_app_group, opened
from infrastructure.cli.options import (
    AppGroupOption,
    CampaignArgument,
    DatabaseOption,
    JsonOption,
    bad_option,
)
from infrastructure.inbound.files.byte_source import ByteSource, Overlong, read_lines
from infrastructure.words.quantities import NO_FIGURE, counted, plain

_MOST_ROWS = 1_000
"""More assignments are printed as lines with tabs: rich takes minutes to lay out such a table."""

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
            "--file",
            metavar="FILE|-",
            help="Read more users from a file, or standard input: an id on each line.",
        ),
    ] = None,
    app_group: AppGroupOption = None,
    database: DatabaseOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show which variant each user gets; nothing is recorded.

    A user who received the campaign keeps the variant received last, or control for ever. The others get one by the
    weights in force. With --json, print a line for each user.
    """
    if not users and file is None:
        raise bad_option("--file", "name the users, or a file of them: --file FILE")
    named = (checked_user_id(each, "USER_ID") for each in users or ())
    with opened(database) as service:
        group = only_app_group(service, app_group)
        found = (
            assignment
            for page in _pages(chain(named, () if file is None else _of_file(file)))
            for assignment in service.assignments.assign(group, campaign, page)
        )
        if json_output:
            for each in found:
                print_json(msgspec.to_builtins(each))
        else:
            _show(campaign, group, list(found))


def _pages(user_ids: Iterable[str]) -> Iterator[list[str]]:
    """Pages as large as a call takes; at least one, so that an unknown campaign is refused even without users."""
    rest = iter(user_ids)
    page = list(islice(rest, MOST_USER_IDS))
    yield page
    while page := list(islice(rest, MOST_USER_IDS)):
        yield page


def _of_file(path: str) -> Iterator[str]:
    """The ids in a file, which may be compressed; empty lines are skipped. Raises UnreadableFile and BadUserId."""
    with closing(ByteSource(path)) as source:
        for number, line in enumerate(read_lines(source), 1):
            place = f"line {number}"
            if isinstance(line, Overlong):
                raise BadUserId("this line is too long for a user id; write one id on each line", place=place)
            text = line.removesuffix(b"\r")
            if text:
                # Bytes that are no UTF-8 become lone surrogates, and `checked_user_id` refuses those.
                yield checked_user_id(text.decode(errors="surrogateescape"), place)


def _show(campaign_id: str, app_group: str, found: list[Assignment]) -> None:
    assignments = counted(len(found), "assignment")
    out.print(f"\n[bold]{shown(campaign_id)}[/] of {shown(app_group)}: {assignments}", highlight=False)
    if len(found) > _MOST_ROWS:
        for each in found:
            out.file.write("\t".join(map(plain, _row(each))) + "\n")
        return
    if found:
        print_table(
            columns("User", "Variant", "Because", overflow="fold"), (map(shown, _row(each)) for each in found)
        )


def _row(each: Assignment) -> tuple[str, str, str]:
    control = " (control)" if each.control else ""
    variant = NO_FIGURE if each.variant_id is None else f"{each.variant_id}{control}"
    return each.user_id, variant, _SAID[each.because]
