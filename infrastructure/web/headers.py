"""The headers of every page: the browser loads and runs what comes from here, and nothing else."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

NOT_STORED = {"Cache-Control": "no-store"}
"""For pages and redirects that log in or out."""

_PAGE = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

_NOTHING = {"Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"}
"""For JSON, CSV and static files."""

_HSTS = "max-age=31536000"
"""A year of HTTPS only, for this host alone: other hosts of the domain are no concern of the service."""


def page_headers(request: Request) -> dict[str, str]:
    """The headers of a page that answers a request."""
    published = request.app.state.conversions.settings.web.origin
    is_https = published is not None and published.startswith("https://")
    return _PAGE | ({"Strict-Transport-Security": _HSTS} if is_https else {})


def harden(request: Request, response: Response) -> Response:
    """Give an answer that is no page the headers of one: what a browser shows of it loads and runs nothing at all."""
    for name, value in (page_headers(request) | _NOTHING).items():
        response.headers.setdefault(name, value)
    return response


def redirect(request: Request, path: str) -> Response:
    """Send the browser to another page of ours, with GET."""
    headers = page_headers(request) | NOT_STORED | {"Location": path}
    return Response(status_code=HTTPStatus.SEE_OTHER, headers=headers)
