"""From which address a request comes, also where a trusted proxy stands between."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings

Network = IPv4Network | IPv6Network

# A household or a machine is given as many addresses of IPv6 as this prefix leaves free (RFC 6177).
IPV6_PREFIX = 64
UNKNOWN = "unknown"


@lru_cache(maxsize=8)
def _networks(texts: Sequence[str]) -> list[Network]:
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
    return any(parsed in network for network in _networks(tuple(settings.TRUSTED_PROXIES)))


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
    address = str(client[0])
    forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode(
        "latin-1"
    )
    for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
        if not is_trusted_proxy(address):
            break
        address = hop
    return address


def _unmapped(address: str) -> Any:
    parsed = ip_address(address)
    return parsed.ipv4_mapped or parsed if isinstance(parsed, IPv6Address) else parsed
