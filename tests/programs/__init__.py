"""What other programs make of a file, by their own rules: Frigate, MediaMTX, go2rtc, and Go's net/url below them.

The rules were read in their sources (Frigate 0.12 to 0.18, MediaMTX 1.20, go2rtc 1.9, Go 1.26) and are
written down here in our words, as far as an export comes near them. A file that a program would not start with
raises `Refused`. What a program would ask a camera for is a `Request`.
"""

from typing import NamedTuple


class Refused(AssertionError):
    """The program would not start with this file, or not take this part of it."""


class Request(NamedTuple):
    """What a program connects to, signs in with, and asks for. `login` is None where it has none."""

    scheme: str
    host: str
    port: int
    login: tuple[bytes, bytes] | None
    path: str
