"""Options that several commands share, and how instants and days are read from options."""

from datetime import date, datetime
from typing import Annotated

import typer

from application.instants import BadTime, read_instant
from infrastructure.cli.refused import Refused

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="SQLAlchemy URL; else CONVERSIONS_DATABASE_URL; else sqlite:///conversions.db.",
    ),
]
AppGroupOption = Annotated[
    str | None,
    typer.Option("--app-group", metavar="GROUP", help="The app group; left out, the only one there is."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CampaignArgument = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's id.")]


def bad_option(option: str, message: str) -> Refused:
    """What is raised where an option, or its value, makes no sense."""
    return Refused(message, code="bad_option", place=option)


def instant(option: str, text: str) -> datetime:
    """An instant as facts have it, RFC 3339 with an offset; raises Refused."""
    try:
        return read_instant(text)
    except BadTime as error:
        raise Refused(f"{text!r}: {error.message}", code=error.code, place=option) from None


def day(option: str, text: str | None) -> date | None:
    """A day as 2026-03-01, and in no other way that ISO 8601 has; raises Refused."""
    if text is None:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.isoformat() != text:
        raise bad_option(option, f"{text!r} is no day; write it as 2026-03-01")
    return found
