"""How often somebody may try to log in: from an address, and from all addresses together, in this process."""

import ipaddress

from fastapi import Request

from infrastructure.http.buckets import Buckets
from infrastructure.http.settings import WebSettings

_ALL = "all"
_SUBNET_BITS = 64
"""Whoever has one IPv6 address usually has a whole subnet of them."""


class Attempts:
    """Counts attempts; each address has its own bucket, and all have one together."""

    def __init__(self, settings: WebSettings) -> None:
        self._each = Buckets(settings.logins_a_minute / 60, settings.logins_a_minute)
        self._all = Buckets(settings.all_logins_a_minute / 60, settings.all_logins_a_minute)

    def take(self, address: str) -> float:
        """Count an attempt; returns 0, or the seconds until there may be one."""
        # An address that has no turn left takes none from all others.
        return self._each.take(_group(address)) or self._all.take(_ALL)


def count_attempt(request: Request, settings: WebSettings, address: str) -> float:
    """Count an attempt of this process; returns 0, or the seconds until there may be one."""
    found = getattr(request.app.state, "login_attempts", None)
    if found is None:
        found = request.app.state.login_attempts = Attempts(settings)
    return float(found.take(address))


def _group(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4 or parsed.is_loopback:
        return address
    return str(ipaddress.ip_network((parsed, _SUBNET_BITS), strict=False))
