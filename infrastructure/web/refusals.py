"""What is answered to somebody who is not logged in, may not see a page, or asks for one that is not there."""

from fastapi import FastAPI, Request, Response

from infrastructure.http import problems
from infrastructure.web.headers import harden, redirect
from infrastructure.web.routing import answer_problem, show_problem
from infrastructure.web.sessions import START, LoginNeeded, NotAllowed, StartNeeded, is_for_program


def handle_refusals(app: FastAPI) -> None:
    """Answer what the dependencies of pages raise, and what no page answers."""
    app.state.answer_problem = answer_problem

    @app.exception_handler(LoginNeeded)
    async def log_in(request: Request, needed: LoginNeeded) -> Response:
        return redirect(request, needed.location)

    @app.exception_handler(StartNeeded)
    async def start(request: Request, _needed: StartNeeded) -> Response:
        return redirect(request, START)

    @app.exception_handler(NotAllowed)
    async def not_allowed(request: Request, refused: NotAllowed) -> Response:
        if is_for_program(request):
            return harden(request, problems.respond(refused))
        return show_problem(request, refused, refused.viewer)
