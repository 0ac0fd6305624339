"""The colours that a reader chose: light, dark, or the system's."""

from fastapi import Request, Response

from infrastructure.http.origins import find_origin
from infrastructure.http.state import Shared
from infrastructure.web.headers import redirect
from infrastructure.web.posted import Posted, malformed
from infrastructure.web.routing import new_routes
from infrastructure.web.sessions import is_local_path

routes = new_routes()

THEMES = ("system", "light", "dark")
_YEAR = 365 * 86_400


@routes.post("/theme")
async def choose(request: Request, state: Shared, fields: Posted) -> Response:
    """Keep the colours in a cookie for a year, and go back to the page; also for somebody who is not logged in."""
    theme, back = fields.one("theme"), fields.one("back")
    if theme not in THEMES:
        raise malformed()
    response = redirect(request, back if is_local_path(back) else "/")
    origin = find_origin(request, state.settings.web.origin)
    is_https = origin is not None and origin.is_https
    if theme == "system":
        response.delete_cookie("theme", path="/", secure=is_https, httponly=True, samesite="lax")
    else:
        response.set_cookie(
            "theme", theme, max_age=_YEAR, path="/", secure=is_https, httponly=True, samesite="lax"
        )
    return response
