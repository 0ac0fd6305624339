"""Where webhooks may go: to public addresses only.

An address is checked when the connection is made, and the connection goes to that very address: a name that stood for
a public address a moment ago may stand for a private one now. The system's resolver may take long, so names are looked
up in threads of their own, and nothing else waits for it.
"""

import asyncio
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import httpcore
from pydantic_core import Url

from domain.errors import DomainError

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


_LONGEST_URL = 2_048

_UNICAST = IPv6Network("2000::/3")
"""The public part of IPv6. Most addresses that hold an IPv4 address are outside of it, but not the next ones."""
_NOT_PUBLIC = (ip_network("2001::/23"), ip_network("2002::/16"), ip_network("192.88.99.0/24"))


class BadUrl(DomainError):
    """No webhook goes to this address."""

    code = "bad_url"


class PrivateAddress(Exception):
    """A name stands for no public address."""


def is_public(text: str) -> bool:
    """Whether an address is of the public internet, and not of this machine or of a private network."""
    address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return False
    if any(address in network for network in _NOT_PUBLIC if network.version == address.version):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def read_url(text: str, *, allow_private: bool) -> str:
    """Read a URL into the ASCII form in which it is called; raises BadUrl."""
    try:
        url = Url(text)
    except ValueError:
        raise BadUrl("this is no URL", place="url") from None
    if len(str(url)) > _LONGEST_URL or not url.host:
        raise BadUrl(f"a URL has a host, and at most {_LONGEST_URL:,} characters", place="url")
    if url.scheme != "https" and not (allow_private and url.scheme == "http"):
        raise BadUrl("a webhook goes to https://...", place="url")
    if url.username or url.password or url.fragment or url.port == 0:
        raise BadUrl("a webhook's URL has no user, no fragment, and a port from 1 to 65535", place="url")
    if not allow_private and _is_private_literal(url.host.strip("[]")):
        raise BadUrl("this address is not of the public internet", place="url", code="private_address")
    return str(url)


def _is_private_literal(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        # It is a name, and is looked up for every connection.
        return False


class PublicBackend(httpcore.AsyncNetworkBackend):
    """Connects to the very address that it has checked, and not to a name, which could be looked up a second time."""

    def __init__(self, names: Names, *, allow_private: bool) -> None:
        self._names = names
        self._allow_private = allow_private
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - its base class has the parameter
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._names.addresses(host)
        if not addresses:
            raise httpcore.ConnectError("the name is not known")
        error: Exception = PrivateAddress("the name stands for no public address")
        for address in addresses:
            if not self._allow_private and not is_public(address):
                continue
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as failed:
                error = failed
        raise error

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - its base class has the parameter
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise PrivateAddress("a webhook goes to no socket of this machine")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
