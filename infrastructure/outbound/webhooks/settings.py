"""Settings of webhooks, from the environment: CONVERSIONS_WEBHOOKS_..."""

from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from application.type_faults import describe_fault
from domain.errors import DomainError


class BadSetting(DomainError):
    """The environment sets something to a value that makes no sense."""

    code = "bad_setting"


class WebhookSettings(BaseSettings):
    """What an operator may set (docs/webhooks.md)."""

    model_config = SettingsConfigDict(env_prefix="CONVERSIONS_WEBHOOKS_")

    allow_private: bool = False
    """Whether to call addresses that are not public, and without TLS: for tests, and for a network of one's own."""
    a_group: Annotated[int, Field(ge=0)] = 20
    """Webhooks that an app group may have."""
    users_at_once: Annotated[int, Field(ge=1, le=256)] = 4
    """Users whose events are sent to one webhook at a time."""
    calls_at_once: Annotated[int, Field(ge=1, le=1_024)] = 64
    """Calls that are made at a time, to all webhooks."""
    waiting_events: Annotated[int, Field(ge=1)] = 2_000
    """Events that may wait for one webhook; while there are more, no further part of the log is enqueued."""
    call_seconds: Annotated[float, Field(gt=0, le=120)] = 15.0
    """How long a call may take, from its beginning to the end of the answer."""
    first_pause_seconds: Annotated[float, Field(gt=0)] = 5.0
    """How long to wait after the first failure; three times as long after each further one."""
    longest_pause_seconds: Annotated[float, Field(gt=0)] = 6 * 3_600.0
    """The longest of these pauses."""
    attempts: Annotated[int, Field(ge=1)] = 12
    """How often an event is sent before its user's queue is parked."""
    budget_seconds: Annotated[float, Field(gt=0)] = 3 * 86_400.0
    """How long an event is sent again before its user's queue is parked."""
    both_secrets_seconds: Annotated[float, Field(ge=0)] = 86_400.0
    """How long the previous secret signs too, after a new one was made."""
    lease_seconds: Annotated[float, Field(ge=1)] = 15.0
    """How long the process that delivers may be silent before another takes its place."""


def webhook_settings() -> WebhookSettings:
    """Read the settings from the environment; raises BadSetting."""
    try:
        return WebhookSettings()
    except ValidationError as error:
        first = error.errors()[0]
        raise BadSetting(
            describe_fault(first), place=f"CONVERSIONS_WEBHOOKS_{str(first['loc'][0]).upper()}"
        ) from None
