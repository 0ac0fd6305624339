"""About the ledger: its version, how far its log is, and whether its read models keep up, the worst first."""

import asyncio
from functools import cache
from importlib.metadata import version
from typing import Any, Final, NamedTuple

from fastapi import Request, Response

from application.queries.about import LedgerState, read_ledger_state
from infrastructure.http.state import Shared
from infrastructure.web.activity import count_rejected
from infrastructure.web.asking import read_formats
from infrastructure.web.rendering import render
from infrastructure.web.routing import Kind, new_routes, read_kind, respond_json
from infrastructure.web.sessions import Visitor
from infrastructure.words.quantities import Sentence, counted
from infrastructure.words.read_models import WORST_FIRST, advise, describe_read_model

routes = new_routes()

_DATABASES: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

_MODELS: Final = {
    "app_groups": "App groups",
    "campaign_report": "Reports and the list of campaigns",
    "conversions": "Lists of conversions and revenue",
    "overlap": "Overlap with other campaigns",
    "recipients": "Recipients, tests and mature rates",
    "series": "Days",
}
"""What people see of each read model."""


class _Line(NamedTuple):
    """A read model on the page."""

    status: dict[str, Any]
    purpose: str
    said: Sentence
    advice: str | None


@cache
def _version() -> str:
    return version("conversion-ledger")


@routes.get("/about")
@routes.get("/about.json")
async def show_about(request: Request, state: Shared, viewer: Visitor) -> Response:
    """Show the version, the position of the log, and the state of each read model."""
    found = await asyncio.to_thread(read_ledger_state, state.reads(None))
    shown = {"version": _version()} | found.as_json()
    if read_kind(request) is Kind.JSON:
        return respond_json(request, shown)
    lines = _describe(shown)
    return render(
        request,
        "about.html",
        viewer=viewer,
        formats=await read_formats(request, state, viewer),
        rejected=await count_rejected(state, viewer),
        section="about",
        found=shown,
        database=_DATABASES.get(found.database, found.database),
        lines=lines,
        unwell=[each for each in lines if each.advice],
        verdict=_judge(found, lines),
    )


def _describe(shown: dict[str, Any]) -> list[_Line]:
    lines = [
        _Line(each, _MODELS.get(each["name"], each["name"]), describe_read_model(each), advise(each))
        for each in shown["read_models"]
    ]
    return sorted(lines, key=lambda each: WORST_FIRST.index(each.status["state"]))


def _judge(found: LedgerState, lines: list[_Line]) -> Sentence:
    """One sentence about all read models."""
    unwell = [each for each in lines if each.advice]
    if unwell:
        verb = "does" if len(unwell) == 1 else "do"
        return Sentence(f"{counted(len(unwell), 'read model')} {verb} not keep up.", unwell[0].said.role)
    moving = [each for each in lines if each.status["state"] == "moving"]
    if moving:
        return Sentence("All is well: read models are catching up with what was recorded.", "good")
    if not found.position:
        return Sentence("The ledger is empty: nothing was recorded yet.", "plain")
    return Sentence("All is well: every read model that was built has every event.", "good")
