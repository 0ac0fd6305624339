"""Options that several commands share, how they are read, and how any command is refused."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Annotated, NamedTuple

import typer

from application.reading_instants import BadTime, read_instant

REFUSED = 1
UNREADABLE = 2
SOME_REJECTED = 3
INTERRUPTED = 130


class Refused(Exception):
    """The command cannot be carried out; the message says what to do next."""

    def __init__(
        self, message: str, *, code: str = "refused", place: str = "", status: int = REFUSED
    ) -> None:
        super().__init__(message)
        self.code = code
        self.place = place
        self.status = status


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
CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
VariantOption = Annotated[str | None, typer.Option("--variant", metavar="ID", help="Only this variant.")]


class Refusal(NamedTuple):
    """How an error ends a command: its code (else the error's own), the sentence, the option, the exit status.

    In the sentence, `{}` is what the error says, and `{first_line}` the first line of that.
    """

    code: str | None
    message: str = "{}"
    place: str = ""
    status: int = UNREADABLE


@contextmanager
def refusing_by(refusals: Mapping[type[Exception], Refusal]) -> Iterator[None]:
    """Refuse these errors; where one is of several kinds, by the first of them."""
    try:
        yield
    except tuple(refusals) as error:
        refusal = next(each for kind, each in refusals.items() if isinstance(error, kind))
        first_line = next(iter(str(error).splitlines()), type(error).__name__)
        raise Refused(
            refusal.message.format(error, first_line=first_line),
            code=refusal.code or str(getattr(error, "code", "")),
            place=refusal.place,
            status=refusal.status,
        ) from None


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
