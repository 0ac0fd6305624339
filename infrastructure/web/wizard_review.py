"""The third step of the wizard: what is to be launched, what launching fixes, and the same campaign as a file."""

from dataclasses import dataclass
from http import HTTPStatus

import yaml
from fastapi import Response

from application.queries.campaign_files import campaign_as_file
from application.queries.campaigns import campaign_as_filed
from infrastructure.web.wizard_create import Meanwhile
from infrastructure.web.wizard_editing import Editing
from infrastructure.web.wizard_events import write_revenue_rule_of, write_rule


@dataclass(frozen=True)
class Check:
    """A line of the checklist. What is not good may still be launched; the sentence says what follows."""

    is_good: bool
    sentence: str
    step: int


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
        Check(True, f"{len(sent)} {'variant' if len(sent) == 1 else 'variants'} to send.", 1),
        Check(True, "There is a control group.", 1)
        if len(sent) < len(campaign.variants)
        else Check(
            False, "There is no control group, so that nobody can say what the campaign caused.", 1
        ),
        _check_events(len(campaign.conversion_events)),
    ]
    if idle:
        checks.append(Check(False, f"The weight of {', '.join(idle)} is 0, so that no user gets it.", 1))
    return checks


def _check_events(number: int) -> Check:
    if not number:
        return Check(False, "There is no conversion event, so that nobody converts.", 2)
    return Check(True, f"{number} conversion {'event' if number == 1 else 'events'}.", 2)


def write_file(editing: Editing) -> str:
    """The campaign as YAML."""
    stated = campaign_as_file(editing.group, editing.campaign)
    text: str = yaml.safe_dump(stated, sort_keys=False, allow_unicode=True, width=100)
    return text
