"""The routes of the dashboard, as the service has them: so that no page is left out of what is checked of all."""

from functools import cache

from fastapi import FastAPI
from starlette.routing import Route

from infrastructure.web.pages import attach


@cache
def routes() -> list[Route]:
    """All routes, in the order in which the service asks them."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    attach(app)
    found = [route for included in app.routes for route in included.original_router.routes]  # type: ignore[attr-defined] # FastAPI's own class
    assert all(isinstance(route, Route) for route in found)
    return found


def of(method: str) -> list[str]:
    """The paths of the routes with a method."""
    return [route.path for route in routes() if method in (route.methods or ())]


def route_of(path: str, method: str = "GET") -> str | None:
    """The path of the route that answers."""
    bare = path.partition("?")[0]
    return next(
        (
            route.path
            for route in routes()
            if method in (route.methods or ()) and route.path_regex.match(bare)
        ),
        None,
    )
