"""Which variant of a campaign each of many users gets; nothing is recorded."""

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Any, Protocol

from application.ledger import Ledger
from domain.campaigns.assignment import Assignment, assignments, goes_out
from domain.campaigns.campaign import Campaign, stream_id
from domain.errors import DomainError

MOST_USER_IDS = 10_000
"""In a call."""

_LONGEST_ID = 255
_SURROGATE = re.compile("[\ud800-\udfff]")
_REMEMBERED = 1_000
"""Campaigns that are kept in memory."""


class TooManyUserIds(DomainError):
    """One call names too many users."""

    code = "too_many_user_ids"


class BadUserId(DomainError):
    """A text, or something else, that cannot be the id of a user."""

    code = "malformed"


class Receipts(Protocol):
    """The receipts of users, including every fact acknowledged so far."""

    def variants(
        self, app_group: str, campaign_id: str, user_ids: Sequence[str]
    ) -> Mapping[str, Sequence[str]]:
        """By user id the variants of the receipts of a campaign, in the order of facts; voided ones left out."""


class Assignments:
    """Answers which variant users get."""

    def __init__(self, ledger: Ledger, receipts: Receipts) -> None:
        self._ledger = ledger
        self._receipts = receipts
        self._campaigns: dict[tuple[str, str], Campaign] = {}

    def assign(self, app_group: str, campaign_id: str, user_ids: Sequence[object]) -> list[Assignment]:
        """What each user gets, in the order given; raises UnknownCampaign, TooManyUserIds and BadUserId."""
        if len(user_ids) > MOST_USER_IDS:
            raise TooManyUserIds(
                f"a call has at most {MOST_USER_IDS:,} user ids; send several", place="user_ids"
            )
        users = [checked_user_id(each, f"user_ids[{index}]") for index, each in enumerate(user_ids)]
        campaign = self._campaign(app_group, campaign_id)
        received = (
            self._receipts.variants(app_group, campaign_id, users) if users and goes_out(campaign) else {}
        )
        return list(assignments(campaign, users, received))

    def _campaign(self, app_group: str, campaign_id: str) -> Campaign:
        """The campaign as of now; only its new events are read, as weights may have been adjusted hundreds of times."""
        key = (app_group, campaign_id)
        kept = self._campaigns.get(key)
        if kept is None:
            campaign = self._ledger.existing_campaign(app_group, campaign_id)
        else:
            stored: Iterable[Any] = self._ledger.events.get(
                stream_id(app_group, campaign_id), gt=kept.version
            )
            news = list(stored)
            # Other threads may be reading the kept one. Evolution only assigns, so a shallow copy is enough.
            campaign = copy(kept).replay(news) if news else kept
        if campaign is not kept:
            if len(self._campaigns) >= _REMEMBERED:
                self._campaigns.clear()
            self._campaigns[key] = campaign
        return campaign


def checked_user_id(given: object, place: str) -> str:
    """The id of a user, if it is one that facts may have; raises BadUserId at the place."""
    if not isinstance(given, str):
        raise BadUserId("a user id is a text", place=place)
    if not 1 <= len(given) <= _LONGEST_ID:
        raise BadUserId(
            f"a user id has 1 to {_LONGEST_ID} characters; this one has {len(given):,}", place=place
        )
    if "\0" in given or (not given.isascii() and _SURROGATE.search(given)):
        raise BadUserId("a user id is UTF-8 without U+0000", place=place)
    return given
