"""What the pages of one campaign share: its head, and the parameters that links keep."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request

from application.queries.campaigns import campaign_as_json
from domain.campaigns.campaign import Campaign
from infrastructure.web.asking import Questions, read_formats
from infrastructure.web.formats import Formats
from infrastructure.web.rendering import writing_of
from infrastructure.words.quantities import Writing

_KEPT = ("clock", "test", "zone")


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
        """How sentences of the page are written."""
        return writing_of(self.formats)


async def read_head(request: Request, questions: Questions) -> Head:
    """The head of a campaign's page; raises Problem for an unknown campaign."""
    campaign = await questions.ask(lambda asked: asked.campaign())
    formats = await read_formats(request, questions.state, questions.viewer)
    return Head(campaign, formats, read_kept(request))


def read_kept(request: Request, *more: str) -> dict[str, str]:
    """The parameters that links to the campaign's other pages keep; `more` are those of this page alone."""
    return {name: value for name, value in request.query_params.items() if name in {*_KEPT, *more} and value}
