"""The last audit: when it was made, of what, what it proves, and every difference that it found."""

import asyncio
from typing import Any, Final

from fastapi import Request, Response

from application.queries.audits import Audit, KeptAudits, read_audits
from application.queries.reads import BadQuestion
from infrastructure.audit.keeping import StoredAudits
from infrastructure.audit.wording import describe_problem
from infrastructure.http.state import Shared
from infrastructure.web.rendering import make_formats, render
from infrastructure.web.routing import Kind, new_routes, read_kind, respond_json
from infrastructure.web.sessions import Visitor
from infrastructure.words.quantities import Sentence, counted

routes = new_routes()

_COUNTED: Final = {
    "receipts": "Receipts",
    "unique_recipients": "Recipients of variants, users",
    "conversions": "Conversions",
    "purchases": "Purchases and orders that count",
}


@routes.get("/audit")
@routes.get("/audit.json")
async def show_audit(request: Request, state: Shared, viewer: Visitor) -> Response:
    """Show the last audit of the app group, or the one that `id` names."""
    audit_id, app_group = _read_id(request), str(viewer.app_group)
    found = await asyncio.to_thread(read_audits, state.reads(None), StoredAudits(), app_group, audit_id)
    if read_kind(request) is Kind.JSON:
        return respond_json(request, found.as_json())
    return render(
        request,
        "audit.html",
        viewer=viewer,
        formats=make_formats(request, state.ledger.existing_app_group(app_group).time_zone),
        section="audit",
        found=found,
        audit=found.shown,
        verdict=None if found.shown is None else _judge(found.shown),
        since=_count_since(found),
        counted=_COUNTED,
        kinds=_describe_kinds(found.shown),
    )


def _judge(audit: Audit) -> Sentence:
    outcome, number = audit.outcome, audit.outcome.differences
    if not number:
        return Sentence("Nothing differs: every figure is the one that the rules give.", "good")
    verb, listed = "differs" if number == 1 else "differ", len(outcome.listed)
    some = "" if listed == number else f" {listed:,} of them are listed."
    return Sentence(f"{counted(number, 'thing')} {verb} from what the rules give.{some}", "bad")


def _count_since(found: KeptAudits) -> int:
    """How many events of the log the audit does not know."""
    return 0 if found.shown is None else max(found.position - found.shown.position, 0)


def _describe_kinds(audit: Audit | None) -> list[dict[str, Any]]:
    return [
        {
            "subject": each.subject,
            "problem": describe_problem(each.problem),
            "claim": each.claim,
            "number": each.number,
        }
        for each in ([] if audit is None else audit.outcome.differences_by_kind)
    ]


def _read_id(request: Request) -> int | None:
    text = request.query_params.get("id") or None
    if text is not None and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadQuestion("an audit's id is a number, as the list has it", code="unknown_audit", place="id")
    return None if text is None else int(text)
