"""Rejected facts: what services sent that was not taken, and why."""

import asyncio
import json

from fastapi import Request, Response

from application.queries.arrivals import LATELY, LOOKED_AT, RejectedFact
from application.queries.reads import BadQuestion
from domain.instants import microseconds
from infrastructure.http.state import Shared
from infrastructure.web.rendering import make_formats, render
from infrastructure.web.routing import Kind, new_routes, read_kind, respond_json
from infrastructure.web.sessions import Visitor

routes = new_routes()

_MOST = 100
_LONGEST_SHOWN = 2_000


@routes.get("/rejected")
@routes.get("/rejected.json")
async def show(request: Request, state: Shared, viewer: Visitor) -> Response:
    """Show the newest rejected facts of the app group, of one code or of all."""
    code = request.query_params.get("code") or None
    if code is not None and "\0" in code:
        raise BadQuestion("a code has no U+0000", code="bad_question", place="code")
    group = await asyncio.to_thread(state.ledger.existing_app_group, viewer.app_group)
    found = await asyncio.to_thread(state.arrivals.list_rejected, viewer.app_group, code, _MOST)
    if read_kind(request) is Kind.JSON:
        return respond_json(
            request, {"app_group": viewer.app_group, "rejected": [each.as_json() for each in found]}
        )
    since = microseconds(state.now() - LATELY)
    counted = await asyncio.to_thread(state.arrivals.count_rejected, viewer.app_group, since, LOOKED_AT)
    return render(
        request,
        "rejected.html",
        viewer=viewer,
        formats=make_formats(request, group.time_zone),
        section="",
        code=code,
        counted=sorted(counted.items()),
        rows=[(each, _write(each)) for each in found],
        most=_MOST,
    )


def _write(rejected: RejectedFact) -> str:
    """The fact as it was sent, cut where it is very long."""
    text = json.dumps(rejected.fact, indent=1)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
