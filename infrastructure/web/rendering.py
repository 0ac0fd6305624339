"""Pages out of templates, with the headers that keep a browser from doing anything else."""

from functools import cache
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from infrastructure.web.headers import page_headers
from infrastructure.web.sessions import Viewer


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("infrastructure.web"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )


def render(
    request: Request,
    template: str,
    *,
    viewer: Viewer | None = None,
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> Response:
    """Answer with a page."""
    text = _environment().get_template(template).render(request=request, viewer=viewer, **values)
    return Response(text, status, headers=page_headers(request) | (headers or {}), media_type="text/html")
