"""One call of a webhook, and what its answer says.

The time that a call takes and the bytes that are read are bounded.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

import httpcore

from infrastructure.outbound.webhooks.addresses import CALLED, Names, PrivateAddress, PublicBackend
from infrastructure.outbound.webhooks.settings import WebhookSettings

_MOST_READ = 16 * 1024
_LONGEST_RETRY_AFTER = 86_400


@dataclass(frozen=True)
class Answer:
    """What became of a call: `reason` is None if it was acknowledged; `pause` is in seconds, as the receiver asked.

    `gone` is the URL that was called, if the receiver answered that it is gone.
    """

    reason: str | None
    gone: str | None = None
    pause: float = 0.0


class Sender:
    """Calls webhooks; it keeps connections and uses them again."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._seconds = settings.call_seconds
        self._allow_private = settings.allow_private
        self._names = Names()
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=settings.calls_at_once,
            keepalive_expiry=20,
            network_backend=PublicBackend(self._names, allow_private=settings.allow_private),
        )

    async def send(self, webhook_id: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Make the call, without following redirects; a call that fails on the way gives an Answer too."""
        CALLED.set(webhook_id)
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(url, list(headers.items()), body)
        except (TimeoutError, httpcore.TimeoutException):
            return Answer(f"no answer within {self._seconds:g} s")
        except PrivateAddress:
            return Answer("the name stands for no public address")
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            return Answer(type(error).__name__)

    async def _post(
        self, url: str, headers: Sequence[tuple[bytes | str, bytes | str]], body: bytes
    ) -> Answer:
        target = _target(url)
        # The webhook may have been made when private addresses were allowed.
        if not self._allow_private and target.scheme != b"https":
            return Answer("the URL is not https: change it to one that is")
        async with self._pool.stream("POST", target, headers=headers, content=body) as response:
            answer = _read_answer(response, url)
            read = 0
            # A connection can be used again only when the answer is read to its end; a long one closes it.
            async for part in response.aiter_stream():
                read += len(part)
                if read > _MOST_READ:
                    break
        return answer

    async def close(self) -> None:
        """Close all connections, without waiting for look-ups of names."""
        await self._pool.aclose()
        self._names.close()


def _target(url: str) -> httpcore.URL:
    """The URL to call, whole; httpcore itself would drop parameters of the path (`;tenant=7`) and an empty query."""
    parts = urlsplit(url)
    target = url.partition(parts.netloc)[2]
    target = target if target.startswith("/") else f"/{target}"
    return httpcore.URL(scheme=parts.scheme, host=parts.hostname or "", port=parts.port, target=target)


def _read_answer(response: httpcore.Response, url: str) -> Answer:
    if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        return Answer(None)
    reason = f"status {response.status}"
    if response.status == HTTPStatus.GONE:
        return Answer(reason, gone=url)
    asked = next((value for name, value in response.headers if name.lower() == b"retry-after"), b"")
    pause = min(int(asked), _LONGEST_RETRY_AFTER) if asked.isdigit() and len(asked) < 10 else 0
    return Answer(reason, pause=pause)
