"""Where webhooks may go: to public addresses, looked at where the connection is made, whatever its name said before."""

import asyncio
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import httpcore
import httpx

from domain.errors import DomainError
from infrastructure.outbound.webhooks.names import Names

_LONGEST_URL = 2_048
_PORTS = range(1, 65_536)

_UNICAST = IPv6Network("2000::/3")
"""What of IPv6 is given out for the public; addresses that hold others of IPv4 are outside, but for the next two."""
_OTHERS = (ip_network("2001::/23"), ip_network("2002::/16"), ip_network("192.88.99.0/24"))


class BadUrl(DomainError):
    """No webhook goes to this address."""

    code = "bad_url"


class PrivateAddress(Exception):
    """A name stands for no public address."""


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet, and not of this machine or of a network of someone's own."""
    address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return False
    if any(address in network for network in _OTHERS if network.version == address.version):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def read_url(text: str, *, allow_private: bool) -> str:
    """A URL in the form in which it is called; raises BadUrl."""
    try:
        url = httpx.URL(text)
        # Read here: a host may turn out to be none only when it is asked for.
        host, port = url.host, url.port
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise BadUrl("this is no URL", place="url") from None
    if len(str(url)) > _LONGEST_URL or not host:
        raise BadUrl(f"a URL has a host, and at most {_LONGEST_URL:,} characters", place="url")
    if url.scheme != "https" and not (allow_private and url.scheme == "http"):
        raise BadUrl("a webhook goes to https://...", place="url")
    if url.userinfo or url.fragment or (port is not None and port not in _PORTS):
        raise BadUrl("a webhook's URL has no user, no fragment, and a port from 1 to 65535", place="url")
    if not allow_private and _is_private_literal(host):
        raise BadUrl("this address is none of the public internet", place="url", code="private_address")
    return str(url)


def _is_private_literal(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        # A name: what it stands for is looked at whenever it is called.
        return False


class PublicBackend(httpcore.AsyncNetworkBackend):
    """Connects to the very address it has looked at: a name that stands for another the next moment gains nothing."""

    def __init__(self, names: Names, *, allow_private: bool) -> None:
        self._names = names
        self._allow_private = allow_private
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as its base has it
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
        timeout: float | None = None,  # noqa: ASYNC109 - as its base has it
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise PrivateAddress("a webhook goes to no socket of this machine")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
