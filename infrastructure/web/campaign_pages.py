"""What the pages of one campaign share: its head, the parameters that links keep, and how sentences are written."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request

from application.queries.campaigns import campaign_as_json
from domain.campaigns.campaign import Campaign
from domain.instants import printed
from infrastructure.web.asking import Questions
from infrastructure.web.formats import Formats
from infrastructure.web.rendering import make_formats
from infrastructure.words.quantities import Writing, format_instants_in, isolated

_KEPT = ("at", "clock", "test", "zone")


@dataclass(frozen=True)
class Head:
    """The campaign that a page is about, and the page's formats."""

    campaign: Campaign
    formats: Formats
    kept: dict[str, str]

    @property
    def values(self) -> dict[str, Any]:
        """What the template campaign.html needs."""
        report = campaign_as_json(self.campaign)
        return {
            "section": "campaigns",
            "report": report,
            "channel": report["channel"],
            "formats": self.formats,
            "kept": self.kept,
        }

    @property
    def writing(self) -> Writing:
        """How sentences of the page are written: in its time zone."""
        return Writing(format_instants_in(self.formats.zone), isolated)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the page."""
        return self.formats.zone


async def read_head(request: Request, questions: Questions) -> Head:
    """The head of a campaign's page; raises Problem for an unknown campaign."""
    campaign = await questions.ask(lambda asked: asked.campaign())
    group = questions.state.ledger.existing_app_group(campaign.app_group)
    kept = {name: value for name, value in request.query_params.items() if name in _KEPT and value}
    return Head(campaign, make_formats(request, group.time_zone), kept)


def freeze_now(questions: Questions, position: int | str) -> str:
    """The parameter `at` of a frozen link to what is shown now."""
    return questions.at or f"{position},{printed(questions.state.now())}"
