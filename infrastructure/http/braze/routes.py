"""All that Braze's clients may call."""

from fastapi import APIRouter

from infrastructure.http.braze import directory, series, tracking

routes = APIRouter(tags=["braze"])

for room in (tracking, directory, series):
    routes.include_router(room.routes)
