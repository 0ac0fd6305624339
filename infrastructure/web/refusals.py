"""What is answered to somebody who is not logged in, or may not see a page."""

from fastapi import FastAPI, Request, Response

from infrastructure.http import problems
from infrastructure.web.headers import redirect
from infrastructure.web.routing import show_problem
from infrastructure.web.sessions import START, LoginNeeded, NotAllowed, StartNeeded, is_for_program


def handle_refusals(app: FastAPI) -> None:
    """Answer what the dependencies of pages raise."""

    @app.exception_handler(LoginNeeded)
    async def log_in(request: Request, needed: LoginNeeded) -> Response:
        return redirect(request, needed.location)

    @app.exception_handler(StartNeeded)
    async def start(request: Request, _needed: StartNeeded) -> Response:
        return redirect(request, START)

    @app.exception_handler(NotAllowed)
    async def not_allowed(request: Request, refused: NotAllowed) -> Response:
        if is_for_program(request):
            return problems.respond(refused)
        return show_problem(request, refused, refused.viewer)
