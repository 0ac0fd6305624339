"""Signatures as the Standard Webhooks specification has them: https://www.standardwebhooks.com."""

import base64
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

from standardwebhooks import Webhook

_PREFIX = "whsec_"
_BYTES = 32


def new_secret() -> str:
    """Make a secret, in the form in which receivers keep it."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def sign(message_id: str, seconds: int, body: bytes, keys: Iterable[str]) -> dict[str, str]:
    """Make the headers that name a message and its time, in seconds since 1970, with a signature by each secret."""
    at, text = datetime.fromtimestamp(seconds, UTC), body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(Webhook(key).sign(message_id, at, text) for key in keys),
    }
