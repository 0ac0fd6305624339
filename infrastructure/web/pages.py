"""The pages of the dashboard, put together."""

from fastapi import FastAPI
from starlette.middleware import Middleware

from infrastructure.web import (
    about,
    assets,
    audit_page,
    campaigns,
    changing,
    compare,
    explanations,
    history,
    login,
    people,
    rejected,
    results,
    series,
    start,
    theme,
    users,
    wizard,
    words,
)
from infrastructure.web.csrf import SameOrigin
from infrastructure.web.refusals import handle_refusals


def attach(app: FastAPI) -> None:
    """Serve the dashboard beside the HTTP interface."""
    # As the innermost of all, so that what it refuses is counted and logged like any other answer.
    app.user_middleware.append(Middleware(SameOrigin))
    handle_refusals(app)
    # The wizard's /campaigns/new comes before /campaigns/{step}.
    rooms = (
        assets,
        login,
        theme,
        start,
        campaigns,
        wizard,
        changing,
        results,
        people,
        explanations,
        users,
        history,
        series,
        about,
        audit_page,
        compare,
        rejected,
        words,
    )
    for room in rooms:
        app.include_router(room.routes)
