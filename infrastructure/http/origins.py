"""Where browsers find the service: by the setting, or on this machine. It decides whether somebody can log in."""

import ipaddress
import re
from dataclasses import dataclass

from starlette.requests import HTTPConnection

SECURE_COOKIE = "__Host-conversions"
LOOPBACK_COOKIE = "conversions"
COOKIES = (SECURE_COOKIE, LOOPBACK_COOKIE)
"""The names of the session's cookie: over HTTPS, and over plain HTTP on this machine."""

_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[0-9A-Za-z.-]{1,255}))(?::[0-9]{1,5})?")


@dataclass(frozen=True)
class Origin:
    """The scheme, host and port that a browser shows."""

    text: str

    @property
    def is_https(self) -> bool:
        """Whether nobody on the way can read what is sent."""
        return self.text.startswith("https://")

    @property
    def cookie(self) -> str:
        """The name of the session's cookie. A browser takes the prefix `__Host-` over HTTPS only."""
        return SECURE_COOKIE if self.is_https else LOOPBACK_COOKIE


def find_origin(request: HTTPConnection, published: str | None) -> Origin | None:
    """The origin that a request was sent to: the published one, or one of this machine; None for any other."""
    if published is not None:
        return Origin(published)
    # Both are looked at. The name alone could be made up, and by the address alone a page of another site, whose name
    # is made to lead here (DNS rebinding), would be taken for one of ours.
    host = request.headers.get("host", "")
    if not is_loopback(_name_of(host)) or not is_loopback(request.client.host if request.client else ""):
        return None
    return Origin(f"http://{host.lower()}")


def is_loopback(host: str) -> bool:
    """Whether a name or an address is of this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # A socket for both versions shows an address of version 4 in this form.
    mapped = address.ipv4_mapped if address.version == 6 else None
    return (mapped or address).is_loopback


def _name_of(host: str) -> str:
    """The name or the address in the header Host, without a port; empty for a header that is none."""
    found = _HOST.fullmatch(host)
    return "" if found is None else found["address"] or found["name"]
