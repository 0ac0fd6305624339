"""App groups, and campaigns: a list with headline figures, one as it is defined, and the history of its definition."""

from bisect import bisect_left
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import msgspec

from application.queries.reads import AskedCampaign, Reads, StoredEvent
from domain.app_group import AppGroup
from domain.campaigns.campaign import Campaign
from domain.campaigns.conversion_events import ConversionEvent
from domain.instants import from_microseconds, printed
from projections.app_groups import APP_GROUPS, AppGroupRow, read_app_groups
from projections.campaign_report import CAMPAIGN_REPORT
from projections.campaign_report.reading import CampaignReport, event_as_json, load_page_of_reports

_EVERY = 1_000_000
"""More campaigns than an app group has."""
_COMPARED = 500
"""Ids that are compared with one that nobody knows: those around it in the order of ids."""
_LETTERS = 48
"""Letters of each that are compared, because the time grows with their square."""
_LIKE = 0.5


@dataclass(frozen=True)
class CampaignPage:
    """Some campaigns of an app group, by id; where there are more, `after` is the id of the last one."""

    app_group: str
    position: int
    campaigns: list[CampaignReport]
    after: str | None

    def as_json(self) -> dict[str, Any]:
        """As docs/files.md has it; HTTP has its own cursor."""
        return {
            "app_group": self.app_group,
            "position": str(self.position),
            "campaigns": [
                {"campaign_id": each.campaign_id, "name": each.name, "kind": each.kind, "status": each.status}
                | each.totals.as_json()
                for each in self.campaigns
            ],
            "next_cursor": self.after,
        }


def list_campaigns(
    reads: Reads, app_group: str, limit: int = _EVERY, after: str | None = None
) -> CampaignPage:
    """The campaigns of an app group after an id, with their headline figures; raises UnknownAppGroup."""
    reads.ledger.existing_app_group(app_group)
    with reads.up_to_date(CAMPAIGN_REPORT) as (connection, _):
        position, found = load_page_of_reports(connection, app_group, after=after, limit=limit + 1)
    further = found[limit - 1].campaign_id if len(found) > limit else None
    return CampaignPage(app_group, position, found[:limit], further)


def find_near_campaigns(reads: Reads, app_group: str, text: str, limit: int = 3) -> list[str]:
    """Ids of campaigns that look like a text; raises UnknownAppGroup."""
    known = sorted(reads.ledger.existing_app_group(app_group).campaigns)
    place = max(0, bisect_left(known, text) - _COMPARED // 2)
    by_letters: dict[str, list[str]] = {}
    for each in known[place : place + _COMPARED]:
        by_letters.setdefault(each[:_LETTERS], []).append(each)
    near = get_close_matches(text[:_LETTERS], by_letters, n=limit, cutoff=_LIKE)
    return [each for letters in near for each in by_letters[letters]][:limit]


def campaign_as_json(campaign: Campaign) -> dict[str, Any]:
    """A campaign with what follows from its conversions."""
    return _describe(campaign) | {
        "conversion_events": [
            event_as_json(index, event) | _as_filed(event)
            for index, event in enumerate(campaign.conversion_events)
        ],
        "variants": [{"variant_id": each["id"], **each} for each in _variants(campaign)],
    }


def campaign_as_filed(campaign: Campaign) -> dict[str, Any]:
    """The same, with variants and conversion events in the shape of a campaign file: they can be sent back."""
    return _describe(campaign) | {
        "variants": _variants(campaign),
        "conversion_events": [_as_filed(each) for each in campaign.conversion_events],
    }


def _describe(campaign: Campaign) -> dict[str, Any]:
    return {
        "app_group": campaign.app_group,
        "id": campaign.campaign_id,
        "campaign_id": campaign.campaign_id,
        "name": campaign.name,
        "kind": campaign.kind.value,
        "channel": campaign.channel,
        "status": campaign.status.value,
        "intelligent_selection": None if campaign.selection is None else {"floor": campaign.selection.floor},
        "selection_ended": campaign.selection is None and campaign.floor_applied is not None,
        "winner": None if campaign.winner is None else campaign.winner.variant_id,
    }


def _variants(campaign: Campaign) -> list[dict[str, Any]]:
    return [
        {"id": each.id, "name": each.name, "weight": campaign.weights[each.id], "control": each.control}
        for each in campaign.variants
    ]


def _as_filed(event: ConversionEvent) -> dict[str, Any]:
    """A conversion event as the file has it: filters that are not set are left out."""
    stated = event.stated()
    deadline = stated.pop("deadline_seconds")
    return {"deadline": deadline} | {name: value for name, value in stated.items() if value is not None}


@dataclass(frozen=True)
class CampaignHistory:
    """Some events of a campaign; where there are more, `after` is the version of the last one."""

    app_group: str
    campaign_id: str
    events: list[StoredEvent]
    after: int | None

    def as_json(self) -> dict[str, Any]:
        """Each event with when it was recorded and by whom; HTTP has its own cursor."""
        return {
            "app_group": self.app_group,
            "campaign_id": self.campaign_id,
            "events": [
                {
                    "position": str(each.position),
                    "version": each.version,
                    "recorded_at": printed(from_microseconds(each.recorded_at)),
                    "actor": each.actor,
                    "topic": each.topic,
                    "event": msgspec.to_builtins(each.event),
                }
                for each in self.events
            ],
        }


def read_history(asked: AskedCampaign, limit: int, after: int = 0) -> CampaignHistory:
    """The events of a campaign after a version, the newest last; raises UnknownCampaign."""
    asked.campaign()
    with asked.reads.recorded() as connection:
        found = asked.reads.histories.of_campaign(connection, *asked.key, after, limit + 1)
    further = found[limit - 1].version if len(found) > limit else None
    return CampaignHistory(*asked.key, found[:limit], further)


def list_app_groups(reads: Reads) -> list[AppGroupRow]:
    """All app groups, by id."""
    with reads.up_to_date(APP_GROUPS) as (connection, _):
        return read_app_groups(connection)


def app_group_as_json(group: AppGroup) -> dict[str, Any]:
    """An app group as docs/http.md has it."""
    return {
        "app_group": group.app_group,
        "time_zone": group.time_zone,
        "default_currency": group.default_currency,
        "apps": sorted(group.apps),
        "custom_events": sorted(group.custom_events),
    }
