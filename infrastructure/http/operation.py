"""What operators ask: whether a process lives, whether it can work, and what it has counted."""

import asyncio
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Response

from infrastructure.http import metrics
from infrastructure.http.answers import answered
from infrastructure.http.problems import Problem
from infrastructure.http.state import Shared, State
from infrastructure.read_models import gauges
from projections.engine import generations
from projections.registry import PROJECTIONS

routes = APIRouter(tags=["operation"])

_OPEN: dict[str, Any] = {"security": []}
"""Asked without a key: they tell nothing of any app group."""


@routes.get("/healthz", summary="Whether the process lives", response_class=Response, openapi_extra=_OPEN)
async def healthz() -> Response:
    """Say that the process answers, whatever it can do."""
    return answered({"status": "ok"})


@routes.get("/readyz", summary="Whether the process can work", response_class=Response, openapi_extra=_OPEN)
async def readyz(state: Shared) -> Response:
    """Say that the database answers and how far the read models are; 503 where it does not, or when about to end."""
    if state.ending.is_set():
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "ending", "this process is about to end")
    return answered(await asyncio.to_thread(_ready, state))


def _ready(state: State) -> dict[str, Any]:
    with state.service.database.reading() as connection:
        newest = state.service.projector.log.last_position(connection)
        found = generations.find_currents(connection, PROJECTIONS)
    standing = {
        projection.name: {
            "position": str(0 if generation is None else generation.position),
            "lag_events": newest - (0 if generation is None else generation.position),
            "stopped": generation is not None and generation.problem is not None,
        }
        for projection, generation in found.items()
    }
    return {"status": "ok", "position": str(newest), "read_models": standing}


@routes.get(
    "/metrics", summary="What was counted, for Prometheus", response_class=Response, openapi_extra=_OPEN
)
async def show_metrics(state: Shared) -> Response:
    """Print counters of requests and facts, and how read models and rejected facts stand."""
    metrics.WAITING.set(state.gathering.waiting)
    lines = await asyncio.to_thread(gauges.of_ledger, state.service)
    standing = "\n".join([*lines, ""]).encode()
    return Response(
        await asyncio.to_thread(metrics.printed) + standing,
        media_type="text/plain; version=0.0.4; charset=utf-8",
    )
