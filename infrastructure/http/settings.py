"""Settings of the service over HTTP, from the environment: CONVERSIONS_HTTP_..."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class HttpSettings(BaseSettings):
    """What an operator may set; every bound has a clear answer (docs/http.md)."""

    model_config = SettingsConfigDict(env_prefix="CONVERSIONS_HTTP_")

    host: str = "127.0.0.1"
    """The address to listen at: this machine alone, unless another is named."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8_080
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Processes that answer."""
    body_bytes: Annotated[int, Field(ge=1_024)] = 4 * 1024 * 1024
    """The most bytes of a body, also once unpacked."""
    facts: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """The most facts in a call."""
    waiting_facts: Annotated[int, Field(ge=1)] = 50_000
    """Facts that may wait to be recorded; further ones are answered 503."""
    calls_a_second: Annotated[float, Field(ge=0)] = 0.0
    """How often a key may be used; 0 for no bound."""
    wait_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    """How long a report waits until everything acknowledged is in it."""
    connections: Annotated[int, Field(ge=1)] = 1_000
    """Connections that a process has at a time; further ones are answered 503."""
    streams: Annotated[int, Field(ge=0)] = 100
    """Streams that a process serves at a time."""
    grace_seconds: Annotated[float, Field(ge=0)] = 30.0
    """How long a process that is to end goes on with what it has begun."""
    rejects_kept: Annotated[int, Field(ge=0)] = 100_000
    """Rejected facts kept of each app group; older ones make room."""
    rejects_days: Annotated[int, Field(ge=1)] = 30
    """How long rejected facts are kept."""
