"""Named refusals: what the rules do not allow, each with a code a program can read (docs/rules.md, R16)."""


class DomainError(Exception):
    """A rule said no; nothing was recorded. `code` is stable, `place` is a path in what was asked, or empty."""

    code = "malformed"

    def __init__(self, message: str, *, place: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        if code is not None:
            self.code = code


class FactRefused(DomainError):
    """A fact that cannot be taken (R5, R10, R11, R16)."""


class ConflictingFact(FactRefused):
    """The id is taken by a fact of other content (R13)."""

    code = "conflicting_fact"


class BadMoney(FactRefused):
    """A price, quantity, amount or currency outside R11."""

    code = "bad_money"


class BadVersion(FactRefused):
    """An app version that is empty, too long or unprintable (R16)."""

    code = "bad_version"


class UnknownApp(FactRefused):
    """The app group has no such app (R16)."""

    code = "unknown_app"


class UnknownVariant(FactRefused):
    """The campaign has no such variant, or a choice of several was left open (R5)."""

    code = "unknown_variant"


class CampaignIsDraft(FactRefused):
    """A draft takes no receipts (R4)."""

    code = "campaign_is_draft"


class BadDefinition(DomainError):
    """A campaign or app group that the rules do not allow (R1, R2, R3, R5)."""

    code = "bad_definition"


class UnknownCustomEvent(BadDefinition):
    """A custom event that was neither declared nor ever performed (R2)."""

    code = "unknown_custom_event"


class CampaignIsArchived(DomainError):
    """An archived campaign stays archived (R4)."""

    code = "campaign_is_archived"


class CampaignIsFixed(DomainError):
    """Variants and conversion events change only in a draft (R4)."""

    code = "campaign_is_fixed"


class CampaignNotLaunched(DomainError):
    """Only a launched campaign can be stopped (R4)."""

    code = "campaign_not_launched"


class TimeZoneIsFixed(DomainError):
    """The time zone of an app group is fixed when it is made (R20)."""

    code = "time_zone_is_fixed"
