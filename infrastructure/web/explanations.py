"""Why a user converted on a campaign, or why not: the same answer wherever somebody asks."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response

from application.queries.explanation import ExplainedUser, Explanations
from application.queries.frozen import At
from application.queries.users import find_near_users
from infrastructure.http import users
from infrastructure.http.frozen import ask_frozen
from infrastructure.http.problems import Problem
from infrastructure.http.state import Shared, State, ask
from infrastructure.web.asking import Questions, open_campaign
from infrastructure.web.campaign_pages import read_head
from infrastructure.web.links import read_step
from infrastructure.web.rendering import render
from infrastructure.web.routing import Kind, new_routes, read_kind, respond_json
from infrastructure.web.sessions import Viewer, Visitor
from infrastructure.words.explanation import put_in_words

routes = new_routes()

MOST_CAMPAIGNS: Final = 50
"""So many campaigns are explained on the page of a user."""
MOST_ROWS: Final = 100
"""A page names so many receipts, purchases and so on of a user and a campaign; as JSON it has all."""


async def explain(questions: Questions, user_id: str) -> dict[str, Any]:
    """The explanation of a user and a campaign; raises Problem for an unknown campaign."""
    # The head of the page has found the campaign, or offered those that are near.
    await questions.ask(lambda asked: asked.definition())
    of = (questions.viewer.app_group, questions.campaign_id, user_id)
    return await users.explain(questions.state, *of, questions.at)


async def explain_everything(state: State, viewer: Viewer, user_id: str, at: At | None) -> ExplainedUser:
    """The journey of a user, and the explanations of the campaigns that the user received last; raises Problem."""
    of = (viewer.app_group, user_id, MOST_CAMPAIGNS)
    if at is None:
        return await state.turns.run(viewer.app_group, lambda: state.explanations.explain_everything(*of))
    return await ask_frozen(
        state,
        viewer.app_group,
        lambda reads: Explanations(reads.ledger, reads.streams).explain_everything(*of),
        at,
    )


@routes.get("/campaigns/{step}/users/{user}")
async def show_explanation(
    request: Request, state: Shared, viewer: Visitor, step: str, user: str
) -> Response:
    """Show why a user converted on a campaign, or why not."""
    questions, user_id = open_campaign(request, state, viewer, step), read_user(request, user)
    explained = await explain(questions, user_id)
    if read_kind(request) is Kind.JSON:
        return respond_json(request, explained)
    head, near = await read_head(request, questions), []
    # Ids that came later would not have been offered then.
    if not explained["known"] and questions.at is None:
        near = await ask(
            state, viewer.app_group, lambda reads: find_near_users(reads, viewer.app_group, user_id)
        )
    return render(
        request,
        "explanation.html",
        viewer=viewer,
        tab="people",
        user_id=user_id,
        explained=explained,
        said=put_in_words(explained, head.writing),
        most_rows=MOST_ROWS,
        of_user=read_kept_of_user(request),
        near=near,
        **head.values,
    )


def read_kept_of_user(request: Request) -> dict[str, str]:
    """The parameters that links to a user's page keep: its clock is another than that of results."""
    return {name: value for name, value in request.query_params.items() if name in {"at", "zone"} and value}


def read_user(request: Request, step: str) -> str:
    """The user's id in the last step of a path; raises Problem."""
    try:
        return read_step(step.removesuffix(read_kind(request).value))
    except ValueError:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown_user", "there is no such user") from None
