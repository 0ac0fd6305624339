"""The static files of the pages. A file's URL names its content, so that browsers may keep it for ever."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib.resources import files

from fastapi import APIRouter, Request, Response

from infrastructure.http.problems import Problem
from infrastructure.pictures.picture import stylesheet

routes = APIRouter(include_in_schema=False)

_KINDS = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class Asset:
    """A static file."""

    url: str
    kind: str
    body: bytes
    zipped: bytes


@cache
def load_assets() -> dict[str, Asset]:
    """All static files, by name."""
    found = {}
    for file in sorted(files("infrastructure.web").joinpath("static").iterdir(), key=lambda each: each.name):
        stem, _, kind = file.name.rpartition(".")
        if kind not in _KINDS:
            continue
        body = file.read_bytes()
        if file.name == "site.css":
            body += stylesheet().encode()
        digest = hashlib.sha256(body).hexdigest()[:16]
        found[file.name] = Asset(
            f"/static/{stem}.{digest}.{kind}", _KINDS[kind], body, gzip.compress(body, mtime=0)
        )
    return found


def asset_url(name: str) -> str:
    """The URL of a static file."""
    return load_assets()[name].url


@cache
def _by_url() -> dict[str, Asset]:
    return {asset.url: asset for asset in load_assets().values()}


@routes.get("/static/{name}")
async def send_asset(request: Request, name: str) -> Response:
    """Send a static file."""
    asset = _by_url().get(f"/static/{name}")
    if asset is None:
        raise Problem(HTTPStatus.NOT_FOUND, "not_found", "there is no such file")
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.zipped, media_type=asset.kind, headers=headers | {"Content-Encoding": "gzip"})
    return Response(asset.body, media_type=asset.kind, headers=headers)
