"""What may be shown of the path and query of a camera's URL.

Owns the parameters that are known to be harmless, the names under which cameras carry secrets, and the mask. A
query is shown by an allow-list. A path is shown but for what looks like a secret or stands where one does. Where a
tail can be read in two ways, the reading that hides more wins. Every function is linear in its input.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote

MASK = "***"

# Compared in lower case, without punctuation and without a number at the end: `stream_id2` is `streamid`.
_HARMLESS = frozenset({
    "aon", "app", "aud", "audio", "audiobitrate", "audiochannel", "audiocodec", "audiosource", "backchannel",
    "begin", "begintime", "bitrate", "brightness", "buffersize", "cam", "camera", "cameraid", "cameraindex",
    "cameranum", "cbr", "ch", "channel", "channelid", "channelindex", "channelname", "channelno",
    "channelnumber", "channels", "chid", "chn", "clock", "codec", "color", "compression", "container",
    "contrast", "date", "device", "doublescan", "duration", "enablesrtp", "encode", "encoding", "end",
    "endtime", "eptz", "event", "events", "format", "fps", "framerate", "framesize", "gop", "govlength", "h264",
    "h264profile", "h265", "h26x", "height", "imagesize", "inst", "keyframe", "keyframeinterval", "language",
    "layout", "lens", "line", "linktype", "live", "main", "mainstream", "maxbitrate", "maxfps", "mcast", "meta",
    "metadata", "mirror", "mjpeg", "mode", "mpeg4", "multicast", "multicastport", "nbrofframes", "onvif",
    "overlays", "overtcp", "palette", "playback", "port", "pos", "preset", "profile", "profileid",
    "profilename", "profileno", "proto", "protocol", "ptype", "ptz", "quad", "quality", "realstream", "rec",
    "res", "resolution", "rnd", "rotation", "rtptransport", "rtsptransport", "samplerate", "scale",
    "sessiontimeout", "size", "sms", "source", "speed", "squarepixel", "srtp", "start", "startdate",
    "starttime", "stereo", "stoptime", "stream", "streamid", "streamindex", "streamname", "streamno",
    "streamnumber", "streamprofile", "streams", "streamtype", "sub", "substream", "subtype", "tcp", "timeout",
    "timezone", "track", "trackid", "transport", "transportmode", "transporttype", "type", "udp", "unicast",
    "utc", "vbr", "vcd", "version", "video", "videobitrate", "videobitratemode", "videobitratepriority",
    "videocodec", "videocodectype", "videoencoder", "videoinput", "videokeyframeinterval", "videomaxbitrate",
    "videoquality", "videosource", "view", "viewid", "width", "x0", "x1", "y0", "y1",
    # Who signs in, but not with what.
    "loginuse", "u", "user", "username", "usr",
})  # fmt: skip
# Their value is another camera's URL, which `redact_text` has dealt with.
_OF_URLS = frozenset({"src", "url"})
_URL = re.compile(r"rtsps?(?::|%(?:25){0,3}3a)(?:\\*/|%(?:25){0,3}2f){2}", re.IGNORECASE)

_NAME_START = r"(?:(?<![a-z0-9])|(?<=%[0-9a-f]{2})|(?<=u0026)|(?-i:(?<=[a-z])(?=[A-Z])))"
_SECRET_NAME = (
    r"(?:passw(?:or)?d|pwd|pswd?|token|secret|credentials?|signature)[0-9]*"
    rf"|{_NAME_START}(?:user|login|access|api|session|stream|private)?"
    r"(?:pas(?:s[a-z0-9]{0,24})?(?:[_-][a-z0-9]{1,16})?|(?:pw|psd|key|sig|jwt)[0-9]*|auth[a-z0-9]{0,24}"
    r"|(?:psk|senha|clave|contrase[nñ]a|kennwort|passwort|mdp|pin|code|sid|sign(?:info)?|bearer)[0-9]*)"
)
# `p` is a password only beside a user in texts that no allow-list is held to.
_ASSIGNED_NAME = rf"{_SECRET_NAME}|(?<=[?&])u=[^?&\s]*&p"
# What follows a password in the underscore paths of Xiongmai; any other `_name=` belongs to the value.
_NEXT_NAME = r"_(?:channel|chn?|stream|subtype|user(?:name)?|usr|onvif|real_stream)="
_QUOTED = r"""(?:'[^']*(?:'|$)|"[^"]*(?:"|$))"""
_ASSIGNED = re.compile(
    rf"(?P<name>(?:{_ASSIGNED_NAME})(?:=|(?P<encoded>%(?:25){{0,3}}3d)))"
    rf"(?P<value>(?(encoded)(?:(?!%(?:25){{0,3}}26)[^&\s])*|{_QUOTED}?(?:(?!{_NEXT_NAME})[^&\s])*))",
    re.IGNORECASE,
)
_ENCODED_UNRESERVED = re.compile(r"%(?:2[de]|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])", re.IGNORECASE)

# Words such as `defaultPrimary` (Avigilon) and `StreamingSetting` (D-Link) are no tokens.
_WORDS = r"[A-Za-z][a-z]{3,}(?:[A-Z][a-z]{3,})+(?![A-Za-z0-9])"
_OPAQUE_PATH = re.compile(rf"^((?:\\*/)+)(?!{_WORDS})[A-Za-z0-9]{{12,}}+(?=[./\\]*(?:[^\w\-~%=+./\\]|$))")
# Of `/user:password/`; Wowza writes the kind of a recording so (`mp4:name`), and others a pair of numbers.
_RECORDING = re.compile(r"(?:mp[34]|m4[av]|f4v|flv|mov|aac|id3|smil|ngrp|amlst):", re.IGNORECASE)
_LOGIN = re.compile(
    rf"(?!{_RECORDING.pattern})([^:=&?\s\\]*?(?::|%(?:25){{0,3}}3a))(?!\d{{1,3}}(?!\w))[^?\s\\]+",
    re.IGNORECASE,
)
_USER = re.compile(
    r"(?:\w+[_-])?(?:admin|administrator|root|user|username|operator|viewer|guest|supervisor)[0-9]*|888888|666666",
    re.IGNORECASE,
)
_USER_WORD = re.compile(r"users?|usr|username|login|account", re.IGNORECASE)
_USER_GIVEN = re.compile(r"(?:user|usr|username|u|login|loginuse)=[^&;=]+", re.IGNORECASE)
_SECRET_SEGMENT = re.compile(_SECRET_NAME, re.IGNORECASE)

_SLASH = re.compile(r"((?<!\\)\\*/)")
_ENCODED_SLASH = re.compile(r"(%(?:25){0,3}2f)", re.IGNORECASE)
_AMPERSANDS = r"&(?:amp;)*|[;?#]|(?<!\\)\\+u0026"
_BETWEEN_PARAMETERS = re.compile(rf"({_AMPERSANDS})", re.IGNORECASE)
_BETWEEN_ASSIGNMENTS = re.compile(rf"({_AMPERSANDS}|,|_(?=(?:[a-z]{{1,32}}|\*\*\*)=))", re.IGNORECASE)
# In running text, what closes a sentence, a bracket or a quotation follows the URL.
_CLOSING = ".,:;!)]}>'\"\\"

_MAX_READINGS = 8
_MIN_TOKEN = 12
_TIME = re.compile(r"[0-9:.+-]+t[0-9:.+-]+z?", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# Numbers that belong to a word: codecs, sizes and rates.
_TERM = re.compile(
    r"h[._]?26[345x]|m?jpe?g|mpe?g[24]?|mp[34]|g7[0-9]{2}|[0-9]{2,4}x[0-9]{2,4}|[0-9]{1,4}(?:p|fps|kbps)(?![a-z0-9])",
    re.IGNORECASE,
)
_PIECE = re.compile(r"[A-Za-z0-9]+")
_SERIAL = re.compile(r"(?:[0-9a-f]{8}|[0-9a-f]{12}|[0-9A-F]{12})")
_RUN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SHORT_WORDS = frozenset({
    "amp", "av", "bcs", "cam", "cctv", "cgi", "ch", "dvr", "hd", "hls", "hq", "id", "in", "ip", "lan", "lq",
    "nvr", "pc", "ptz", "rtp", "sd", "sdp", "smp", "sub", "tcp", "top", "tv", "udp", "uhd",
})  # fmt: skip
_WORD = re.compile(r"(?!.*[^aeiouy]{7})(?=.*[aeiouy]).{4,}")

_MASK_ONLY = re.compile("[*\uff0a\u2217\u2022\u25cf\u2219\u00b7\u26ab\u2b24]+")


def is_mask(value: str) -> bool:
    """Whether `value`, quoted or percent-encoded or not, consists of asterisks and bullets only."""
    return bool(_MASK_ONLY.fullmatch(unquote(value).strip("'\"")))


def holds_mask(tail: str) -> bool:
    """Whether a secret in `tail`, the path and query of a URL, was already replaced by a mask."""
    values = (match["value"] for part in tail.partition("?") for match in _ASSIGNED.finditer(part))
    return MASK in unquote(tail) or any(map(is_mask, values))


def redact_tail(tail: str, user: str = "") -> str:
    """Return `tail`, the path and query of a camera's URL, with `***` for all that may be a secret in it.

    Of a query, the values of harmless parameters and the names of all are shown. Of a path, masked are the values
    of other parameters, what follows the name of a user (`/admin/password/`, `/user:password/`), `user` among
    them, or of a secret, and segments of 12 or more letters and digits that are not made of words. An empty value
    stays empty. Redacting twice is redacting once.
    """
    # RFC 3986 section 6.2.2.2: `p%61ss` and `pass` are the same name.
    plain = _ENCODED_UNRESERVED.sub(lambda match: unquote(match[0]), tail)
    masked = _masked_until_stable(plain, user)
    return masked if masked != plain else _masked_until_stable(tail, user)


def mask_assigned(text: str) -> str:
    """Return `text` with `***` for the values of names that are known to be of secrets."""
    return _ASSIGNED.sub(lambda found: found["name"] + (MASK if found["value"] else ""), text)


def _masked_until_stable(tail: str, user: str) -> str:
    """What a mask leaves of odd punctuation can be read anew, as a login or the end of a value."""
    for _ in range(_MAX_READINGS):
        masked = _mask_tail(tail, user)
        if masked == tail:
            break
        tail = masked
    return tail


def _mask_tail(tail: str, user: str) -> str:
    path, mark, query = tail.partition("?")
    path = mask_assigned(_OPAQUE_PATH.sub(rf"\g<1>{MASK}", path))
    query = mask_assigned(mark + query)[len(mark) :]
    return "".join(_shown_segments(path, _SLASH, user)) + mark + _shown_query(query)


def _shown_segments(path: str, slash: re.Pattern[str], user: str, *, is_at_end: bool = True) -> Iterator[str]:
    parts = slash.split(path)
    hidden_next = 0
    for index, segment in enumerate(parts):
        if index % 2 or not segment:
            yield segment
            continue
        is_last = is_at_end and index == len(parts) - 1
        if hidden_next:
            yield _masked(segment, is_last=is_last)
        else:
            yield _shown_segment(segment, user, is_last=is_last, may_be_encoded=slash is _SLASH)
        # An encoded slash may end a segment, or belong to a password.
        name = unquote(segment).rpartition("/")[2]
        hidden_next = max(hidden_next - 1, _hidden_after(name, user))


def _hidden_after(name: str, user: str) -> int:
    """Return how many segments after one called `name` are hidden: `/user/bob/password/` says both."""
    if _USER_WORD.fullmatch(name):
        return 2
    return int(name == user or any(one.fullmatch(name) for one in (_USER, _USER_GIVEN, _SECRET_SEGMENT)))


def _shown_segment(segment: str, user: str, *, is_last: bool, may_be_encoded: bool) -> str:
    login = _LOGIN.match(segment)
    if login and not (is_last and not segment[login.end(1) : login.end()].strip(_CLOSING)):
        password = _masked(segment[login.end(1) : login.end()], is_last=is_last)
        segment = segment[: login.end(1)] + password + segment[login.end() :]
    if may_be_encoded and _ENCODED_SLASH.search(segment):
        return "".join(_shown_segments(segment, _ENCODED_SLASH, user, is_at_end=is_last))
    parts = _BETWEEN_ASSIGNMENTS.split(segment)
    parts[::2] = [_shown_part(part, is_query=False, is_last=is_last) if part else "" for part in parts[::2]]
    return "".join(parts)


def _shown_query(query: str) -> str:
    parts = _BETWEEN_PARAMETERS.split(query)
    parts[::2] = [_shown_part(part, is_query=True, is_last=True) if part else "" for part in parts[::2]]
    return "".join(parts)


def _shown_part(part: str, *, is_query: bool, is_last: bool) -> str:
    """Return `name=value`, or a word without a value, as it may be shown."""
    if _RECORDING.match(part) and not is_query:
        return part
    name, equals, value = part.partition("=")
    key = re.sub(r"[\W_]+", "", unquote(name).lower())
    is_harmless = key in _HARMLESS or (len(key) > 2 and key.rstrip("0123456789") in _HARMLESS)
    if not equals:
        is_shown = not _looks_secret(name) and (is_harmless or not is_query)
        return part if is_shown else _masked(part, is_last=is_last)
    if key in _OF_URLS and _URL.match(value):
        return part
    # Two of them end a text in base64, which has no name.
    is_name = is_harmless or not (_looks_secret(name) or value.startswith("="))
    is_plain = "=" not in unquote(value) and not _LOGIN.match(value) and not _looks_secret(value)
    is_shown = not value or (is_harmless and is_plain)
    return (name if is_name else MASK) + equals + (value if is_shown else _masked(value, is_last=is_last))


def _masked(text: str, *, is_last: bool) -> str:
    """Return the mask, and after it what closes a sentence where `text` stands at its URL's end."""
    secret = text.rstrip(_CLOSING) if is_last else text
    return MASK + text[len(secret) :]


def _looks_secret(text: str) -> bool:
    """Whether `text`, a segment or a value, is long enough for a token and not made of words."""
    # A letter of another script belongs to a word.
    plain = re.sub(r"[^\x00-\x7f]", "a", unquote(text))
    if sum(map(str.isalnum, plain)) < _MIN_TOKEN or _TIME.fullmatch(plain) or _UUID.fullmatch(plain):
        return False
    pieces = _PIECE.findall(_TERM.sub("-", plain))
    if not re.search(r"[0-9]", plain):
        runs = [run for piece in pieces for run in _RUN.findall(piece)]
        return 3 * len(runs) > sum(map(len, runs)) and max(map(len, pieces), default=0) >= _MIN_TOKEN
    if not re.search(r"[A-Za-z]", plain):
        return False
    unread = [piece for piece in pieces if not _is_of_words(piece)]
    # The serial of a device beside a word: `3ce1a8f0b2c1_live` (Ring).
    is_serial = len(unread) == 1 < len(pieces) and bool(_SERIAL.fullmatch(unread[0]))
    return bool(unread) and not is_serial


def _is_of_words(piece: str) -> bool:
    """Whether `piece` consists of words, a small number after each and any at the end."""
    runs = _RUN.findall(piece)
    return all(_is_word(run) if run.isalpha() else len(run) <= 2 for run in runs[:-1]) and (
        runs[-1].isdigit() or _is_word(runs[-1])
    )


def _is_word(run: str) -> bool:
    word = run.lower()
    return word in _SHORT_WORDS or bool(_WORD.fullmatch(word))
