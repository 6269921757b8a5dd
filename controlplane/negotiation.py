"""What Accept and Accept-Encoding ask for, by their q-values (RFC 9110, 12.4 and 12.5), and the 406."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from rest_framework.negotiation import BaseContentNegotiation

from controlplane.problems import Problem

JSON, EVENT_STREAM = "application/json", "text/event-stream"


class Preference(NamedTuple):
    """A value that a header names, in lower case, and how much it is wanted: from 0, which is never, to 1."""

    value: str
    quality: float


def preferences(header: str) -> Iterator[Preference]:
    """What a header names, in its order. Parameters but for `q` are left out; a `q` that is none counts as 0."""
    for entry in header.lower().split(","):
        value, *parameters = (part.strip() for part in entry.split(";"))
        yield Preference(value, _quality(parameters))


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return quality if 0.0 <= quality <= 1.0 else 0.0
    return 1.0


@lru_cache(maxsize=256)
def preferred_type(accept: str, given: Sequence[str]) -> str:
    """The media type that Accept prefers of those that can be given. Raises Problem 406 where it takes none.

    Of several that are wanted as much it is the one that is named more exactly, then the first. An empty header
    asks for nothing, and takes everything.
    """
    if not accept.strip():
        return given[0]
    ranges = {"*/*" if value == "*" else value: quality for value, quality in preferences(accept)}

    def wanted(media_type: str) -> tuple[float, int]:
        # The most exact range decides, also where it says never.
        names = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
        return next(((ranges[name], -place) for place, name in enumerate(names) if name in ranges), (0.0, 0))

    best = max(given, key=wanted)
    if not wanted(best)[0]:
        raise Problem(406, f"Accept takes nothing of what there is here: {', '.join(given)}.")
    return best


class ByAccept(BaseContentNegotiation):
    """DRF's choice among the media types that a view names by its renderers."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        of_type = {renderer.media_type: renderer for renderer in renderers}
        media_type = preferred_type(request.headers.get("Accept", ""), tuple(of_type))
        return of_type[media_type], media_type


class WhateverAcceptSays(ByAccept):
    """For views that look at Accept themselves, and for posts that are stored even if nobody reads the answer."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type
