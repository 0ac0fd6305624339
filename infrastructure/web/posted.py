"""The fields that a browser posts."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from infrastructure.http.bodies import read_body
from infrastructure.http.problems import Problem

_FORM = "application/x-www-form-urlencoded"
_MOST_BYTES = 1024 * 1024
_MOST_FIELDS = 10_000
_MOST_CHARACTERS = 300
"""More than the rules let any text of a form have, so that what is cut to it is refused as what was sent would be."""


@dataclass(frozen=True)
class Fields:
    """What was posted: a field may be there several times."""

    values: dict[str, list[str]]

    def one(self, name: str) -> str:
        """The first value of a field without white space around it; empty where there is none."""
        return next(iter(self.every(name)), "")

    def every(self, name: str) -> list[str]:
        """All values of a field, likewise."""
        return [each.strip() for each in self.values.get(name, [])]

    def cut(self) -> "Fields":
        """The same without the end of texts that are too long for any rule: a form that is shown again repeats them."""
        return Fields(
            {name: [each[:_MOST_CHARACTERS] for each in every] for name, every in self.values.items()}
        )

    def whole(self, name: str) -> int | None:
        """A whole number of 0 or more; None for anything else."""
        text = self.one(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


async def read_fields(request: Request) -> Fields:
    """Read a posted form; raises Problem for what is none."""
    kind = request.headers.get("content-type", _FORM).partition(";")[0].strip().lower()
    if kind != _FORM:
        raise malformed()
    body = await read_body(request, _MOST_BYTES)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise malformed() from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        # Browsers end lines with CR LF.
        values.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return Fields(values)


def malformed() -> Problem:
    """The problem of a form that none of our pages sends."""
    return Problem(
        HTTPStatus.BAD_REQUEST, "malformed", "the form did not arrive as this page sends it; send it again"
    )


Posted = Annotated[Fields, Depends(read_fields)]
"""The form of a request."""
