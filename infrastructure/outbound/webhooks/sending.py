"""One call of a webhook: bounded in time and in what is read of the answer, and what the answer means."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import httpcore
import httpx

from infrastructure.outbound.webhooks.addresses import PrivateAddress, PublicBackend
from infrastructure.outbound.webhooks.names import CALLED, Names
from infrastructure.outbound.webhooks.settings import WebhookSettings

_MOST_READ = 16 * 1024
_LONGEST_RETRY_AFTER = 86_400


@dataclass(frozen=True)
class Answer:
    """What became of a call: `reason` is None where it was acknowledged; `pause` is what the receiver asked for.

    `gone` is the URL that was called, where there is nothing any more.
    """

    reason: str | None
    gone: str | None = None
    pause: float = 0.0


class Sender:
    """Calls webhooks; connections are kept and used again."""

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
        """Make the call; redirects are not followed, and what goes wrong on the way is an answer too."""
        CALLED.set(webhook_id)
        try:
            async with asyncio.timeout(self._seconds):
                return await self._sent(url, list(headers.items()), body)
        except (TimeoutError, httpcore.TimeoutException):
            return Answer(f"no answer within {self._seconds:g} s")
        except PrivateAddress:
            return Answer("the name stands for no public address")
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            return Answer(type(error).__name__)

    async def _sent(
        self, url: str, headers: Sequence[tuple[bytes | str, bytes | str]], body: bytes
    ) -> Answer:
        to = httpx.URL(url)
        # It may have been made when private addresses were allowed.
        if not self._allow_private and to.scheme != "https":
            return Answer("the URL is not https: change it to one that is")
        target = httpcore.URL(
            scheme=to.raw_scheme, host=to.raw_host, port=to.port, target=to.raw_path or b"/"
        )
        async with self._pool.stream("POST", target, headers=headers, content=body) as response:
            answer = _meaning(response, url)
            read = 0
            # Read to its end, the connection can be used again; beyond a bound it is closed.
            async for part in response.aiter_stream():
                read += len(part)
                if read > _MOST_READ:
                    break
        return answer

    async def close(self) -> None:
        """Close all connections, and wait for no name."""
        await self._pool.aclose()
        self._names.close()


def _meaning(response: httpcore.Response, url: str) -> Answer:
    if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        return Answer(None)
    reason = f"status {response.status}"
    if response.status == HTTPStatus.GONE:
        return Answer(reason, gone=url)
    asked = next((value for name, value in response.headers if name.lower() == b"retry-after"), b"")
    pause = min(int(asked), _LONGEST_RETRY_AFTER) if asked.isdigit() and len(asked) < 10 else 0
    return Answer(reason, pause=pause)
