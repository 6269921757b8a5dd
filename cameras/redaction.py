"""What may be shown of any text that may hold connection strings.

Owns the reading of URLs that no parser accepts: a log line or an error text holds them cut off, escaped, encoded
and mistyped. Where a text can be read in two ways, the reading that hides more wins. Every function is linear in
its input. `cameras.url_tails` owns what of a path and a query may be shown.
"""

import re
from urllib.parse import quote, unquote

from cameras.url_tails import MASK, mask_assigned, redact_tail

_MAX_ENCODINGS = 4
# The colon and the slashes after a scheme: plain, JSON-escaped (`:\/\/`), or percent-encoded once or more.
# An rtsp that starts a word may lack slashes where an `@` follows.
_SLASHES = r"(?::|%(?P<encoded>(?:25){0,3})3a)(?:\\*/|%(?:25){0,3}2f){2}"
_NO_SLASHES = r"""(?:(?<=\Artsp)|(?<=\Artsps)|(?<=[\s"']rtsp)|(?<=[\s"']rtsps)):(?:\\*/)?(?=[^\s@]{1,256}@)"""
# What is encoded within user info or within an encoded URL starts no URL of its own.
_USER_INFO = r"""(?:[^/?#\s"',;&=]*@)?"""
_ENCODED_URL = r"""[^\s&"'<>]*"""
_SEPARATOR = re.compile(
    rf"(?P<separator>{_SLASHES}|{_NO_SLASHES})(?(encoded){_ENCODED_URL}|{_USER_INFO})", re.IGNORECASE
)
_KNOWN_SCHEME = re.compile(r"(?:rtsps?|https?|rtmps?)$", re.IGNORECASE)
_NESTED = re.compile(rf"(?:rtsps?|https?|rtmps?){_SLASHES}", re.IGNORECASE)
_LINE_END = re.compile(r"[\r\n]")
# A quote ends a URL only where the text around it goes on: `?user='u'&pwd='p'` keeps its own.
_WORD_END = re.compile(r"""\s|["'](?=[\s,:;\]})>]|$)""")
_COLON = re.compile(r":|%(?:25){0,3}3a", re.IGNORECASE)
_PATH_START = re.compile(r"[/?#&]")

# Punctuation may follow: `rtsp://nvr:554: timed out`.
_HOST_AND_PORT = re.compile(r"""(?:\[[^\[\]<>]*\]|[\w.-]*+)(?::\d*+)?+[.,:;!)\]}>'"\\]*""")
_ADDRESS = re.compile(r"\[|\d{1,3}(?:\.\d{1,3}){3}(?![\w.-])")
_LAST_AT_ADDRESS = re.compile(r".*@(?=\d{1,3}(?:\.\d{1,3}){3}(?!\w)|\[[0-9a-f:])", re.IGNORECASE)
_AT_NAME = re.compile(r"[^=]*@[a-z][\w-]*[.:/\\]", re.IGNORECASE)


def user_info_end(rest: str, word: str | None = None) -> int:
    """Return the index of the `@` that ends the user info in `rest`, what follows `rtsp://`; -1 without one.

    That is the last `@` before the path (RFC 3986 section 3.2), unless the host that this leaves is none, or
    the path holds `@host`: then a raw `/`, `?`, `#` or space cut a password, and the `@` beyond it is meant.
    In running text, `word` is the part of `rest` that the URL seems to be.
    """
    word = rest if word is None else word
    authority = _authority(word)
    if nested := _NESTED.search(rest, len(authority)):
        rest, word = rest[: nested.start()], word[: nested.start()]
    at = authority.rfind("@")
    host = authority[at + 1 :]
    # Words after a path are the text's; words after a bare authority may be the rest of a password.
    tail = (rest if word == authority else word)[len(authority) :]
    if _HOST_AND_PORT.fullmatch(host) and not _holds_the_host(tail, host, authority):
        return at
    if address := _LAST_AT_ADDRESS.match(rest):
        return address.end() - 1
    return word.rfind("@") if "@" in word else rest.rfind("@")


def redact_text(text: str) -> str:
    """Return `text` with the secrets of every URL in it as `***`, and everything else as it was.

    For log lines, error texts and tracebacks. A URL may be valid or not, cut off, upper case, JSON-escaped or
    percent-encoded, of rtsp or of any other scheme. User names stay, except where a scheme other than rtsp
    has nothing else in its user info (`tapo://password@host`). Redacting twice is redacting once.
    """
    return _redact(text, _MAX_ENCODINGS)


