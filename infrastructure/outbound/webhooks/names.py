"""What names stand for, asked where no other work waits for the answer."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

_AT_ONCE = 64

CALLED: ContextVar[str] = ContextVar("called")
"""The webhook that is called: who opens a connection is told a host and a port, and nothing else."""


class Names:
    """Looks names up in threads of its own, one at a time for a webhook: a slow one holds up no other webhook's calls.

    A look-up cannot be broken off: one that its call no longer waits for takes its webhook's turn until it is answered.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_AT_ONCE, "names")
        self._under_way: dict[str, tuple[str, asyncio.Future[list[str]]]] = {}

    async def addresses(self, host: str) -> list[str]:
        """The addresses that a name stands for now, for the webhook that is called; none where it is not known."""
        webhook_id = CALLED.get()
        while webhook_id in self._under_way:
            name, answer = self._under_way[webhook_id]
            await asyncio.wait([answer])
            if name == host:
                return answer.result()
        answer = asyncio.get_running_loop().run_in_executor(self._threads, _looked_up, host)
        self._under_way[webhook_id] = host, answer
        answer.add_done_callback(lambda _: self._under_way.pop(webhook_id))
        await asyncio.wait([answer])
        return answer.result()

    def close(self) -> None:
        """Look nothing up any more; what is under way is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _looked_up(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(each[4][0]) for each in found))
