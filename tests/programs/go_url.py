"""Go's net/url: what `url.Parse` takes, and what it makes of it."""

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from tests.programs import Refused


class GoUrl(NamedTuple):
    """`host` with its port, as in Go; `user` and `password` decoded, None where there is none; `tail` as it stands."""

    scheme: str
    user: bytes | None
    password: bytes | None
    host: str
    tail: str


def parse(text: str) -> GoUrl:
    if re.search(r"[\x00-\x20\x7f]", text):
        raise Refused("a control character or a space in the URL")
    text, _, fragment = text.partition("#")
    if fragment:
        raise Refused("a fragment")
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*(?=://)", text)
    if not scheme:
        raise Refused("no scheme")
    rest = text[scheme.end() + 3 :]
    authority, tail = rest[: _first(rest, "/?")], rest[_first(rest, "/?") :]
    user_info, at, host = authority.rpartition("@")
    if at and not re.fullmatch(r"[A-Za-z0-9._:~!$&'()*+,;=%@-]*", user_info):
        raise Refused("net/url: invalid userinfo")
    user, colon, password = user_info.partition(":")
    return GoUrl(
        scheme[0].lower(),
        _unescaped(user) if at else None,
        _unescaped(password) if colon else None,
        _host(host),
        _checked(tail.partition("?")[0]) + "".join(tail.partition("?")[1:]),
    )


def host_and_port(url: GoUrl) -> tuple[str, int | None]:
    host, colon, port = url.host.rpartition(":")
    return (host, int(port)) if colon and not port.endswith("]") and port else (url.host, None)


def _first(text: str, marks: str) -> int:
    return min((text.find(mark) for mark in marks if mark in text), default=len(text))


def _host(host: str) -> str:
    bracketed = re.fullmatch(r"(\[[0-9A-Fa-f:.]*)(?:%25([A-Za-z0-9._~%-]+))?(\])((?::[0-9]*)?)", host)
    if bracketed:
        zone = f"%{unquote_to_bytes(bracketed[2]).decode()}" if bracketed[2] else ""
        return bracketed[1] + zone + bracketed[3] + bracketed[4]
    if not re.fullmatch(r"[A-Za-z0-9._~!$&'()*+,;=<>\"\x80-\U0010ffff-]+(?::[0-9]*)?", host):
        raise Refused("net/url: invalid host or port")
    return host


def _unescaped(text: str) -> bytes:
    return unquote_to_bytes(_checked(text))


def _checked(text: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise Refused("net/url: invalid URL escape")
    return text
