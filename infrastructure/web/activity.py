"""What the page of a campaign says that nobody has received yet: what came in lately, and how to send a receipt."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from babel.dates import format_timedelta
from fastapi import Request

from application.queries.arrivals import LOOKED_AT, RejectedLately, count_rejected_lately, find_last_fact_at
from infrastructure.http.state import State
from infrastructure.web.asking import Questions, try_part
from infrastructure.web.curl import write_curl
from infrastructure.web.failed import Failed
from infrastructure.web.sessions import Viewer

_LONGEST_ID = 255
_EARLIER = timedelta(hours=1)
"""So long before now the example is received, so that what the user does some minutes later is not in the future."""


async def count_rejected(state: State, viewer: Viewer) -> RejectedLately | Failed:
    """What the ledger rejected of the viewer's app group in the last day, or why that cannot be said."""
    counting = asyncio.to_thread(count_rejected_lately, state.arrivals, viewer.app_group, state.now())
    return await try_part(counting)


@dataclass(frozen=True)
class ShownActivity:
    """What came in lately, as the page says it."""

    last_fact_at: datetime | None
    ago: str
    receipt_command: str
    saw_all: bool
    """Whether all events of the ledger were looked at, and not only the last ones."""
    looked_at: int = LOOKED_AT


async def show_activity(
    request: Request, questions: Questions, report: dict[str, Any]
) -> ShownActivity | Failed | None:
    """What came in lately; None where nobody asks: of a draft, and of a campaign that has receipts."""
    if report["status"] == "draft" or any(each["receipts"] for each in report["variants"]):
        return None
    return await try_part(_read(request, questions, report))


async def _read(request: Request, questions: Questions, report: dict[str, Any]) -> ShownActivity:
    state, now = questions.state, questions.state.now()
    last = await asyncio.to_thread(find_last_fact_at, state.arrivals, questions.viewer.app_group)
    return ShownActivity(
        last,
        "" if last is None else tell_ago(last, now),
        write_receipt_command(request, report, now),
        int(report["position"]) <= LOOKED_AT,
    )


def write_receipt_command(request: Request, report: dict[str, Any], now: datetime) -> str:
    """A command that sends a receipt of this campaign, of a variant that is not the control group."""
    campaign_id = report["campaign_id"]
    variant = next(each["variant_id"] for each in report["variants"] if not each["control"])
    receipt = {
        "type": "received",
        "id": f"first-receipt-of-{campaign_id}"[:_LONGEST_ID],
        "user_id": "user-1",
        "campaign_id": campaign_id,
        "variant_id": variant,
        "at": now - _EARLIER,
    }
    return write_curl(request, receipt)


def tell_ago(instant: datetime, now: datetime) -> str:
    """How long ago something was: "12 seconds ago"."""
    if instant >= now:
        return "just now"
    # The sentence around it is English.
    return str(
        format_timedelta(instant - now, granularity="second", threshold=1, add_direction=True, locale="en")
    )
