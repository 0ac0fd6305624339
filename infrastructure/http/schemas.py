"""The shapes of requests and answers, for /openapi.json; tests compare real answers with them."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from application.commands.definitions import AppGroupCommand, Id
from application.commands.facts import AnyFactCommand
from application.queries.assignments import MOST_USER_IDS
from domain.campaigns.assignment import Because
from infrastructure.http.definitions import (
    AppGroupShape,
    CampaignChange,
    CampaignShape,
    Instant,
    NewCampaign,
    OfCampaignShape,
    Position,
    Shape,
    describe_conversion_events,
)
from infrastructure.http.origins import SECURE_COOKIE
from infrastructure.http.problems import MEDIA_TYPE


class ProblemDetails(BaseModel):
    """RFC 9457: what went wrong; `code` is for programs, `place` a path in what was asked, or empty."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    place: str


class Facts(BaseModel):
    """Facts in the shape of docs/files.md; each gets its own verdict."""

    model_config = ConfigDict(extra="forbid")

    facts: Annotated[list[AnyFactCommand], Field(max_length=1_000)]


class UserIds(BaseModel):
    """Users of the app group, known or not; a user who is named twice is answered twice."""

    model_config = ConfigDict(extra="forbid")

    user_ids: Annotated[list[Id], Field(description=f"At most {MOST_USER_IDS:,}; more are answered 413.")]


class AssignmentShape(Shape):
    """The variant that a user gets, and why; null if the campaign is not launched."""

    user_id: str
    variant_id: str | None
    control: bool
    because: Annotated[
        Because,
        Field(description=f"{', '.join(f'`{each}`' for each in Because)}; the last three have no variant."),
    ]


class AssignmentsShape(OfCampaignShape):
    """The variant that each user gets, in the order of the request."""

    assignments: list[AssignmentShape]


class Rejected(Shape):
    """A fact that was not taken; `index` is its place in the call, counted from 0."""

    index: int
    id: str | None
    code: str
    message: str


class FactsTaken(Shape):
    """The outcome of the facts of a call; `position` is not before any of them."""

    accepted: int
    duplicates: int
    rejected: list[Rejected]
    position: Position


class ExplanationShape(BaseModel):
    """Why a user converted on a campaign, or why not."""

    app_group: str
    campaign_id: str
    name: str
    user_id: str
    known: bool
    receipts: list[dict[str, Any]]
    conversion_events: list[dict[str, Any]]
    revenue: list[dict[str, Any]]
    orders_without_money: list[dict[str, Any]]
    disregarded: list[dict[str, Any]]
    refunds_without_effect: list[dict[str, Any]]


class JourneyEventShape(Shape):
    """An event of a journey: a fact, or a decision about one."""

    position: Position
    version: int
    recorded_at: Instant
    topic: str
    event: dict[str, Any]


class JourneyShape(Shape):
    """A page of a journey, the newest event last."""

    app_group: str
    user_id: str
    events: list[JourneyEventShape]
    next_cursor: str | None


_BODIES: dict[str, type[BaseModel]] = {
    each.__name__: each for each in (Facts, AppGroupCommand, NewCampaign, CampaignChange, UserIds)
}
_REFERENCE = "#/components/schemas/{model}"


def describe_body(name: str) -> dict[str, Any]:
    """Describe the body of a route that reads it without the framework."""
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": _REFERENCE.format(model=name)}}},
        }
    }


_ALWAYS = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


WITH_A_BODY = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)
"""What a route that reads a body may answer in addition."""


def describe_answers(
    model: type[BaseModel] | None, *others: HTTPStatus, status: HTTPStatus = HTTPStatus.OK
) -> dict[int | str, Any]:
    """Describe what a route may answer: a shape, or a problem."""
    problem = {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model="ProblemDetails")}}}
    described: dict[int | str, Any] = {
        each.value: {"description": each.phrase, "content": problem} for each in (*others, *_ALWAYS)
    }
    described[status.value] = {"description": status.phrase} | ({} if model is None else {"model": model})
    return described


def describe(app: FastAPI, version: str) -> dict[str, Any]:
    """The content of /openapi.json."""
    openapi = get_openapi(
        title="Conversion Ledger",
        version=version,
        summary="Which campaigns turned users into customers, and why.",
        routes=app.routes,
        openapi_version="3.1.0",
    )
    models = [(each, "validation") for each in (*_BODIES.values(), ProblemDetails)]
    _, defined = models_json_schema(models, ref_template=_REFERENCE)  # type: ignore[arg-type]
    components = openapi.setdefault("components", {})
    components["schemas"] = defined["$defs"] | components.get("schemas", {})
    describe_conversion_events(components["schemas"])
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer"},
        "writeKey": {"type": "http", "scheme": "basic"},
        "session": {"type": "apiKey", "in": "cookie", "name": SECURE_COOKIE},
    }
    openapi["security"] = [{"key": []}]
    return openapi


__all__ = [
    "AppGroupShape",
    "CampaignShape",
    "Id",
    "Instant",
    "Position",
    "Shape",
    "describe",
    "describe_answers",
    "describe_body",
]
