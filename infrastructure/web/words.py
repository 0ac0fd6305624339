"""The page of words: each word of the pages that a marketer does not use every day, in plain English."""

from fastapi import Request, Response

from infrastructure.http.state import Shared
from infrastructure.web.asking import read_formats
from infrastructure.web.rendering import render
from infrastructure.web.routing import new_routes
from infrastructure.web.sessions import Visitor

routes = new_routes()


@routes.get("/words")
async def show_words(request: Request, state: Shared, viewer: Visitor) -> Response:
    """Show what the words of the pages mean."""
    return render(
        request,
        "words.html",
        viewer=viewer,
        formats=await read_formats(request, state, viewer),
        section="words",
    )
