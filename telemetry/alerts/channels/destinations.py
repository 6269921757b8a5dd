"""Where a webhook may go: to public addresses, and to those networks of our own that a setting names.

Asked when a URL is saved and again whenever one is called, with the addresses that its name has then; the call
goes to the very address that was checked, so a name cannot point elsewhere in between. Must not import models.
"""

import ipaddress
import re
import socket
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from controlplane.addresses import networks_of

MAX_URL = 2_000
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
# Readers of such a host disagree on what it means: 2130706433, 0x7f.1, 127.1, 0177.0.0.1
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_TRANSLATED = [ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")]


class RefusedDestination(ValueError):
    """A URL that must not be called; the text says why, and does not repeat the URL."""


class Destination(NamedTuple):
    """The parts of a URL that was accepted."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"https": 443, "http": 80}[self.scheme] else f"{host}:{self.port}"


def read_url(url: str) -> Destination:
    """The parts of an acceptable URL, without asking for its addresses. Raises RefusedDestination."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or re.search(r'[\s\\"<>^`{|}]', url):
        raise RefusedDestination(_("A URL has printable ASCII characters only, no spaces, and 2,000 at most."))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RefusedDestination(_("This is not a URL.")) from None
    if parts.scheme != "https" and not (parts.scheme == "http" and settings.WEBHOOK_ALLOWED_NETWORKS):
        raise RefusedDestination(_("The URL starts with https://."))
    if "@" in parts.netloc or parts.fragment:
        raise RefusedDestination(_("The URL holds no user, no password and no fragment."))
    if port == 0:
        raise RefusedDestination(_("The port is from 1 to 65535."))
    return Destination(
        parts.scheme, _host_of(parts), port or (443 if parts.scheme == "https" else 80), _target_of(parts)
    )


def check_url(url: str) -> None:
    """Refuse a URL that must not be called, also for the addresses that its name has now.

    A name that has no address at the moment passes: it is checked again at every call.
    """
    destination = read_url(url)
    try:
        addresses_of(destination)
    except OSError:
        pass


def addresses_of(destination: Destination) -> list[str]:
    """The addresses that may be called, in the order of the resolver.

    Raises RefusedDestination where any of them may not, and OSError where there are none.
    """
    found = resolve(destination.host, destination.port)
    outside = [address for text in found if not is_allowed(address := ipaddress.ip_address(text))]
    if not all(is_public(address) for address in outside):
        raise RefusedDestination(
            _("The host has an address that is not public, in none of the networks of WEBHOOK_ALLOWED_NETWORKS.")
        )
    if outside and destination.scheme != "https":
        raise RefusedDestination(_("Only in the networks of WEBHOOK_ALLOWED_NETWORKS http:// is allowed."))
    return found


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, without zone ids. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def is_allowed(address: Address) -> bool:
    """Whether an address is in one of WEBHOOK_ALLOWED_NETWORKS.

    One that is loopback or link-local is only where the network lies within such addresses: 0.0.0.0/0 opens no
    port of this machine and no metadata of a cloud.
    """
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return is_allowed(address.ipv4_mapped)
    special = address.is_loopback or address.is_link_local or address.is_unspecified
    return any(
        address in network and (not special or network.is_loopback or network.is_link_local)
        for network in networks_of(tuple(settings.WEBHOOK_ALLOWED_NETWORKS))
    )


def is_public(address: Address) -> bool:
    """Whether an address belongs to the internet at large, also where it stands inside another."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if address.is_site_local or any(address in net for net in _TRANSLATED):
            return False
    return address.is_global and not (
        address.is_multicast
        or address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_reserved
        or address.is_unspecified
    )


def _host_of(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if parts.netloc.startswith("["):
        try:
            if "%" in host:  # the zone of an address that is not public anyway
                raise ValueError
            return str(ipaddress.IPv6Address(host))
        except ValueError:
            raise RefusedDestination(_("The host is not an IPv6 address.")) from None
    host = host.removesuffix(".")
    if not _HOST.fullmatch(host):
        raise RefusedDestination(_("The URL names no host, or one that is not a name or an address."))
    if _ENDS_IN_NUMBER.fullmatch(host):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise RefusedDestination(_("Write an IPv4 address as four decimal numbers.")) from None
    return host


def _target_of(parts: SplitResult) -> str:
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path
