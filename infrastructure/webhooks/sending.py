"""One call of a webhook: bounded in time and in what is read of the answer, and what the answer means."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import httpcore
import httpx

from infrastructure.webhooks.addresses import PrivateAddress, PublicBackend
from infrastructure.webhooks.settings import WebhookSettings

_MOST_READ = 16 * 1024
_LONGEST_RETRY_AFTER = 86_400


@dataclass(frozen=True)
class Answer:
    """What became of a call: `reason` is None where it was acknowledged; `pause` is what the receiver asked for."""

    reason: str | None
    gone: bool = False
    pause: float = 0.0


class Sender:
    """Calls webhooks; connections are kept and used again."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._seconds = settings.call_seconds
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=settings.calls_at_once,
            keepalive_expiry=20,
            network_backend=PublicBackend(allow_private=settings.allow_private),
        )

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Make the call; redirects are not followed, and whatever goes wrong is an answer too."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._sent(httpx.URL(url), list(headers.items()), body)
        except (TimeoutError, httpcore.TimeoutException):
            return Answer(f"no answer within {self._seconds:g} s")
        except PrivateAddress:
            return Answer("the name stands for no public address")
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            return Answer(type(error).__name__)

    async def _sent(
        self, url: httpx.URL, headers: Sequence[tuple[bytes | str, bytes | str]], body: bytes
    ) -> Answer:
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path or b"/"
        )
        async with self._pool.stream("POST", target, headers=headers, content=body) as response:
            answer = _meaning(response)
            read = 0
            # Read to its end, the connection can be used again; beyond a bound it is closed.
            async for part in response.aiter_stream():
                read += len(part)
                if read > _MOST_READ:
                    break
        return answer

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


def _meaning(response: httpcore.Response) -> Answer:
    if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        return Answer(None)
    reason = f"status {response.status}"
    if response.status == HTTPStatus.GONE:
        return Answer(reason, gone=True)
    asked = next((value for name, value in response.headers if name.lower() == b"retry-after"), b"")
    pause = min(int(asked), _LONGEST_RETRY_AFTER) if asked.isdigit() and len(asked) < 10 else 0
    return Answer(reason, pause=pause)
