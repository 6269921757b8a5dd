"""Passwords in the paths of Frigate's inputs: there they stand as they are typed, and Frigate encodes them itself.

Only under `go2rtc.streams` does Frigate take an address as a URL. What it does with a path stands here as its
version 0.12 and all later ones do it.
"""

import re
from typing import NamedTuple
from urllib.parse import quote, quote_plus, unquote_to_bytes

from cameras import rtsp
from cameras.redaction import user_info_end
from cameras.transfer.files.placeholders import escaped

# After such a user, whatever stands before the last @ of the path is the password for Frigate.
_ENCODED = re.compile(r"://[A-Za-z0-9_-]+:(?P<password>\S+)@")
_PLAIN_USER = re.compile(r"[A-Za-z0-9_-]+")
# What no URL has raw in its user info, and what would be read as a placeholder.
_NOT_IN_A_URL = re.compile(r"%(?![0-9A-Fa-f]{2})|[/?#\[\]<>{}@\\\s]|^\$")
# With a longer path Frigate does not start.
MAX_PATH = 1_000


class _Address(NamedTuple):
    """An address in parts, whatever its user info holds; `rest` begins with the @ where there is any."""

    scheme: str
    user: str
    colon: str
    password: str
    rest: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.user}{self.colon}{self.password}{self.rest}"

    @property
    def is_encoded_by_frigate(self) -> bool:
        return bool(_PLAIN_USER.fullmatch(self.user) and self.password and not re.search(r"\s", self.password))


def _parts_of(address: str) -> _Address:
    scheme, _, rest = address.partition("://")
    end = max(user_info_end(rest), 0)
    return _Address(scheme, *rest[:end].partition(":"), rest[end:])


def read_input(path: str) -> str:
    """The address that Frigate asks for the path of an input, its placeholders filled.

    Whether the result is valid, the rule for connection strings says.
    """
    address = _parts_of(path)
    if not address.is_encoded_by_frigate:
        return read_url(path)
    return _without_fragment(address._replace(password=quote(address.password, safe="")))


def read_url(url: str) -> str:
    """The address of a source of go2rtc, its placeholders filled; what stands raw in its user info is encoded."""
    address = _parts_of(url)
    user, password = (
        _NOT_IN_A_URL.sub(lambda found: quote(found[0], safe=""), part)
        for part in (address.user, address.password)
    )
    return _without_fragment(address._replace(user=user, password=password))


def holds_escapes(path: str) -> bool:
    """Whether a password that Frigate encodes looks as if it had been encoded already."""
    address = _parts_of(path)
    return address.is_encoded_by_frigate and bool(re.search("%[0-9A-Fa-f]{2}", address.password))


def write_input(url: str) -> str | None:
    """The path by which Frigate reaches the camera, its braces doubled; None where only a URL can say it."""
    for path in (_typed(url), url):
        template = escaped(path)
        if len(path) > MAX_PATH or rtsp.holds_placeholder(template):
            continue
        if all(_is_of(address, url) for address in (_asked_for(path), read_input(path))):
            return template
    return None


def _typed(url: str) -> str:
    """The address with its password as a person would type it; as it is where that is no text."""
    address = _parts_of(url)
    try:
        return str(address._replace(password=unquote_to_bytes(address.password).decode()))
    except UnicodeDecodeError:
        return url


def _asked_for(path: str) -> str:
    """What Frigate makes of a path: the password is encoded, wherever its text occurs."""
    found = _ENCODED.search(path)
    return path.replace(found["password"], quote_plus(found["password"])) if found else path


def _is_of(address: str, url: str) -> bool:
    try:
        return rtsp.same_camera(rtsp.parse(address).normalised, url)
    except rtsp.InvalidRtspUrl:
        return False


def _without_fragment(address: _Address) -> str:
    """What follows a # in the path is for go2rtc."""
    return str(address).partition("#")[0]
