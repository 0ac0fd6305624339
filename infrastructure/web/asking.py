"""Questions of pages: about the campaign of a path, as it is now or was at the position of a frozen link."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final, TypeVar

from fastapi import Request

from application.ledger import UnknownCampaign
from application.queries.campaigns import find_near_campaigns
from application.queries.frozen import At, read_at
from application.queries.reads import AskedCampaign, NotDraftedYet, Reads
from domain.campaigns.campaign import Campaign
from infrastructure.http import problems
from infrastructure.http.frozen import ask_frozen
from infrastructure.http.problems import Problem
from infrastructure.http.state import State, ask
from infrastructure.read_models.reads import Waiting
from infrastructure.web.failed import Failed
from infrastructure.web.formats import Formats
from infrastructure.web.links import campaign_path, read_step
from infrastructure.web.rendering import make_formats
from infrastructure.web.sessions import Viewer

T = TypeVar("T")

Part = Callable[[AskedCampaign], Any]
"""A question about the campaign that a page can do without."""


async def try_part(part: Awaitable[T]) -> T | Failed:
    """A part of a page, or why there is none."""
    try:
        return await part
    except Problem as problem:
        return Failed(problem.code, problem.detail)
    except problems.FAILURES as error:
        failure = problems.from_failure(error)
        return Failed(failure.code, failure.detail)


async def name_near(state: State, viewer: Viewer, campaign_id: str, error: UnknownCampaign) -> Problem:
    """The problem of an unknown campaign, with the ids that look like it."""
    near = await ask(
        state, viewer.app_group, lambda reads: find_near_campaigns(reads, viewer.app_group, campaign_id)
    )
    return Problem(
        HTTPStatus.NOT_FOUND, error.code, error.message, near=[(each, campaign_path(each)) for each in near]
    )


@dataclass(frozen=True)
class Questions:
    """Asks about the campaign of a page."""

    state: State
    viewer: Viewer
    campaign_id: str
    at: At | None = None
    """The position of a frozen link, or None for a page of what is so now."""

    @property
    def live(self) -> "Questions":
        """The same questions about what is so now."""
        return replace(self, at=None)

    async def ask_log(self, question: Callable[[AskedCampaign], T]) -> T:
        """Answer a question that may read much of the log; raises Problem while too many of these are answered."""
        return await self.ask(question, reads_log=True)

    async def ask(self, question: Callable[[AskedCampaign], T], *, reads_log: bool = False) -> T:
        """Answer a question; raises NotDraftedYet, and Problem, with near ids, where there is no such campaign."""
        of = (self.viewer.app_group, self.campaign_id)
        try:
            if self.at is None:
                return await ask(
                    self.state,
                    of[0],
                    lambda reads: question(AskedCampaign(reads, *of)),
                    reads_log=reads_log,
                )
            return await ask_frozen(
                self.state,
                of[0],
                lambda reads: question(AskedCampaign(reads, *of)),
                self.at,
                of[1],
                reads_log=reads_log,
            )
        except NotDraftedYet:
            raise
        except UnknownCampaign as error:
            raise await name_near(self.state, self.viewer, self.campaign_id, error) from None

    async def ask_with(
        self, question: Callable[[AskedCampaign], T], parts: Sequence[Part]
    ) -> tuple[T, list[Any]]:
        """Answer a question as `ask` does, and parts of a page, each of which may be Failed.

        All is read in one thread and, of what is so now, from one view of the ledger. A part that fails there, or has
        to wait for its read models, is asked once more, alone.
        """

        def ask_all(campaign: AskedCampaign) -> tuple[T, list[Any]]:
            return question(campaign), [_attempt(part, campaign) for part in parts]

        def read_once(campaign: AskedCampaign) -> tuple[T, list[Any]]:
            if not isinstance(campaign.reads, Waiting):
                return ask_all(campaign)
            with campaign.reads.in_one_transaction():
                return ask_all(_AskedOnce(campaign.reads, *campaign.key))

        answer, found = await self.ask(read_once)
        again = [number for number, each in enumerate(found) if each is _AGAIN]
        alone = await asyncio.gather(*(try_part(self.ask(parts[number])) for number in again))
        for number, each in zip(again, alone, strict=True):
            found[number] = each
        return answer, found


class _AskedOnce(AskedCampaign):
    """A campaign that several questions are about at one moment: it is loaded once."""

    def campaign(self) -> Campaign:
        """The campaign; raises UnknownCampaign."""
        return self._campaign

    @cached_property
    def _campaign(self) -> Campaign:
        return super().campaign()


_AGAIN: Final = object()


def _attempt(part: Part, campaign: AskedCampaign) -> object:
    try:
        return part(campaign)
    except Exception:  # noqa: BLE001 - whatever it is, it comes again when the part is asked alone
        return _AGAIN


def open_campaign(request: Request, state: State, viewer: Viewer, step: str) -> Questions:
    """The questions of a campaign's page, whose id is a step of the path; raises Problem and BadQuestion."""
    try:
        campaign_id = read_step(step)
    except ValueError:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown_campaign", "there is no such campaign") from None
    return Questions(state, viewer, campaign_id, read_frozen(request))


def read_frozen(request: Request) -> At | None:
    """The position of a frozen link, or None for a page of what is so now; raises BadQuestion and BadTime."""
    at = request.query_params.get("at")
    return read_at(at) if at else None


async def ask_at(state: State, app_group: str, question: Callable[[Reads], T], at: At | None) -> T:
    """Answer a question about no single campaign, as it is now or was at a position; raises Problem."""
    if at is None:
        return await ask(state, app_group, question)
    return await ask_frozen(state, app_group, question, at)


async def read_formats(request: Request, state: State, viewer: Viewer) -> Formats:
    """How the viewer sees figures: in the time zone of the app group; raises UnknownAppGroup."""
    zone = await asyncio.to_thread(state.definitions.zone, viewer.app_group)
    return make_formats(request, zone.key)
