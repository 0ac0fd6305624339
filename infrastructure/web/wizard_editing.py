"""What the pages that change a campaign share: the campaign as it is, and what somebody else changed meanwhile."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response

from application.ports import Stamp
from application.queries.campaigns import read_history
from application.queries.reads import AskedCampaign
from domain.app_group import AppGroup
from domain.campaigns.campaign import Campaign
from domain.campaigns.events import Status
from domain.instants import from_microseconds
from infrastructure.http.state import State, new_command_id
from infrastructure.web.asking import open_campaign
from infrastructure.web.faults import Faults
from infrastructure.web.rendering import make_formats, render
from infrastructure.web.sessions import Viewer
from infrastructure.web.wizard_create import Changed, Meanwhile, compare
from infrastructure.words.campaign_history import describe_history, name_actor
from infrastructure.words.quantities import Writing, isolated

_EVERY = 100_000
"""More events than a campaign has."""


@dataclass(frozen=True)
class Editing:
    """A campaign that somebody is about to change, and the app group that it is of."""

    request: Request
    state: State
    viewer: Viewer
    group: AppGroup
    campaign: Campaign

    @property
    def is_draft(self) -> bool:
        """Whether variants and conversion events may still change."""
        return self.campaign.status is Status.DRAFT

    def stamp(self) -> Stamp:
        """The stamp of a new command."""
        return self.viewer.stamp(new_command_id())

    async def now(self) -> "Editing":
        """The same, with the campaign as it is now."""
        key = (self.campaign.app_group, self.campaign.campaign_id)
        group = await asyncio.to_thread(self.state.ledger.existing_app_group, key[0])
        return replace(
            self, group=group, campaign=await asyncio.to_thread(self.state.ledger.existing_campaign, *key)
        )

    async def look(
        self, read_at: int, typed: dict[str, str], describe: Callable[[Campaign], dict[str, str]]
    ) -> Meanwhile:
        """What changed after a version, and where what was typed differs from what is stored."""
        asked = AskedCampaign(self.state.reads(None), self.campaign.app_group, self.campaign.campaign_id)
        found = (await asyncio.to_thread(read_history, asked, _EVERY)).events
        said = describe_history((each.event for each in found), Writing(name=isolated))
        changes = [
            Changed(words.sentence, name_actor(stored.actor), from_microseconds(stored.recorded_at))
            for stored, words in zip(found, said, strict=True)
            if stored.version > read_at
        ]
        return Meanwhile(changes, compare(describe(self.campaign), typed))

    def show(
        self,
        template: str,
        status: HTTPStatus = HTTPStatus.OK,
        *,
        faults: Faults | None = None,
        **values: Any,
    ) -> Response:
        """Answer with a page of the campaign."""
        campaign = self.campaign
        return render(
            self.request,
            template,
            viewer=self.viewer,
            formats=make_formats(self.request, self.group.time_zone),
            status=status,
            section="campaigns",
            tab="edit",
            kept={},
            report={
                "campaign_id": campaign.campaign_id,
                "name": campaign.name,
                "kind": campaign.kind.value,
                "status": campaign.status.value,
            },
            channel=campaign.channel,
            campaign=campaign,
            is_draft=self.is_draft,
            faults=faults or Faults(),
            **values,
        )


async def open_editing(request: Request, state: State, viewer: Viewer, step: str) -> Editing:
    """The campaign of a path, as it is now; raises Problem where there is none."""
    questions = open_campaign(request, state, viewer, step).live
    campaign = await questions.ask(lambda asked: asked.campaign())
    group = await asyncio.to_thread(state.ledger.existing_app_group, campaign.app_group)
    return Editing(request, state, viewer, group, campaign)
