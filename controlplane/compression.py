"""Answers in gzip, for clients that say that they take it: which answers, and how.

An answer that holds a secret is never compressed: its length would say how much of the secret another part of it
repeats (BREACH). Such an answer says so itself, see `kept_plain`. So that the lengths of all others say less, the
name of the file in the gzip is random in length, as in Django's GZipMiddleware. That one is not used: it goes by
no q-value, and makes each part of a stream a gzip of its own, of which many clients read the first only.
"""

import asyncio
import gzip
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from io import BytesIO
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers

from controlplane.bare_asgi import Message, Scope, Send
from controlplane.negotiation import EVENT_STREAM, preferences

LEAST_BYTES = 1024
# Of 1 MB of JSON, level 4 makes a tenth more than level 6, in three quarters of the time.
LEVEL = 4
PADDING_BYTES = 100
# What takes longer than a millisecond or so is not done in the event loop.
LARGE_BYTES = 64 * 1024
# Beside text; streams of events are text, but each has to arrive when it is sent.
COMPRESSIBLE = ("json", "xml", "yaml", "javascript", "x-ndjson")
VARY = "Accept-Encoding"
CONDITIONS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")

_WEAK = re.compile(r'(^|[\s,])W/"')

R = TypeVar("R", bound=HttpResponseBase)


def kept_plain(response: R) -> R:
    """The answer, which holds a secret: nobody on its way stores or compresses it."""
    response["Cache-Control"] = "no-store, no-transform"
    return response


# --- Which answers ------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def takes_gzip(accept_encoding: str) -> bool:
    """Whether gzip is accepted, and not less than no coding at all (RFC 9110, 12.5.3)."""
    qualities: dict[str, float] = dict(preferences(accept_encoding))
    quality = max(qualities.get(name, 0.0) for name in ("gzip", "x-gzip"))
    if "gzip" not in qualities and "x-gzip" not in qualities:
        quality = qualities.get("*", 0.0)
    return quality > 0 and quality >= qualities.get("identity", 0.0)


def _is_compressible(status: int, headers: Mapping[str, str], size: int | None) -> bool:
    """Whether an answer is compressed for who takes gzip; names of headers in lower case, no size for a stream."""
    if status in (204, 206, 304) or (size is not None and size <= LEAST_BYTES):
        return False
    if headers.get("content-encoding") or "no-transform" in headers.get("cache-control", ""):
        return False
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type != EVENT_STREAM and (media_type.startswith("text/") or media_type.endswith(COMPRESSIBLE))


# --- How ----------------------------------------------------------------------------------------------------


class _Gzip:
    """One gzip, made part by part; what is added can be read at once."""

    def __init__(self) -> None:
        self._made = BytesIO()
        name = "a" * secrets.randbelow(PADDING_BYTES)
        self._file = gzip.GzipFile(name, "wb", LEVEL, self._made, mtime=0)

    def add(self, part: bytes) -> bytes:
        self._file.write(part)
        self._file.flush()
        return self._taken()

    def end(self, part: bytes = b"") -> bytes:
        self._file.write(part)
        self._file.close()
        return self._taken()

    def _taken(self) -> bytes:
        made = self._made.getvalue()
        self._made.seek(0)
        self._made.truncate()
        return made


def _parts(parts: Iterable[bytes]) -> Iterator[bytes]:
    whole = _Gzip()
    for part in parts:
        yield whole.add(part)
    yield whole.end()


async def _in_thread_if_large(compress: Any, part: bytes) -> bytes:
    return await asyncio.to_thread(compress, part) if len(part) > LARGE_BYTES else compress(part)


def _weak(etag: str) -> str:
    """The tag of what is no longer the same bytes (RFC 9110, 8.8.1)."""
    return etag if etag.startswith("W/") else f"W/{etag}"


def strong(tags: str) -> str:
    """The tags of a condition as they were made: ours are strong, and only compression, here or in a proxy, makes
    them weak.
    """
    return _WEAK.sub(r'\1"', tags)


# --- Through Django -----------------------------------------------------------------------------------------


class Compression:
    """Middleware of Django: compresses the answer, says that it depends on Accept-Encoding, and makes the tags of
    conditions strong again. Stands in front of everything that reads a header.
    """

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        for name in CONDITIONS:
            if name in request.META:
                request.META[name] = strong(request.META[name])
        response = self.get_response(request)
        size = None if response.streaming else len(response.content)
        if _is_compressible(response.status_code, response.headers, size):
            patch_vary_headers(response, (VARY,))
            if takes_gzip(request.headers.get(VARY, "")):
                _compress(response)
        return response


def _compress(response: Any) -> None:
    if response.streaming:
        response.streaming_content = _parts(response.streaming_content)
    else:
        response.content = _Gzip().end(response.content)
        response["Content-Length"] = str(len(response.content))
    response["Content-Encoding"] = "gzip"
    if "ETag" in response:
        response["ETag"] = _weak(response["ETag"])


# --- Without Django -----------------------------------------------------------------------------------------


class CompressedSend:
    """A `send` that compresses what is sent by it. A start that may change waits for the body's first part."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self._start: Message | None = None
        self._gzip: _Gzip | None = None

    async def __call__(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start" and _may_change(message):
            message = {**message, "headers": _varying(message["headers"])}
            if takes_gzip(_header(self._scope["headers"], b"accept-encoding")):
                self._start, self._gzip = message, _Gzip()
                return
        elif kind == "http.response.body" and self._gzip is not None:
            await self._send_part(self._gzip, message)
            return
        elif self._start is not None:  # the server is asked to send a file by itself
            await self._send(self._start)
            self._start = self._gzip = None
        await self._send(message)

    async def _send_part(self, whole: _Gzip, message: Message) -> None:
        part, more = message.get("body", b""), message.get("more_body", False)
        is_head = self._scope["method"] == "HEAD"
        if not is_head:
            part = await _in_thread_if_large(whole.add if more else whole.end, part)
        if self._start is not None:
            start, self._start = self._start, None
            length = None if more or is_head else len(part)
            await self._send({**start, "headers": _gzip_headers(start["headers"], length)})
        await self._send({**message, "body": part})


def _may_change(start: Message) -> bool:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]}
    size = headers.get("content-length")
    return _is_compressible(start["status"], headers, None if size is None else int(size))


def _varying(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    named = _header(headers, b"vary")
    if VARY.lower() in named.lower():
        return headers
    others = [(name, value) for name, value in headers if name.lower() != b"vary"]
    return [*others, (b"vary", f"{named}, {VARY}".removeprefix(", ").encode("latin-1"))]


def _gzip_headers(headers: list[tuple[bytes, bytes]], length: int | None) -> list[tuple[bytes, bytes]]:
    changed = [(b"content-encoding", b"gzip")]
    if length is not None:
        changed.append((b"content-length", str(length).encode()))
    for name, value in headers:
        if name.lower() == b"etag":
            changed.append((name, _weak(value.decode("latin-1")).encode("latin-1")))
        elif name.lower() != b"content-length":
            changed.append((name, value))
    return changed


def _header(headers: list[tuple[bytes, bytes]], wanted: bytes) -> str:
    return ", ".join(value.decode("latin-1") for name, value in headers if name.lower() == wanted)
