"""Connection strings of cameras: parse, validate, normalise, redact.

Owns the rule for what a camera's address may be: an rtsp or rtsps URL (RFC 7826 section 4.2, in the syntax of
RFC 3986), read as camera vendors and their users write it, mended only where one reading is left. No
connection is attempted. What may be shown of one is the rule of `cameras.url_tails`.
"""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, unquote, unquote_to_bytes

from cameras.redaction import redact_text, user_info_end
from cameras.rtsp_faults import MAX_LENGTH, InvalidRtspUrl
from cameras.url_tails import MASK, holds_mask, is_mask, redact_tail

__all__ = [
    "MAX_LENGTH", "InvalidRtspUrl", "RtspUrl", "holds_placeholder", "mended", "parse", "redact_text",
    "redacted_again", "same_camera", "split",
]  # fmt: skip

_MAX_HOST_LENGTH = 253
# RFC 7826 section 4.2.
_DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322}

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE | re.DOTALL)
_SECOND_SCHEME = re.compile(r"(?:[^/?#]*@)?(?:rtsp[stux]?|https?|rtmps?|onvif|file|udp):/", re.IGNORECASE)
# What templates, shells and manuals leave to be filled: `{x}`, `{{ x }}`, `${X}`, `<%= x %>`, `<pass>`; where it
# is all of a value `[PASSWORD]`, `$(X)`, `%X%`; `$X` for a user or a host, or where it is called like a secret.
_PLACEHOLDER = re.compile(
    r"""
    \$\{ | \{[^{}]*\} | <[^<>A-Za-z]*[A-Za-z][^<>]*>
    | (?:^|(?<=[:/@?&=;,])) (?:
        (?: \[[A-Za-z_][\w -]*\] | \$\([A-Za-z_]\w*\) | %[A-Za-z_]\w*% ) (?=[:/@?&;,]|$)
        | \$ (?: (?=\w*?(?:pass|pwd|pw|secret|token)) \w++ (?=[@&;,/]|$) | (?-i:[A-Z]++_[A-Z0-9_]*+) (?=@) )
    )
    | (?:^|(?<=@)) \$[A-Za-z_]\w*+ (?=[:/@?]|$)
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Characters that stand for themselves where nothing is left to be filled.
_OF_PLACEHOLDERS = re.compile(r"[$\[\]{}<>()]")
# RFC 3986 section 3.2.1; an @ that does not end the user info has to be encoded too.
_NOT_IN_USER_INFO = re.compile(r"[^A-Za-z0-9._~!$&'()*+,;=:%-]+")
# From a page or an XML document, once or twice escaped.
_ESCAPED_AMPERSAND = re.compile(r"&(?:amp;)+")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENCODED_CONTROL = re.compile(r"%(?:[01][0-9A-Fa-f]|7[Ff])")
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
# As in the URL standard of WHATWG: `10.1` and `0x7f.1` are meant, and read by some resolvers, as addresses.
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_ZONE = re.compile(r"[A-Za-z0-9._~-]+")


@dataclass(frozen=True, slots=True, repr=False)
class RtspUrl:
    """A valid connection string.

    `normalised` is what is stored, sealed, and given to workers. `redacted` is safe to show. `address` is
    `host:port`, the port always given, IPv6 in brackets.
    """

    normalised: str
    redacted: str
    address: str

    def __repr__(self) -> str:
        return f"RtspUrl({self.redacted!r})"


def parse(text: str) -> RtspUrl:
    """Return the connection string that `text` means.

    Mended are outer whitespace, the case of the scheme, a raw `@` in the user info (the last one before the path
    ends it) and whatever else RFC 3986 has encoded there, characters outside ASCII (percent-encoded as UTF-8),
    `&amp;` in path and query, zeros before the port, and a colon without a port; all else stays as sent. What
    `parse` returns as normalised, it returns unchanged.

    Raises InvalidRtspUrl with the hint for whoever typed it. Nothing else is raised, whatever the text.
    """
    url = text.strip()
    if len(url) > MAX_LENGTH:
        raise InvalidRtspUrl("length")
    scheme, rest = _split_scheme(url)
    if _PLACEHOLDER.search(rest):
        raise InvalidRtspUrl("placeholder")
    _refuse_characters(rest)
    if _SECOND_SCHEME.match(rest):
        raise InvalidRtspUrl("doubled_scheme")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if user_info_end(rest) >= len(authority):
        raise InvalidRtspUrl("userinfo_character")
    raw_user_info, at, host_and_port = authority.rpartition("@")
    user_info, shown_user_info = _read_user_info(raw_user_info) if at else ("", "")
    host, port = _read_host_and_port(host_and_port)
    tail = _read_tail(rest[len(authority) :])

    location = f"{host}:{port}" if port else host
    normalised = f"{scheme}://{user_info}{at}{location}{tail}"
    if len(normalised) > MAX_LENGTH:
        raise InvalidRtspUrl("length")
    return RtspUrl(
        normalised=normalised,
        redacted=f"{scheme}://{shown_user_info}{at}{location}{_shown_tail(tail, user_info)}",
        address=f"{host}:{port or _DEFAULT_PORTS[scheme]}",
    )


def mended(stored: str) -> str:
    """What an earlier version accepted and stored, in the form that `parse` gives it today.

    What looks like a placeholder was taken for a value then, and is one: it is percent-encoded. Where today's
    rules refuse it all the same, it is returned as it is.
    """
    for text in (stored, _with_placeholders_encoded(stored)):
        try:
            return parse(text).normalised
        except InvalidRtspUrl:
            continue
    return stored


def redacted_again(redacted: str) -> str:
    """What an earlier version showed, held to today's rule. It can only hide more."""
    scheme, user_info, location, tail = split(redacted)
    return f"{scheme}://{user_info}{location}{_shown_tail(tail, user_info)}"


def same_camera(one: str, other: str) -> bool:
    """Whether two strings that `parse` returned reach the same: `p%61ss` and `pass`, `host` and `host:554`."""
    return _as_reached(one) == _as_reached(other)


def holds_placeholder(text: str) -> bool:
    """Whether something in a connection string is left to be filled, before anything in it is encoded."""
    return bool(_PLACEHOLDER.search(text.partition("://")[2]))


def split(url: str) -> tuple[str, str, str, str]:
    """Return of what `parse` returned: the scheme, the user info with its `@` or "", host and port, the tail."""
    scheme, _, rest = url.partition("://")
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    user_info, at, location = authority.rpartition("@")
    return scheme, user_info + at, location, rest[len(authority) :]


def _as_reached(url: str) -> tuple[object, ...]:
    scheme, user_info, location, tail = split(url)
    host, _, port = location.rpartition(":") if re.search(r":[0-9]+$", location) else (location, "", "")
    login = [unquote_to_bytes(part) for part in user_info.split(":", 1)]
    return scheme, login, host, int(port or _DEFAULT_PORTS[scheme]), tail


def _with_placeholders_encoded(url: str) -> str:
    scheme, user_info, location, tail = split(url)
    user_info, tail = (_OF_PLACEHOLDERS.sub(lambda found: quote(found[0]), part) for part in (user_info, tail))
    return f"{scheme}://{user_info}{location}{tail}"


def _split_scheme(url: str) -> tuple[str, str]:
    """Return the scheme in lower case, and what follows its slashes."""
    if not url:
        raise InvalidRtspUrl("empty")
    match = _SCHEME.fullmatch(url)
    if not match:
        is_rtsp = url.lower().startswith(("rtsp:", "rtsps:"))
        raise InvalidRtspUrl("slashes" if is_rtsp else "scheme_missing")
    scheme, rest = match[1].lower(), match[2]
    if scheme not in _DEFAULT_PORTS:
        raise InvalidRtspUrl("scheme")
    return scheme, rest


def _refuse_characters(rest: str) -> None:
    """Refuse what no part of a URL may contain, by its Unicode category."""
    for index, character in enumerate(rest):
        category = unicodedata.category(character)
        if character == " " and user_info_end(rest) > index:
            raise InvalidRtspUrl("userinfo_character")
        if character.isspace() or category in {"Zs", "Zl", "Zp"}:
            raise InvalidRtspUrl("whitespace")
        if category == "Cc":
            raise InvalidRtspUrl("control_character")
        if category == "Cf":
            raise InvalidRtspUrl("invisible_character")
        if category == "Cs":
            raise InvalidRtspUrl("surrogate")
        if character == "\\":
            raise InvalidRtspUrl("backslash")


def _refuse_escapes(part: str) -> None:
    if _BAD_ESCAPE.search(part):
        raise InvalidRtspUrl("percent")
    if _ENCODED_CONTROL.search(part):
        raise InvalidRtspUrl("encoded_control")


def _encode_non_ascii(part: str) -> str:
    return re.sub(r"[^\x00-\x7f]+", lambda match: quote(match[0]), part)


def _read_user_info(raw: str) -> tuple[str, str]:
    """Return the user info to store and the one to show (RFC 3986 section 3.2.1)."""
    if re.search(r"[\[\]<>]", raw):
        raise InvalidRtspUrl("userinfo_character")
    _refuse_escapes(raw)
    encoded = _NOT_IN_USER_INFO.sub(lambda found: quote(found[0], safe=""), raw)
    user, colon, password = encoded.partition(":")
    if not user:
        raise InvalidRtspUrl("user_missing")
    if is_mask(user) or is_mask(password):
        raise InvalidRtspUrl("masked")
    return user + colon + password, user + colon + (MASK if password else "")


def _read_host_and_port(raw: str) -> tuple[str, str]:
    """Return the host as sent, brackets included, and the port without leading zeros, "" where none is."""
    bracketed, bracket, after = raw.partition("]")
    if raw.startswith("["):
        host, colon, port = bracketed + bracket, after[:1], after[1:]
        if not bracket or colon not in {"", ":"}:
            raise InvalidRtspUrl("ipv6")
        _check_ipv6(bracketed[1:])
    else:
        host, _, port = raw.partition(":")
        if raw.count(":") > 1 and re.fullmatch(r"[0-9A-Fa-f:.]+", raw):
            raise InvalidRtspUrl("ipv6")
        _check_name_or_ipv4(host)
    number = port.lstrip("0")
    if port and not (re.fullmatch(r"[0-9]{1,5}", number) and int(number) <= 65535):
        raise InvalidRtspUrl("port")
    return host, number


def _check_ipv6(address: str) -> None:
    """Check what stands in the brackets; a zone is written as RFC 6874 has it."""
    address, percent, zone = address.partition("%25")
    if "%" in address or (percent and not _ZONE.fullmatch(zone)):
        raise InvalidRtspUrl("ipv6")
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        # The message of `ipaddress` quotes the value.
        raise InvalidRtspUrl("ipv6") from None


def _check_name_or_ipv4(host: str) -> None:
    """Check a name by RFC 1123 section 2.1, the underscore allowed that names in local networks have."""
    if not host:
        raise InvalidRtspUrl("host_missing")
    name = host.removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise InvalidRtspUrl("ipv4") from None
    elif len(name) > _MAX_HOST_LENGTH or not all(map(_LABEL.fullmatch, labels)):
        raise InvalidRtspUrl("host")


def _read_tail(raw: str) -> str:
    """Return path and query to store."""
    if "#" in raw:
        raise InvalidRtspUrl("fragment")
    _refuse_escapes(raw)
    if holds_mask(raw):
        raise InvalidRtspUrl("masked")
    return _ESCAPED_AMPERSAND.sub("&", _encode_non_ascii(raw))


def _shown_tail(tail: str, user_info: str) -> str:
    return redact_tail(redact_text(tail), unquote(re.split("[:@]", user_info, maxsplit=1)[0]))