def _redact(text: str, encodings: int) -> str:
    separators = list(_SEPARATOR.finditer(text))
    ends = [_scheme_start(text, separator.start()) for separator in separators[1:]]
    shown: list[str] = []
    done = camera_until = 0
    for separator, end in zip(separators, [*ends, len(text)], strict=False):
        colon, start = separator.span("separator")
        is_rtsp = text[max(0, colon - 5) : colon].lower().endswith(("rtsp", "rtsps"))
        if is_rtsp and separator["encoded"] is None and start > camera_until:
            word_end = _WORD_END.search(text, start)
            camera_until = word_end.start() if word_end else len(text)
        is_of_camera = start <= camera_until
        if separator["encoded"] is None:
            line = _first_line(text[start:end])
            shown += text[done:start], _redact_line(line, is_rtsp, is_of_camera)
            done = start + len(line)
        elif encodings:
            if is_rtsp or not is_of_camera:
                shown += text[done:colon], _redact_encoded(separator[0], is_rtsp, encodings - 1)
            else:
                shown += text[done : max(done, _scheme_start(text, colon))], MASK
            shown.append(_redact_path(text[separator.end() : end], is_of_camera))
            done = max(separator.end(), end)
    return "".join([*shown, text[done:]])


def _scheme_start(text: str, colon: int) -> int:
    """Return where the scheme before `colon` starts. An unknown one may as well be the end of a secret."""
    scheme = _KNOWN_SCHEME.search(text[max(0, colon - 5) : colon])
    return colon - len(scheme[0]) if scheme else colon


def _redact_encoded(word: str, is_rtsp: bool, encodings: int) -> str:
    """Redact a percent-encoded URL, which starts at its colon; in it up to `encodings` further layers."""
    scheme = "rtsp" if is_rtsp else ""
    plain = scheme + unquote(word)
    shown = _redact(plain, encodings)
    return word if shown == plain else quote(shown[len(scheme) :], safe="*", errors="replace")


def _redact_line(line: str, is_rtsp: bool, is_of_camera: bool) -> str:
    """Redact a line that starts with a URL's user info or host; a camera's URL may hold one of another scheme."""
    slashes = line[: len(line) - len(line.lstrip("/\\"))] if is_rtsp else ""
    line = line[len(slashes) :]
    word = _word(line)
    authority = _authority(word)
    end = user_info_end(line, word)
    if end >= 0 and ":" not in line[:end]:
        end = authority.rfind("@")
    if end < 0:
        cut = _COLON.search(authority)
        if cut and not _HOST_AND_PORT.fullmatch(authority) and (is_rtsp or cut.start()):
            return slashes + line[: cut.end()] + MASK + line[len(word) :]
        return slashes + _redact_path(line, is_of_camera)
    user, colon, password = line[:end].partition(":")
    if not colon and not is_rtsp:
        user = MASK
    shown_user = _redact_path(user, is_of_camera) + colon + (MASK if password else "")
    return slashes + shown_user + _redact_path(line[end:], is_of_camera, unquote(user))


def _redact_path(text: str, is_of_camera: bool, user: str = "") -> str:
    """Redact the path and query of the URL that `text` starts with."""
    word = _word(text)
    path = _PATH_START.search(word)
    if not path:
        return text
    tail = word[path.start() :]
    shown = redact_tail(tail, user) if is_of_camera else mask_assigned(tail)
    return word[: path.start()] + shown + text[len(word) :]


def _first_line(text: str) -> str:
    end = _LINE_END.search(text)
    return text[: end.start()] if end else text


def _word(text: str) -> str:
    end = _WORD_END.search(text)
    return text[: end.start()].rstrip("\\") if end else text


def _authority(word: str) -> str:
    return re.split(r"[/?#]", word, maxsplit=1)[0].rstrip("\\")


def _holds_the_host(tail: str, host: str, authority: str) -> bool:
    """Whether `tail` holds an `@host` that makes `host` a part of a password.

    An address is strong evidence. A name is evidence only where `host` could be the start of a password, and
    no `=` stands before it: `?mail=a@b.example` is an ordinary query.
    """
    if _ADDRESS.match(host):
        return False
    if _LAST_AT_ADDRESS.match(tail) or "@" in tail.partition("#")[2]:
        return True
    return ":" in authority and "." not in host and bool(_AT_NAME.match(tail))
