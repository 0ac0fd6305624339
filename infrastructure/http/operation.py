"""Routes for operators: whether a process lives, whether it can work, and its metrics."""

import asyncio
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Response

from infrastructure.http import metrics
from infrastructure.http.answers import respond
from infrastructure.http.problems import Problem
from infrastructure.http.state import Shared, State
from projections.engine import generations
from projections.registry import PROJECTIONS

routes = APIRouter(tags=["operation"])

_OPEN: dict[str, Any] = {"security": []}
"""These routes need no key: they say nothing about any app group."""


@routes.get("/healthz", summary="Whether the process lives", response_class=Response, openapi_extra=_OPEN)
async def healthz() -> Response:
    """Say that the process answers, even if it cannot work."""
    return respond({"status": "ok"})


@routes.get("/readyz", summary="Whether the process can work", response_class=Response, openapi_extra=_OPEN)
async def readyz(state: Shared) -> Response:
    """Say that the database answers and how far the read models are; 503 if it does not, or at the process's end."""
    if state.ending.is_set():
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "ending", "this process is about to end")
    return respond(await asyncio.to_thread(_check, state))


def _check(state: State) -> dict[str, Any]:
    with state.database.reading() as connection:
        newest = state.log.last_position(connection)
        found = generations.find_currents(connection, PROJECTIONS)
    read_models = {
        projection.name: {
            "position": str(0 if generation is None else generation.position),
            "lag_events": newest - (0 if generation is None else generation.position),
            "stopped": generation is not None and generation.problem is not None,
        }
        for projection, generation in found.items()
    }
    return {"status": "ok", "position": str(newest), "read_models": read_models}


@routes.get("/metrics", summary="Metrics for Prometheus", response_class=Response, openapi_extra=_OPEN)
async def show_metrics(state: Shared) -> Response:
    """Print counters of requests and facts, and gauges of read models and rejected facts."""
    metrics.WAITING.set(state.queue.waiting)
    ledger = "\n".join([*await asyncio.to_thread(state.gauges), ""]).encode()
    return Response(
        await asyncio.to_thread(metrics.render) + ledger,
        media_type="text/plain; version=0.0.4; charset=utf-8",
    )
