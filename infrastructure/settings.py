"""Settings, from the environment (CONVERSIONS_...) and the command line; no secret has a default."""

from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.campaigns.evidence import DecidingTest


class Settings(BaseSettings):
    """What an operator may set."""

    model_config = SettingsConfigDict(env_prefix="CONVERSIONS_")

    database_url: str = "sqlite:///conversions.db"
    deciding_test: DecidingTest = DecidingTest.ANYTIME
    """What decides whether a variant is better: any day, or for one look (docs/statistics.md)."""
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
