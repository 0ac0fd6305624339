"""Settings of the service over HTTP, from the environment: CONVERSIONS_HTTP_... and CONVERSIONS_WEB_..."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from infrastructure.http.origins import is_loopback


def _check_origin(text: str) -> str:
    """Check an origin; raises ValueError."""
    parts = urlsplit(text)
    if not parts.hostname or f"{parts.scheme}://{parts.netloc}" != text or "@" in parts.netloc:
        raise ValueError("write it as https://conversions.example.com, without a path")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError("it begins with https://, or is of this machine, such as http://localhost:8080")
    return text.lower()


class WebSettings(BaseSettings):
    """What an operator may set for the dashboard."""

    model_config = SettingsConfigDict(env_prefix="CONVERSIONS_WEB_", populate_by_name=True)

    pages: Annotated[Literal["on", "off"], Field(validation_alias="CONVERSIONS_WEB")] = "on"
    """Whether there is a dashboard."""
    origin: Annotated[str | None, AfterValidator(lambda text: text and _check_origin(text))] = None
    """Where browsers find the dashboard if a proxy with TLS is before it: https://conversions.example.com."""
    idle_hours: Annotated[float, Field(gt=0)] = 12.0
    """How long a session lasts that is not used."""
    session_hours: Annotated[float, Field(gt=0)] = 7 * 24.0
    """How long a session lasts at most."""
    logins_a_minute: Annotated[int, Field(ge=1)] = 10
    """How many attempts to log in an address has each minute."""
    all_logins_a_minute: Annotated[int, Field(ge=1)] = 600
    """How many attempts to log in all addresses have each minute."""

    @property
    def is_on(self) -> bool:
        """Whether there is a dashboard."""
        return self.pages == "on"


class HttpSettings(BaseSettings):
    """What an operator may set. docs/http.md says what is answered beyond each bound."""

    model_config = SettingsConfigDict(env_prefix="CONVERSIONS_HTTP_")

    host: str = "127.0.0.1"
    """The address to listen at; the default can be reached from this machine only."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8_080
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """How many processes answer requests."""
    body_bytes: Annotated[int, Field(ge=1_024)] = 4 * 1024 * 1024
    """The most bytes of a body, before and after unpacking."""
    facts: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """The most facts in a call."""
    waiting_facts: Annotated[int, Field(ge=1)] = 50_000
    """How many facts may wait to be recorded; further calls are answered 503."""
    calls_a_second: Annotated[float, Field(ge=0)] = 0.0
    """How often a key may be used each second; 0 means no limit."""
    wait_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    """How long a question waits until the read models hold everything acknowledged."""
    connections: Annotated[int, Field(ge=1)] = 1_000
    """How many connections a process has at a time; further ones are answered 503."""
    streams: Annotated[int, Field(ge=0)] = 100
    """How many event streams a process serves at a time."""
    grace_seconds: Annotated[float, Field(ge=0)] = 30.0
    """How long a process that is told to end may take to finish the requests that it has started."""
    rejects_kept: Annotated[int, Field(ge=0)] = 100_000
    """How many rejected facts are stored for each app group; the oldest are removed first."""
    rejects_days: Annotated[int, Field(ge=1)] = 30
    """For how many days rejected facts are stored."""
    web: Annotated[WebSettings, NoDecode, Field(default_factory=WebSettings)]
    """The dashboard's own settings."""
