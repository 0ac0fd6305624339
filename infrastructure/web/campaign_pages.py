"""What the pages of one campaign share: its head, the position that they show, and the parameters that links keep."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from fastapi import Request

from application.queries.campaigns import campaign_as_json
from application.queries.frozen import At
from application.queries.reads import AskedCampaign, Reads
from domain.campaigns.campaign import Campaign
from infrastructure.web.asking import Questions, try_part
from infrastructure.web.changes_since import Since, read_since
from infrastructure.web.failed import Failed
from infrastructure.web.formats import Formats
from infrastructure.web.rendering import make_formats, writing_of
from infrastructure.words.quantities import Writing

_KEPT = ("at", "clock", "test", "zone")


@dataclass(frozen=True)
class Shown:
    """What a page shows: what was recorded up to a position, judged as of an instant."""

    position: int
    instant: datetime

    @property
    def link(self) -> str:
        """The parameter `at` of a frozen link to it."""
        return str(At(self.position, self.instant))


@dataclass(frozen=True)
class Head:
    """The campaign that a page is about, the page's formats, and what it shows."""

    campaign: Campaign
    formats: Formats
    kept: dict[str, str]
    shown: Shown
    since: Since | Failed | None
    """What has changed since a frozen link was made, None on a page of what is so now."""

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
            "shown": self.shown,
            "since": self.since,
            "writing": self.writing,
        }

    @property
    def writing(self) -> Writing:
        """How sentences of the page are written."""
        return writing_of(self.formats)


async def read_head(request: Request, questions: Questions) -> Head:
    """The head of a campaign's page; raises Problem for an unknown campaign, and NotDraftedYet."""
    return await make_head(
        request, questions, await questions.ask(lambda asked: find_top(asked, questions.at))
    )


class Top(NamedTuple):
    """What the head of a campaign's page is made of."""

    campaign: Campaign
    shown: Shown
    time_zone: str


def find_top(asked: AskedCampaign, at: At | None) -> Top:
    """Read what the head of a page is made of; raises UnknownCampaign."""
    zone = asked.reads.definitions.zone(asked.app_group)
    return Top(asked.campaign(), find_shown(asked.reads, at), zone.key)


async def make_head(request: Request, questions: Questions, top: Top) -> Head:
    """The head of a campaign's page; a frozen one says what has changed since."""
    at = questions.at
    since = None if at is None else await try_part(read_since(questions.live, at, top.campaign.version))
    return Head(top.campaign, make_formats(request, top.time_zone), read_kept(request), top.shown, since)


def read_kept(request: Request, *more: str) -> dict[str, str]:
    """The parameters that links to the campaign's other pages keep; `more` are those of this page alone."""
    return {name: value for name, value in request.query_params.items() if name in {*_KEPT, *more} and value}


def find_shown(reads: Reads, at: At | None) -> Shown:
    """What a page shows that is asked for now, or at a position."""
    if at is not None:
        return Shown(at.position, reads.now())
    with reads.recorded() as connection:
        newest = reads.log.last_position(connection)
    # The clock changes figures on the hour alone: without seconds, a page that is asked for again is the same.
    return Shown(newest, reads.now().replace(second=0, microsecond=0))
