"""Look-ups of names, in threads of their own: the system's resolver may take long, and nothing else waits for it."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

_AT_ONCE = 64

CALLED: ContextVar[str] = ContextVar("called")
"""The webhook that is called. The pool gives the network backend a host and a port only; this tells it the rest."""


class Names:
    """Looks names up, one at a time for each webhook: a slow name holds up its own webhook's calls only.

    A look-up cannot be cancelled. If its call gives up first, the webhook's next look-up waits for the answer.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_AT_ONCE, "names")
        self._under_way: dict[str, tuple[str, asyncio.Future[list[str]]]] = {}

    async def addresses(self, host: str) -> list[str]:
        """Look up the addresses of a name, for the webhook that is called; none if the name is unknown."""
        webhook_id = CALLED.get()
        while webhook_id in self._under_way:
            name, answer = self._under_way[webhook_id]
            await asyncio.wait([answer])
            if name == host:
                return answer.result()
        answer = asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host)
        self._under_way[webhook_id] = host, answer
        answer.add_done_callback(lambda _: self._under_way.pop(webhook_id))
        await asyncio.wait([answer])
        return answer.result()

    def close(self) -> None:
        """Start no further look-up, and wait for none."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(each[4][0]) for each in found))
