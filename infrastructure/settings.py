"""Settings, from the environment (CONVERSIONS_...) and the command line; no secret has a default."""

import os
from typing import Literal, get_args

import msgspec

from domain.campaigns.evidence import DecidingTest

_PREFIX = "CONVERSIONS_"


class BadSetting(ValueError):
    """An environment variable has a value that its setting cannot have."""


class Settings(msgspec.Struct, frozen=True):
    """What an operator may set for every command; only HTTP and webhooks have more, checked by Pydantic."""

    database_url: str = "sqlite:///conversions.db"
    deciding_test: DecidingTest = DecidingTest.ANYTIME
    """What decides whether a variant is better: any day, or for one look (docs/statistics.md)."""
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "warning"


def read_settings() -> Settings:
    """What the environment sets, defaults for the rest; raises BadSetting."""
    given = {name.upper(): value for name, value in os.environ.items()}
    found = {}
    for field in msgspec.structs.fields(Settings):
        name = f"{_PREFIX}{field.name.upper()}"
        if name in given:
            try:
                found[field.name] = msgspec.convert(given[name], field.type)
            except msgspec.ValidationError:
                choices = ", ".join(get_args(field.type) or field.type)
                raise BadSetting(f"{name} is {given[name]!r}; choose one of {choices}") from None
    return Settings(**found)
