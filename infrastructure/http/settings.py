"""Settings of the service over HTTP, from the environment: CONVERSIONS_HTTP_..."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


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
