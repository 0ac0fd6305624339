"""The last audits of an app group: when they were made, of what, and every difference that they found."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec
from sqlalchemy.engine import Connection

from application.queries.reads import BadQuestion, Reads
from domain.instants import from_microseconds, printed


class DifferenceFound(msgspec.Struct, frozen=True):
    """A thing on which the rules and a claim disagree, as docs/audit.md has it, and in words."""

    subject: str
    problem: str
    claim: str
    thing: str
    campaign_id: str | None
    journey_id: str | None
    judged: dict[str, Any] | None
    said: dict[str, Any] | None
    position: str | None
    is_order: bool | None
    in_words: dict[str, str]
    """What `thing`, `problem`, `judged` and `said` are in words."""
    user_id: str | None = None
    """It is not kept with the difference: somebody whose identity was erased has none."""


class CountOfKind(msgspec.Struct, frozen=True):
    """How many differences there are of a kind."""

    subject: str
    problem: str
    claim: str
    number: int


class Outcome(msgspec.Struct, frozen=True):
    """What an audit found of one app group; figures are those of the rules, control included.

    `campaign_id` is the campaign that alone was audited, None for all. Not all differences need be listed. `altered`
    are positions of events whose hash differs.
    """

    engine: str
    seconds: float
    campaign_id: str | None
    claims: list[str]
    counted: dict[str, int]
    revenue: dict[str, str]
    differences_by_kind: list[CountOfKind]
    listed: list[DifferenceFound]
    altered: list[str]

    @property
    def differences(self) -> int:
        """How many differences there are."""
        return sum(each.number for each in self.differences_by_kind)


@dataclass(frozen=True)
class Audit:
    """An audit that was kept, up to and including a position; `made_at` is in microseconds since 1970."""

    audit_id: int
    made_at: int
    position: int
    outcome: Outcome

    def as_json(self) -> dict[str, Any]:
        """As the page of audits has it in JSON."""
        return {
            "audit_id": self.audit_id,
            "made_at": printed(from_microseconds(self.made_at)),
            "position": str(self.position),
            "differences": self.outcome.differences,
            **msgspec.to_builtins(self.outcome),
        }


class Audits(Protocol):
    """The audits that were kept."""

    def of_app_group(self, connection: Connection, app_group: str) -> list[Audit]:
        """The last audits of an app group, the newest first."""

    def find_users(self, connection: Connection, app_group: str, journeys: set[str]) -> dict[str, str]:
        """The users of journeys, without those whose identity was erased."""


@dataclass(frozen=True)
class KeptAudits:
    """An audit that is shown, None where none was ever made; all that are kept; the position of the log now."""

    app_group: str
    position: int
    shown: Audit | None
    kept: list[Audit]

    def as_json(self) -> dict[str, Any]:
        """As the page of audits has it in JSON."""
        return {
            "app_group": self.app_group,
            "position": str(self.position),
            "audit": None if self.shown is None else self.shown.as_json(),
            "kept": [
                {
                    "audit_id": each.audit_id,
                    "made_at": printed(from_microseconds(each.made_at)),
                    "position": str(each.position),
                    "campaign_id": each.outcome.campaign_id,
                    "differences": each.outcome.differences,
                }
                for each in self.kept
            ],
        }


def read_audits(reads: Reads, audits: Audits, app_group: str, audit_id: int | None = None) -> KeptAudits:
    """The audits of an app group, one of which is shown: the last one of all campaigns, unless another is named.

    Where all campaigns were never audited, it is the last one of a single campaign. Raises BadQuestion for an audit
    that is not kept, and UnknownAppGroup.
    """
    reads.ledger.existing_app_group(app_group)
    with reads.recorded() as connection:
        kept = audits.of_app_group(connection, app_group)
        shown = _choose(kept, audit_id)
        if shown is not None:
            shown = _with_users(shown, audits, connection, app_group)
        return KeptAudits(app_group, reads.log.last_position(connection), shown, kept)


def _choose(kept: list[Audit], audit_id: int | None) -> Audit | None:
    if audit_id is not None:
        for each in kept:
            if each.audit_id == audit_id:
                return each
        raise BadQuestion("there is no such audit, or it is no longer kept", code="unknown_audit", place="id")
    whole = [each for each in kept if each.outcome.campaign_id is None]
    return next(iter(whole or kept), None)


def _with_users(audit: Audit, audits: Audits, connection: Connection, app_group: str) -> Audit:
    journeys = {each.journey_id for each in audit.outcome.listed if each.journey_id is not None}
    users = audits.find_users(connection, app_group, journeys)
    listed = [
        msgspec.structs.replace(each, user_id=users.get(each.journey_id or ""))
        for each in audit.outcome.listed
    ]
    return replace(audit, outcome=msgspec.structs.replace(audit.outcome, listed=listed))
