"""RFC 9457 problem details: what went wrong, with a code for programs, and what to do next."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from eventsourcing.persistence import PersistenceError
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from application.commands.campaigns import CampaignChanged, CampaignExists
from application.ledger import UnknownAppGroup, UnknownCampaign
from application.queries.journey import UnknownUser
from domain.errors import (
    BadDefinition,
    CampaignIsArchived,
    CampaignIsFixed,
    CampaignNotLaunched,
    DomainError,
    TimeZoneIsFixed,
    UnknownVariant,
)
from infrastructure.database.failures import Busy, ConnectionLost, DiskFull, OutcomeUnknown
from infrastructure.http.answers import encode
from projections.engine.projection import ProjectionStopped, UnreadableLog

MEDIA_TYPE = "application/problem+json"

RETRY_SECONDS = 1
"""After how many seconds to send a request again that failed because the database was busy or away."""


class Problem(Exception):
    """Why a request is not carried out; `place` is a path in the request, or empty."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        *,
        place: str = "",
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.place = place
        self.headers = dict(headers or {})
        self.more = more

    def as_json(self) -> dict[str, Any]:
        """The problem details, as docs/http.md describes them."""
        return {
            "type": f"urn:conversion-ledger:problem:{self.code}",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "code": self.code,
            "place": self.place,
        } | self.more


def respond(problem: Problem) -> Response:
    """Answer with a problem."""
    return Response(encode(problem.as_json()), problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


_REFUSALS: Mapping[type[DomainError], HTTPStatus] = {
    UnknownAppGroup: HTTPStatus.NOT_FOUND,
    UnknownCampaign: HTTPStatus.NOT_FOUND,
    UnknownUser: HTTPStatus.NOT_FOUND,
    UnknownVariant: HTTPStatus.NOT_FOUND,
    CampaignChanged: HTTPStatus.CONFLICT,
    CampaignExists: HTTPStatus.CONFLICT,
    CampaignIsArchived: HTTPStatus.CONFLICT,
    CampaignIsFixed: HTTPStatus.CONFLICT,
    CampaignNotLaunched: HTTPStatus.CONFLICT,
    TimeZoneIsFixed: HTTPStatus.CONFLICT,
    BadDefinition: HTTPStatus.UNPROCESSABLE_ENTITY,
}


def from_refusal(error: DomainError) -> Problem:
    """The problem for a request that a rule of the domain refused."""
    for kind in type(error).__mro__:
        if kind in _REFUSALS:
            return Problem(_REFUSALS[kind], error.code, error.message, place=error.place)
    return Problem(HTTPStatus.BAD_REQUEST, error.code, error.message, place=error.place)


_FAILURES: Mapping[type[Exception], tuple[str, str]] = {
    DiskFull: ("disk_full", "the database has no space left; nothing of this request was stored"),
    Busy: ("database_busy", "the database was busy; nothing of this request was stored, send it again"),
    ConnectionLost: ("database_away", "the database cannot be reached; send the request again"),
    OutcomeUnknown: (
        "outcome_unknown",
        "the database went away during the commit; send the request again: what was recorded is a duplicate then",
    ),
}


def from_failure(error: Exception) -> Problem:
    """The problem for a failure of the database or a read model; it never repeats the database's own words."""
    if isinstance(error, ProjectionStopped):
        detail = f"the read model {error.name} stopped before position {error.position}; tell an operator"
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "projection_stopped", detail, headers=_AGAIN)
    if isinstance(error, UnreadableLog):
        detail = f"{error}; tell an operator: `conversions verify` checks the log"
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unreadable_log", detail, headers=_AGAIN)
    for kind, (code, detail) in _FAILURES.items():
        if isinstance(error, kind):
            return Problem(HTTPStatus.SERVICE_UNAVAILABLE, code, detail, headers=_AGAIN)
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "database",
        "the database failed; send the request again",
        headers=_AGAIN,
    )


_AGAIN = {"Retry-After": str(RETRY_SECONDS)}

FAILURES = (PersistenceError, SQLAlchemyError, ProjectionStopped, UnreadableLog)
"""The errors that `from_failure` takes."""
