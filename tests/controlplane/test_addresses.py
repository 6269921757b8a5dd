"""Whose address counts: that of the peer, and what a trusted proxy says of it."""

from typing import Any

import pytest

from controlplane.addresses import client_address, holder_at, is_trusted_proxy

CLIENTS = [
    # trusted proxies, peer, X-Forwarded-For, the client's address
    ([], "192.0.2.7", "", "192.0.2.7"),
    ([], "192.0.2.7", "203.0.113.9", "192.0.2.7"),
    (["10.0.0.1"], "10.0.0.1", "203.0.113.9", "203.0.113.9"),
    (["10.0.0.1"], "10.0.0.1", "made-up, 203.0.113.9", "203.0.113.9"),
    (["10.0.0.0/8"], "10.0.0.1", "198.51.100.1, 203.0.113.9, 10.2.3.4", "203.0.113.9"),
    (["10.0.0.1"], "10.0.0.1", "", "10.0.0.1"),
    (["10.0.0.1"], "10.0.0.2", "203.0.113.9", "10.0.0.2"),
    (["10.0.0.1"], "10.0.0.1", "10.0.0.1", "10.0.0.1"),
    (["::1"], "::1", "2001:db8::1", "2001:db8::1"),
    (["10.0.0.1"], "::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
    ([], "", "203.0.113.9", "203.0.113.9"),  # by a socket file: only a proxy is there
]
HOLDERS = [
    ("192.0.2.7", "192.0.2.7"),
    ("::ffff:192.0.2.7", "192.0.2.7"),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
    ("nonsense", "unknown"),
    ("", "unknown"),
]


@pytest.mark.parametrize(("proxies", "peer", "forwarded", "expected"), CLIENTS)
def test_forwarded_addresses_are_believed_from_trusted_proxies_alone(
    settings: Any, proxies: list[str], peer: str, forwarded: str, expected: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    is_trusted_proxy.cache_clear()
    headers = [(b"x-forwarded-for", part.encode()) for part in forwarded.split(",") if part]

    assert client_address({"client": (peer, 1), "headers": headers}) == expected
    is_trusted_proxy.cache_clear()


@pytest.mark.parametrize(("address", "holder"), HOLDERS)
def test_an_address_counts_for_itself_and_one_of_ipv6_for_its_network(address: str, holder: str) -> None:
    assert holder_at(address) == holder
