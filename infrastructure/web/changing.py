"""The steps of a campaign's life, and the declaration of its winner: each has a page that asks first."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import Request, Response

from application.commands.campaigns import CampaignChanged, Campaigns
from application.ports import Stamp
from application.queries.reads import BadQuestion
from domain.campaigns.campaign import Campaign
from domain.campaigns.events import Status
from domain.campaigns.evidence import DecidingTest
from infrastructure.http.state import Shared, ask
from infrastructure.settings import read_settings
from infrastructure.web.headers import redirect
from infrastructure.web.links import campaign_path
from infrastructure.web.posted import Posted, malformed
from infrastructure.web.routing import new_routes
from infrastructure.web.sessions import Manager
from infrastructure.web.wizard_editing import Editing, open_editing
from infrastructure.web.wizard_review import show_review

if TYPE_CHECKING:
    from application.queries.results import ExperimentResults

routes = new_routes()


@dataclass(frozen=True)
class _Step:
    """A step in a campaign's life, and what its page says before it is taken."""

    name: str
    heading: str
    consequences: tuple[str, ...]
    from_statuses: frozenset[Status]
    decide: Callable[[Campaigns, str, str, Stamp], Campaign]
    is_final: bool = False


_STEPS = (
    _Step(
        "stop",
        "Stop this campaign?",
        (
            "Assignment gives nobody a variant of it from then on.",
            "Windows that are open run on: what users do in them still counts.",
            "Receipts that are reported later are still taken.",
            "You can launch it again.",
        ),
        frozenset({Status.LAUNCHED}),
        Campaigns.stop,
    ),
    _Step(
        "archive",
        "Archive this campaign?",
        (
            "Nobody can take this back: an archived campaign is never launched again, and nothing of it changes.",
            "Its figures stay, and receipts and conversions that are reported later still count.",
        ),
        frozenset({Status.DRAFT, Status.LAUNCHED, Status.STOPPED}),
        Campaigns.archive,
        is_final=True,
    ),
)


def _add(taken: _Step) -> None:
    """Add the page that asks, and what it sends."""

    @routes.get(f"/campaigns/{{step}}/{taken.name}", name=f"ask_to_{taken.name}")
    async def ask_first(request: Request, state: Shared, viewer: Manager, step: str) -> Response:
        return _ask_first(await open_editing(request, state, viewer, step), taken)

    @routes.post(f"/campaigns/{{step}}/{taken.name}", name=f"{taken.name}_on_a_page")
    async def take(request: Request, state: Shared, viewer: Manager, step: str) -> Response:
        editing = await open_editing(request, state, viewer, step)
        campaign = editing.campaign
        await asyncio.to_thread(
            taken.decide, state.campaigns, campaign.app_group, campaign.campaign_id, editing.stamp()
        )
        return redirect(request, campaign_path(campaign.campaign_id))


def _ask_first(editing: Editing, step: _Step) -> Response:
    return editing.show(
        "wizard/confirm.html",
        step=step,
        can=editing.campaign.status in step.from_statuses,
        action=campaign_path(editing.campaign.campaign_id, step.name),
    )


@routes.get("/campaigns/{step}/launch")
async def ask_to_launch(request: Request, state: Shared, viewer: Manager, step: str) -> Response:
    """Show the review of a draft; ask before a stopped campaign is launched again."""
    editing = await open_editing(request, state, viewer, step)
    return show_review(editing) if editing.is_draft else _ask_first(editing, _AGAIN)


@routes.post("/campaigns/{step}/launch")
async def launch(request: Request, state: Shared, viewer: Manager, step: str, fields: Posted) -> Response:
    """Launch the campaign that was looked at; if somebody changed it meanwhile, show it again."""
    editing = await open_editing(request, state, viewer, step)
    campaign, read_at = editing.campaign, fields.whole("version")
    if read_at is None:
        raise malformed()
    try:
        await asyncio.to_thread(
            lambda: state.campaigns.launch(
                campaign.app_group, campaign.campaign_id, editing.stamp(), read_at=read_at
            )
        )
    except CampaignChanged:
        editing = await editing.now()
        if editing.campaign.status is Status.LAUNCHED:
            # Who pressed twice, or second, gets what was wanted.
            return redirect(request, campaign_path(campaign.campaign_id))
        if not editing.is_draft:
            return _ask_first(editing, _AGAIN)
        return show_review(editing, HTTPStatus.CONFLICT, await editing.look(read_at, {}, lambda _: {}))
    return redirect(request, campaign_path(campaign.campaign_id))


_AGAIN = _Step(
    "launch",
    "Launch this campaign again?",
    (
        "Assignment gives users its variants from then on.",
        "Variants and conversion events stay as they were at the first launch.",
    ),
    frozenset({Status.STOPPED}),
    Campaigns.launch,
)


# The winner


@routes.get("/campaigns/{step}/winner")
async def show_winner(request: Request, state: Shared, viewer: Manager, step: str) -> Response:
    """Show the evidence for a winner before one is declared."""
    editing = await open_editing(request, state, viewer, step)
    return _show_winner(editing, await _read_results(editing, _read_test(request.query_params.get("test"))))


@routes.post("/campaigns/{step}/winner")
async def declare(request: Request, state: Shared, viewer: Manager, step: str, fields: Posted) -> Response:
    """Declare the winner that was shown; if the test no longer says so, show what it says."""
    # The statistical distributions take long to load, so that only the pages of results load them.
    from application.queries.results import declare_winner  # noqa: PLC0415

    editing = await open_editing(request, state, viewer, step)
    found = await _read_results(editing, _read_test(fields.one("test")))
    shown = fields.values.get("variant", [""])[0]
    if found.results.decision.winner is None or shown != found.results.decision.winner:
        return _show_winner(editing, found, HTTPStatus.CONFLICT)
    await asyncio.to_thread(declare_winner, state.experiments, found, editing.stamp())
    return redirect(request, campaign_path(editing.campaign.campaign_id))


async def _read_results(editing: Editing, test: DecidingTest) -> "ExperimentResults":
    from application.queries.reads import AskedCampaign  # noqa: PLC0415
    from application.queries.results import read_results  # noqa: PLC0415

    campaign = editing.campaign
    return await ask(
        editing.state,
        campaign.app_group,
        lambda reads: read_results(AskedCampaign(reads, campaign.app_group, campaign.campaign_id), test),
    )


def _show_winner(
    editing: Editing, found: "ExperimentResults", status: HTTPStatus = HTTPStatus.OK
) -> Response:
    results = found.as_json()
    declared = editing.campaign.winner
    return editing.show(
        "wizard/winner.html",
        status,
        results=results,
        decision=results["winner"],
        leads=found.leads(),
        declared=None if declared is None else declared.variant_id,
        primary=next(iter(results["conversion_events"]), None),
        changed=status is HTTPStatus.CONFLICT,
        action=campaign_path(editing.campaign.campaign_id, "winner"),
    )


def _read_test(stated: str | None) -> DecidingTest:
    if not stated:
        return read_settings().deciding_test
    try:
        return DecidingTest(stated)
    except ValueError:
        tests = ", ".join(DecidingTest)
        raise BadQuestion(f"the test is one of {tests}", code="bad_test", place="test") from None


for _each in _STEPS:
    _add(_each)
