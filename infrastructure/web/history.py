"""The history of a campaign: its events in order, in words, with who did it and when."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from fastapi import Request, Response

from application.queries.campaigns import CampaignHistory, read_history
from application.queries.reads import StoredEvent
from domain.instants import from_microseconds, printed
from infrastructure.http.state import Shared
from infrastructure.web.asking import open_campaign
from infrastructure.web.campaign_pages import Head, read_head
from infrastructure.web.rendering import render
from infrastructure.web.routing import Kind, Row, new_routes, read_kind, read_page, respond_csv, respond_json
from infrastructure.web.sessions import Viewer, Visitor
from infrastructure.words.campaign_history import HappenedInWords, describe_history, name_actor

routes = new_routes()

PAGE: Final = 50
_EVERY: Final = 100_000
"""More events than a campaign has: weights follow conversions at most twice a day."""


class _Line(NamedTuple):
    """An event, what it says, and who did it."""

    stored: StoredEvent
    said: HappenedInWords
    actor: str


@routes.get("/campaigns/{step}/history")
@routes.get("/campaigns/{step}/history.json")
@routes.get("/campaigns/{step}/history.csv")
async def show_history(request: Request, state: Shared, viewer: Visitor, step: str) -> Response:
    """Show the events of a campaign, fifty on a page; as JSON and CSV all of them."""
    kind, questions = read_kind(request), open_campaign(request, state, viewer, step)
    page = read_page(request) if kind is Kind.HTML else 1
    found = await questions.ask(lambda asked: read_history(asked, _EVERY))
    if kind is Kind.JSON:
        return respond_json(request, found.as_json())
    head = await read_head(request, questions)
    lines = _describe(found, head)
    if kind is Kind.CSV:
        position = _last_position(found) if questions.at is None else questions.at.position
        return respond_csv(f"history-of-{questions.campaign_id}", position, _rows(lines))
    return _show(request, viewer, head, lines, page)


def _describe(found: CampaignHistory, head: Head) -> list[_Line]:
    said = describe_history((each.event for each in found.events), head.writing)
    return [
        _Line(stored, words, name_actor(stored.actor))
        for stored, words in zip(found.events, said, strict=True)
    ]


def _show(request: Request, viewer: Viewer, head: Head, lines: Sequence[_Line], page: int) -> Response:
    shown = lines[(page - 1) * PAGE : page * PAGE]
    return render(
        request,
        "history.html",
        viewer=viewer,
        tab="history",
        lines=shown,
        events=len(lines),
        page=page,
        pages=max(1, -(-len(lines) // PAGE)),
        unchanged=_find_unchanged(lines),
        **head.values,
    )


def _find_unchanged(lines: Sequence[_Line]) -> set[int]:
    """Versions of events that give the same weights as before: there is nothing new to draw."""
    weighted = [each for each in lines if each.said.weights is not None]
    return {
        after.stored.version
        for before, after in pairwise(weighted)
        if before.said.weights == after.said.weights
    }


def _rows(lines: Sequence[_Line]) -> Iterator[Row]:
    """A head, then a row for each event."""
    yield ("version", "position", "recorded_at", "actor", "topic", "what", "details", "weights")
    for stored, said, _ in lines:
        weights = "; ".join(f"{each['id']} {each['weight']}" for each in said.weights or ())
        yield (
            stored.version,
            stored.position,
            printed(from_microseconds(stored.recorded_at)),
            stored.actor or "",
            stored.topic,
            said.sentence,
            " ".join(said.details),
            weights,
        )


def _last_position(found: CampaignHistory) -> int:
    return found.events[-1].position if found.events else 0
