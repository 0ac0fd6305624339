"""Who looks at a page: the viewer of a session, and where somebody without one is sent."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request

from application.ports import Stamp
from application.queries.reads import BadQuestion
from infrastructure.access.keys import Key, Scope
from infrastructure.access.sessions import Session
from infrastructure.http.access import Caller
from infrastructure.http.problems import Problem
from infrastructure.http.state import get_state

START = "/start"
"""The page that makes the first app group."""

_LONGEST_NEXT = 4_000
_FIRST_LINK = "link:first"
"""The actor of what somebody does who has no key yet."""


@dataclass(frozen=True)
class Viewer:
    """Who looks at a page. One without a key followed the first link, and may only make the first app group."""

    session: Session

    @property
    def key(self) -> Key | None:
        """The key that was exchanged for the session."""
        return self.session.key

    @property
    def app_group(self) -> str:
        """The app group of the key: everything that the viewer may see is of it. Empty before there is one."""
        return "" if self.key is None else self.key.app_group

    @property
    def may_read(self) -> bool:
        """Whether the viewer may see the pages of an app group."""
        return self.key is not None

    @property
    def may_manage(self) -> bool:
        """Whether the viewer may change campaigns and the app group."""
        return self.key is not None and Scope.MANAGE in self.key.scopes

    def stamp(self, command_id: str) -> Stamp:
        """The stamp of a command of this viewer, which its events carry."""
        return Stamp(command_id, _FIRST_LINK) if self.key is None else Caller(self.key).stamp(command_id)


class LoginNeeded(Exception):
    """Nobody is logged in; `next` is the page to go on with after the login."""

    def __init__(self, next_path: str) -> None:
        super().__init__(next_path)
        self.next = next_path

    @property
    def location(self) -> str:
        """Where to log in."""
        return login_path(self.next)


class StartNeeded(Exception):
    """Somebody followed the first link, and there is no app group to see yet."""


class NotAllowed(Problem):
    """The viewer's key may not do this; a page says so, and a program gets the problem."""

    def __init__(self, viewer: Viewer, scope: Scope) -> None:
        held = "no key" if viewer.key is None else "a key with " + ", ".join(sorted(viewer.key.scopes))
        super().__init__(
            HTTPStatus.FORBIDDEN,
            "missing_scope",
            f"This needs a key with the scope {scope}; you are logged in with {held}.",
        )
        self.viewer = viewer


async def find_any_viewer(request: Request) -> Viewer:
    """Find who looks at the page, also somebody who has no app group yet.

    Raises LoginNeeded, Problem (401), and BadQuestion for an unknown zone.
    """
    session = await get_state(request).sessions.find(request)
    if session is not None:
        request.state.viewer = Viewer(session)
        _refuse_unknown_zone(request)
        return Viewer(session)
    if is_for_program(request):
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "unauthorized",
            "you are not logged in, or the session is over; log in at /login",
            headers={"WWW-Authenticate": 'Session realm="conversion-ledger"'} | _lead_to_login(request),
        )
    raise LoginNeeded(_read_place(request))


def _refuse_unknown_zone(request: Request) -> None:
    """Raise BadQuestion for a zone that no page has: times of another one would pass for those that were asked for."""
    zone = request.query_params.get("zone")
    if zone not in {None, "", "utc"}:
        raise BadQuestion(
            f"{zone!r} is no zone of this page: zone is utc, or is left out for the zone of the app group",
            code="bad_question",
            place="zone",
        )


async def find_viewer(request: Request) -> Viewer:
    """Find who looks at a page of an app group; raises as `find_any_viewer` does, and StartNeeded."""
    viewer = await find_any_viewer(request)
    if viewer.key is None:
        if is_for_program(request):
            raise NotAllowed(viewer, Scope.READ)
        raise StartNeeded
    get_state(request).access.take_turn(viewer.key)
    return viewer


async def find_manager(request: Request) -> Viewer:
    """Find who changes something; raises as `find_viewer` does, and NotAllowed."""
    viewer = await find_viewer(request)
    if not viewer.may_manage:
        raise NotAllowed(viewer, Scope.MANAGE)
    return viewer


Visitor = Annotated[Viewer, Depends(find_viewer)]
"""The viewer of a page of an app group."""
Manager = Annotated[Viewer, Depends(find_manager)]
"""The viewer of a page that changes something: the key has the scope `manage`."""
AnyVisitor = Annotated[Viewer, Depends(find_any_viewer)]
"""The viewer of the page that makes the first app group, who has no key; others may have one."""


async def adopt(request: Request, viewer: Viewer, key: Key) -> bool:
    """Let a viewer who had no key go on with the key of the first app group; says whether there was none before."""
    return await get_state(request).sessions.adopt(viewer.session, key)


def is_for_program(request: Request) -> bool:
    """Whether a program asks, which a page or a redirect would not help: for a twin, or for a part of a page."""
    path = request.scope["path"]
    return path.endswith((".json", ".csv")) or "hx-request" in request.headers


def login_path(next_path: str) -> str:
    """The login page that goes on with another page afterwards."""
    return "/login" if next_path == "/" else f"/login?next={quote(next_path, safe='')}"


def choose_next(text: str) -> str:
    """The page to go on with after the login: one of ours, by its path; the first page for anything else."""
    if not is_local_path(text):
        return "/"
    path = text.partition("?")[0].partition("#")[0]
    return "/" if path in {"/login", "/logout", START} or path.startswith("/login/") else text


def is_local_path(text: str) -> bool:
    """Whether a text is a path of this service, which may be redirected to."""
    is_plain = len(text) <= _LONGEST_NEXT and all("!" <= each <= "~" for each in text)
    # A browser reads a backslash as a slash, and what begins with two slashes as another host.
    return is_plain and "\\" not in text and text.startswith("/") and not text.startswith("//")


def _lead_to_login(request: Request) -> dict[str, str]:
    """What makes the script of a page, which asked for a part of it, open the login page."""
    if "hx-request" not in request.headers:
        return {}
    if request.method in {"GET", "HEAD"}:
        return {"HX-Redirect": login_path(_read_place(request))}
    shown = urlsplit(request.headers.get("hx-current-url", ""))
    path = shown.path + (f"?{shown.query}" if shown.query else "")
    return {"HX-Redirect": login_path(choose_next(path))}


def _read_place(request: Request) -> str:
    query = request.scope["query_string"].decode("ascii", "replace")
    return choose_next(request.scope["path"] + (f"?{query}" if query else ""))
