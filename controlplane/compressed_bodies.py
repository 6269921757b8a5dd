"""Bodies of requests that are compressed: which content codings are taken, and reading them within bounds."""

import zlib
from typing import NoReturn

from controlplane.problems import FieldError, Problem

GZIP_WINDOW = zlib.MAX_WBITS | 16  # for zlib this means gzip, with its header and checksum
PIECE_BYTES = 16 * 1024
# Each member begins anew, which costs as much as reading kilobytes. Collectors that put compressed buffers
# together send a few.
MAX_MEMBERS = 1_000


def is_gzip(content_encoding: str) -> bool:
    """Whether a body with this Content-Encoding is gzip (RFC 9110, 8.4.1), and else plain.

    Raises Problem 415 for any other coding, with the Accept-Encoding that a 415 for a media type lacks (RFC 7694).
    """
    codings = _codings(content_encoding)
    if codings in (["gzip"], ["x-gzip"]):
        return True
    if codings:
        detail = "This content coding is not known here: send the body with `Content-Encoding: gzip`, or plain."
        raise Problem(415, detail, headers={"Accept-Encoding": "gzip"})
    return False


def require_plain(content_encoding: str) -> None:
    """Raises Problem 415 for a body with a content coding, with the Accept-Encoding that says so."""
    if _codings(content_encoding):
        detail = "Send the body plain, without Content-Encoding: only telemetry is taken as gzip."
        raise Problem(415, detail, headers={"Accept-Encoding": "identity"})


def _codings(content_encoding: str) -> list[str]:
    named = (name.strip().lower() for name in content_encoding.split(","))
    return [name for name in named if name not in ("", "identity")]


def inflated(body: bytes, limit: int) -> bytes:
    """What a body in gzip holds, of one member or several (RFC 1952, 2.2).

    Never makes more than one byte over the limit. Raises Problem 413 over it, 400 where the body is no gzip, is
    cut or is damaged.
    """
    whole, place = bytearray(), 0
    for _ in range(MAX_MEMBERS):
        member = zlib.decompressobj(GZIP_WINDOW)
        while not member.eof:
            piece = body[place : place + PIECE_BYTES]
            if not piece:
                _refuse("The gzip body ends too early; nothing was stored. Send it again.")
            try:
                whole += member.decompress(piece, limit + 1 - len(whole))
            except zlib.error:
                _refuse("The body is not gzip, or it is damaged; nothing was stored.")
            if len(whole) > limit:
                raise Problem(413, f"The body holds more than {limit // 1024:,} KiB once it is inflated.")
            place += len(piece)
        place -= len(member.unused_data)
        if place == len(body):
            return bytes(whole)
    _refuse(f"The gzip body has more than {MAX_MEMBERS:,} members.")


def _refuse(detail: str) -> NoReturn:
    raise Problem(400, detail, [FieldError("", detail)])
