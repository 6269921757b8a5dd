"""From which address a request comes, also where a trusted proxy stands between."""

import re
import uuid
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest

Network = IPv4Network | IPv6Network

# A household or a machine is given as many addresses of IPv6 as this prefix leaves free (RFC 6177).
IPV6_PREFIX = 64
UNKNOWN = "unknown"
MAX_ADDRESS = 64  # with the zone of a link-local one, which may be long
_SENT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Source(NamedTuple):
    """Whence a request comes; all is empty where there is none, as in a command.

    `request_id` is made by the service, so that no two requests have one; `client_request_id` is what was sent.
    """

    address: str = ""
    request_id: str = ""
    client_request_id: str = ""


NO_SOURCE = Source()


@lru_cache(maxsize=8)
def networks_of(texts: Sequence[str]) -> list[Network]:
    """The networks that a setting names, as a tuple."""
    return [ip_network(text, strict=False) for text in texts]


@lru_cache(maxsize=4_096)
def is_trusted_proxy(address: str) -> bool:
    """Whether `X-Forwarded-For` is believed from this peer. One without an address speaks by a socket file."""
    if not address:
        return True
    try:
        parsed = _unmapped(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks_of(tuple(settings.TRUSTED_PROXIES)))


@lru_cache(maxsize=4_096)
def holder_at(address: str) -> str:
    """The name that what an address holds is counted under: itself, for IPv6 its network, `unknown` for none."""
    try:
        parsed = _unmapped(address)
    except ValueError:
        return UNKNOWN
    return str(ip_network((parsed, IPV6_PREFIX), strict=False)) if parsed.version == 6 else str(parsed)


def client_address(scope: Any) -> str:
    """The address of the client that sent a request: the peer's, or the last before the trusted proxies.

    A client may put anything into `X-Forwarded-For`; what a trusted proxy adds stands at its end.
    """
    client = scope.get("client") or ("", 0)
    forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    return _before_proxies(str(client[0]), forwarded.decode("latin-1"))


def source_of(request: HttpRequest) -> Source:
    """Whence a request in Django comes, with a new id."""
    peer, forwarded = request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", "")
    return _source(_before_proxies(peer, forwarded), request.headers.get("X-Request-ID", ""))


def source_of_scope(scope: Any) -> Source:
    """The same of a request that does not come to Django."""
    return _source(client_address(scope), dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1"))


def _source(address: str, sent_id: str) -> Source:
    sent_id = sent_id if _SENT_ID.fullmatch(sent_id) else ""
    return Source(written_address(address), uuid.uuid4().hex, sent_id)


def written_address(text: str) -> str:
    """An address as it is written down; empty where it is none: a proxy may pass on anything."""
    try:
        return str(_unmapped(text))[:MAX_ADDRESS]
    except ValueError:
        return ""


def _before_proxies(address: str, forwarded: str) -> str:
    for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
        if not is_trusted_proxy(address):
            break
        address = hop
    return address


def _unmapped(address: str) -> Any:
    parsed = ip_address(address)
    return parsed.ipv4_mapped or parsed if isinstance(parsed, IPv6Address) else parsed
