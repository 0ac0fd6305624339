"""The command that sends a fact, to be copied into a shell. The key stays in a variable of the shell."""

import json
import shlex
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import Request

from domain.instants import printed
from infrastructure.http.origins import find_origin
from infrastructure.http.state import get_state


def write_curl(request: Request, fact: Mapping[str, Any]) -> str:
    """A command that sends a fact to this very service; an instant in it is cut to the minute."""
    sent = {name: _cut(value) if isinstance(value, datetime) else value for name, value in fact.items()}
    return _write(request, "/v1/facts", "$KEY", {"facts": [sent]})


def write_trial_curl(request: Request) -> str:
    """A command that tries a key: it sends no fact, so that it leaves nothing behind."""
    return _write(request, "/v1/facts", "$KEY", {"facts": []})


def write_apps_curl(request: Request) -> str:
    """A command that adds an app to the app group of the key."""
    return _write(request, "/v1/app-group", "$MANAGE_KEY", {"apps": ["ios"]}, "-X PATCH ")


def _write(request: Request, path: str, key: str, body: Mapping[str, Any], method: str = "") -> str:
    # Everything beyond ASCII is escaped: what is copied is what was shown.
    text = json.dumps(body, separators=(",", ":"))
    lines = [
        f"curl -sS {shlex.quote(_origin_of(request) + path)}",
        f'{method}-H "Authorization: Bearer {key}"',
        "-H 'Content-Type: application/json'",
        f"-d {shlex.quote(text)}",
    ]
    return " \\\n  ".join(lines)


def _cut(instant: datetime) -> str:
    # By the second, the page would be another one each second.
    return printed(instant.replace(second=0, microsecond=0))


def _origin_of(request: Request) -> str:
    origin = find_origin(request, get_state(request).settings.web.origin)
    return str(request.base_url).rstrip("/") if origin is None else origin.text
