"""A campaign as the file that makes it: `conversions campaigns apply` makes the same one of it, in any ledger."""

from typing import Any

from domain.app_group import AppGroup
from domain.campaigns.campaign import Campaign
from domain.campaigns.conversion_events import ConversionEvent
from domain.campaigns.events import Status

_SIZES = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def campaign_as_file(group: AppGroup, campaign: Campaign) -> dict[str, Any]:
    """The file as plain values: the app group, what the campaign needs of it, and the campaign."""
    stated = [event.stated() for event in campaign.conversion_events]
    apps = {app for each in stated for app in each.get("app_ids", ())}
    custom_events = {each["name"] for each in stated if "name" in each}
    return {
        "app_group": group.app_group,
        "time_zone": group.time_zone,
        **({"default_currency": group.default_currency} if group.default_currency else {}),
        **({"apps": sorted(apps)} if apps else {}),
        **({"custom_events": sorted(custom_events)} if custom_events else {}),
        "campaigns": [_state(campaign)],
    }


def _state(campaign: Campaign) -> dict[str, Any]:
    status = "draft" if campaign.status is Status.DRAFT else "launched"
    return {
        "id": campaign.campaign_id,
        "name": campaign.name,
        "kind": campaign.kind.value,
        **({"channel": campaign.channel} if campaign.channel is not None else {}),
        "status": status,
        "variants": [
            {
                "id": each.id,
                **({"name": each.name} if each.name is not None else {}),
                "weight": campaign.weights_applied[each.id],
                **({"control": True} if each.control else {}),
            }
            for each in campaign.variants
        ],
        "conversion_events": [_state_event(each) for each in campaign.conversion_events],
        **(
            {"intelligent_selection": {"floor": campaign.floor_applied}}
            if campaign.floor_applied is not None
            else {}
        ),
    }


def _state_event(event: ConversionEvent) -> dict[str, Any]:
    """Type, filter and deadline; a filter that lets everything pass is left out."""
    stated = event.stated()
    deadline = write_deadline(stated.pop("deadline_seconds"))
    kind = stated.pop("type")
    return {"type": kind, "deadline": deadline} | {name: value for name, value in stated.items() if value}


def write_deadline(seconds: int) -> str:
    """A deadline as the file has it: in the largest unit that is whole."""
    unit = next(unit for unit, size in _SIZES.items() if seconds % size == 0)
    return f"{seconds // _SIZES[unit]}{unit}"
