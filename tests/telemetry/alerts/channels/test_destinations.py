"""Where a webhook may go: nowhere inside our own network."""

import ipaddress
from typing import Any

import pytest

from telemetry.alerts.channels import destinations
from telemetry.alerts.channels.destinations import (
    RefusedDestination,
    addresses_of,
    check_url,
    is_allowed,
    is_public,
    read_url,
)

PRIVATE = [
    "127.0.0.1", "127.9.9.9", "0.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "fec0::1", "64:ff9b::7f00:1",
    "2002:7f00:1::", "2001:0:1::1", "2001:db8::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("text", PRIVATE)
def test_an_address_that_is_not_public_is_recognised(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_recognised(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "example.com", "", "https://", "https:///x",
        "https://user@example.com/", "https://user:pass@example.com/", "https://@example.com/",
        "https://example.com/#fragment", "https://example.com:0/", "https://example.com:99999/",
        "https://example.com:x/", "https://exa mple.com/", "https://example.com/a b", "https://example.com\\@evil.com/",
        "https://example.com/\n", "https://exämple.com/", "https://[::1", "https://[::1%25eth0]/", "https://[1.2.3.4]/",
        "https://2130706433/", "https://0x7f.0.0.1/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/",
        "https://127.0.0.1.5/", "https://1.2.3.256/", "https://-a.example/", "https://a..b/", "https://a_b-/",
        "https://example.com/" + "a" * 2_000,
    ],
)  # fmt: skip
def test_a_url_that_can_be_misread_is_refused(url: str) -> None:
    with pytest.raises(RefusedDestination):
        read_url(url)


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("https://example.com", "example.com", 443, "/"),
        ("https://EXAMPLE.com.:8443/a?b=c&d", "example.com", 8443, "/a?b=c&d"),
        ("https://8.8.8.8/", "8.8.8.8", 443, "/"),
        ("https://[2606:2800:220:1::1]:444/x", "2606:2800:220:1::1", 444, "/x"),
        ("https://xn--exmple-cua.com/", "xn--exmple-cua.com", 443, "/"),
    ],
)
def test_an_acceptable_url_is_taken_apart(url: str, host: str, port: int, target: str) -> None:
    assert read_url(url)[1:] == (host, port, target)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:169.254.169.254]", "10.1.2.3", "localhost"])
def test_a_private_host_is_refused_when_it_is_saved_unless_it_is_allowed(host: str, settings: Any) -> None:
    with pytest.raises(RefusedDestination, match="not public"):
        check_url(f"https://{host}/")

    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8", "::1", "169.254.169.254", "10.0.0.0/8"]
    check_url(f"http://{host}:8080/")


@pytest.mark.parametrize(
    ("networks", "address", "allowed"),
    [
        (["10.0.0.0/8"], "10.9.9.9", True),
        (["10.0.0.0/8"], "::ffff:10.9.9.9", True),
        (["10.0.0.0/8"], "11.0.0.0", False),
        (["192.168.1.7"], "192.168.1.7", True),
        (["192.168.1.7"], "192.168.1.8", False),
        (["10.1.2.3/8"], "10.0.0.1", True),
        (["fd00::/8"], "fd12::1", True),
        (["0.0.0.0/0"], "10.0.0.1", True),
        (["0.0.0.0/0"], "127.0.0.1", False),
        (["0.0.0.0/0"], "169.254.169.254", False),
        (["0.0.0.0/0"], "::ffff:169.254.169.254", False),
        (["0.0.0.0/0"], "0.0.0.0", False),  # noqa: S104
        (["0.0.0.0/0"], "fd12::1", False),
        (["::/0"], "::1", False),
        (["::/0"], "fe80::1", False),
        (["::/0"], "fd12::1", True),
        (["127.0.0.0/8"], "127.0.0.1", True),
        (["127.0.0.1"], "127.0.0.2", False),
        (["169.254.0.0/16"], "169.254.169.254", True),
        (["::1"], "::1", True),
        (["fe80::/10"], "fe80::1", True),
        ([], "10.0.0.1", False),
    ],
)
def test_a_network_opens_what_it_names_and_special_addresses_only_by_name(
    networks: list[str], address: str, allowed: bool, settings: Any
) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = networks

    assert is_allowed(ipaddress.ip_address(address)) is allowed


def test_plain_http_is_for_the_named_networks_only(settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = ["10.0.0.0/8"]

    check_url("http://10.0.0.1/")
    with pytest.raises(RefusedDestination, match="http"):
        check_url("http://8.8.8.8/")
    check_url("https://8.8.8.8/")


def test_a_name_of_which_any_address_is_private_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destinations, "resolve", lambda host, port: ["8.8.8.8", "10.0.0.1"])

    with pytest.raises(RefusedDestination, match="not public"):
        check_url("https://example.com/")


def test_a_name_without_an_address_is_saved_and_checked_again_at_every_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(host: str, port: int) -> list[str]:
        raise OSError

    monkeypatch.setattr(destinations, "resolve", fail)

    check_url("https://example.com/")
    with pytest.raises(OSError):  # noqa: PT011
        addresses_of(read_url("https://example.com/"))
