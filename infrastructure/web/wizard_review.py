"""The third step of the wizard: what is to be launched, what launching fixes, and the same campaign as a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

import yaml
from fastapi import Response

from application.queries.campaign_files import campaign_as_file
from application.queries.campaigns import campaign_as_filed
from domain.campaigns.conversion_events import LETTERS, StartsSession, UpgradesApp
from infrastructure.web.curl import write_apps_curl
from infrastructure.web.wizard_create import Meanwhile
from infrastructure.web.wizard_editing import Editing
from infrastructure.web.wizard_events import write_revenue_rule_of, write_rule
from infrastructure.words.quantities import counted, isolated, join_names


@dataclass(frozen=True)
class Check:
    """A line of the checklist. What is not good may still be launched; the sentence says what follows."""

    sentence: str
    step: int
    is_good: bool = True
    command: str = ""
    """What mends it, to be copied into a shell."""


def show_review(
    editing: Editing, status: HTTPStatus = HTTPStatus.OK, meanwhile: Meanwhile | None = None
) -> Response:
    """Show the review of a draft."""
    campaign = editing.campaign
    return editing.show(
        "wizard/review.html",
        status,
        meanwhile=meanwhile,
        checks=list_checks(editing),
        rules=[write_rule(each) for each in campaign.conversion_events],
        revenue_rule=write_revenue_rule_of(campaign.conversion_events),
        shares=campaign_as_filed(campaign)["variants"],
        file=write_file(editing),
        step=3,
    )


def list_checks(editing: Editing) -> list[Check]:
    """What is there, and what follows from what is not."""
    campaign = editing.campaign
    sent = [each for each in campaign.variants if not each.control]
    idle = [each.id for each in campaign.variants if not campaign.weights[each.id]]
    checks = [
        Check(f"{counted(len(sent), 'variant')} to send.", 1),
        _check_control(has_control=len(sent) < len(campaign.variants)),
        _check_events(len(campaign.conversion_events)),
    ]
    if idle:
        said = f"The weight of {', '.join(map(isolated, idle))} is 0, so that no user gets it."
        checks.append(Check(said, 1, is_good=False))
    return [*checks, *_check_apps(editing)]


def _check_control(*, has_control: bool) -> Check:
    if has_control:
        said = "There is a control group, with which the campaign is compared. Your service sends a receipt for each"
        return Check(f"{said} of its users too; without receipts they are not counted.", 1)
    return Check(
        "There is no control group, so that nobody can say what the campaign caused.", 1, is_good=False
    )


def _check_events(number: int) -> Check:
    if not number:
        return Check("There is no conversion event, so that nobody converts.", 2, is_good=False)
    return Check(f"{counted(number, 'conversion event')}.", 2)


def _check_apps(editing: Editing) -> Iterator[Check]:
    """The conversion events that cannot happen, because the app group has no app."""
    events = zip(LETTERS, editing.campaign.conversion_events, strict=False)
    waiting = [letter for letter, event in events if isinstance(event, StartsSession | UpgradesApp)]
    if editing.group.apps or not waiting:
        return
    noun = "Conversion event" if len(waiting) == 1 else "Conversion events"
    said = f"{noun} {join_names(waiting)} cannot happen yet: the app group has no app, and facts of unknown apps are"
    yield Check(
        f"{said} rejected. This command adds the app ios, with a key of the scope manage in $MANAGE_KEY.",
        2,
        is_good=False,
        command=write_apps_curl(editing.request),
    )


def write_file(editing: Editing) -> str:
    """The campaign as YAML."""
    stated = campaign_as_file(editing.group, editing.campaign)
    text: str = yaml.safe_dump(stated, sort_keys=False, allow_unicode=True, width=100)
    return text
