"""The days of a campaign as JSON and CSV; the results page draws them."""

from fastapi import Request, Response

from application.queries.reads import Days
from application.queries.rows import series_rows
from application.queries.series import read_series
from infrastructure.http.reports import MOST_DAYS, read_day
from infrastructure.http.state import Shared
from infrastructure.web.asking import open_campaign
from infrastructure.web.routing import Kind, new_routes, read_kind, respond_csv, respond_json
from infrastructure.web.sessions import Visitor

routes = new_routes()


@routes.get("/campaigns/{step}/series.json")
@routes.get("/campaigns/{step}/series.csv")
async def give_series(request: Request, state: Shared, viewer: Visitor, step: str) -> Response:
    """Give the figures of each day, by variant too: those of the results page with the same parameters."""
    questions, given = open_campaign(request, state, viewer, step), request.query_params
    first, last = (read_day(name, given.get(name) or None) for name in ("from", "to"))
    days = Days(first, last)
    clock = given.get("clock") or "conversion"
    found = await questions.ask(lambda asked: read_series(asked, clock, days, most_days=MOST_DAYS))
    if read_kind(request) is Kind.JSON:
        return respond_json(request, found.as_json())
    return respond_csv(f"days-of-{questions.campaign_id}", found.position, series_rows(found))
