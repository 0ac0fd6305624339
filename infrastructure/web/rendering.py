"""Pages out of templates: escaped, packed, and with the headers that keep a browser from doing anything else."""

import asyncio
import gzip
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.types import Receive, Scope, Send

from infrastructure.http.state import get_state
from infrastructure.web import links
from infrastructure.web.assets import asset_url
from infrastructure.web.drawing import Draw
from infrastructure.web.event_names import write_event, write_event_choice
from infrastructure.web.failed import Failed
from infrastructure.web.formats import NO_FIGURE, Formats, choose_locale
from infrastructure.web.headers import page_headers
from infrastructure.web.sessions import Viewer
from infrastructure.words.conversion_events import state_rule
from infrastructure.words.quantities import Writing, deadline, format_instants_in, isolated
from infrastructure.words.variants import is_called_control, mark_control

_PACKED_FROM_BYTES = 1_000


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("infrastructure.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {
        "asset": asset_url,
        "campaign_path": links.campaign_path,
        "user_path": links.user_path,
        "with_query": links.with_query,
        "no_figure": NO_FIGURE,
        "event_name": write_event,
        "event_choice": write_event_choice,
        "is_called_control": is_called_control,
        "mark_control": mark_control,
        "rule": state_rule,
        "duration": deadline,
    }
    environment.filters["merge"] = links.merge
    environment.tests["failed"] = lambda part: isinstance(part, Failed)
    return environment


def make_formats(request: Request, time_zone: str = "UTC") -> Formats:
    """How the reader of a request sees figures; `?zone=utc` prints times in UTC."""
    zone = "UTC" if request.query_params.get("zone") == "utc" else time_zone
    return Formats(choose_locale(request.headers.get("accept-language", "")), ZoneInfo(zone))


def writing_of(formats: Formats) -> Writing:
    """How sentences are written for a page: instants in its time zone, and names that cannot turn a sentence."""
    return Writing(format_instants_in(formats.zone), isolated)


class Drawn(Response):
    """A page that another thread draws, because a big one would hold up whoever asks something else meanwhile."""

    def __init__(
        self,
        request: Request,
        write: Callable[[], str],
        status: HTTPStatus,
        headers: Mapping[str, str],
        turn_of: str = "",
    ) -> None:
        """`turn_of` is the app group whose turn it takes, so that the pages of one do not take all threads."""
        super().__init__(b"", status, headers, media_type="text/html")
        del self.headers["content-length"]
        self._request = request
        self._write = write
        self._turn_of = turn_of
        self._is_drawn = False

    async def draw(self) -> None:
        """Draw the page, unless it is drawn already; raises Problem (503) if its turn does not come."""
        if self._is_drawn:
            return
        if self._turn_of:
            await get_state(self._request).turns.run(self._turn_of, self._draw)
        else:
            await asyncio.to_thread(self._draw)
        self._is_drawn = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page."""
        await self.draw()
        await super().__call__(scope, receive, send)

    def _draw(self) -> None:
        """Its entity tag lets a browser that has the same page already keep it."""
        body, asked = self._write().encode(), self._request.headers
        if self.status_code == HTTPStatus.OK:
            tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
            self.headers["ETag"] = tag
            if tag in asked.get("if-none-match", ""):
                self.status_code = HTTPStatus.NOT_MODIFIED
                del self.headers["content-type"]
                return
        if len(body) >= _PACKED_FROM_BYTES and "gzip" in asked.get("accept-encoding", ""):
            body, self.headers["Content-Encoding"] = gzip.compress(body, 5, mtime=0), "gzip"
        self.body = body
        self.headers["Content-Length"] = str(len(body))


def render(
    request: Request,
    template: str,
    *,
    viewer: Viewer | None = None,
    formats: Formats | None = None,
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
    takes_turn: bool = True,
    **values: Any,
) -> Drawn:
    """Answer with a page; one of somebody who is logged in takes a turn of the app group, whatever its status."""
    formats = formats or make_formats(request)

    def write() -> str:
        return (
            _environment()
            .get_template(template)
            .render(
                request=request,
                viewer=viewer,
                f=formats,
                draw=Draw(formats),
                theme=_read_theme(request),
                here=_read_address(request),
                **values,
            )
        )

    sent = page_headers(request) | {"Vary": "Accept-Language, Accept-Encoding, Cookie"} | (headers or {})
    turn_of = viewer.app_group if viewer is not None and takes_turn else ""
    return Drawn(request, write, status, sent, turn_of)


def _read_address(request: Request) -> links.Address:
    return links.Address(request.scope["path"], dict(request.query_params))


def _read_theme(request: Request) -> str:
    """The colours that the reader chose: `light`, `dark`, or the system's."""
    chosen = request.cookies.get("theme", "")
    return chosen if chosen in {"light", "dark"} else "system"
