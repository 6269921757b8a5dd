"""Where a camera of a Frigate configuration gets its pictures: inputs, and go2rtc's streams behind a restream.

Only RTSP is an address for a camera here. Where Frigate reads a restream whose source is none (a picture over
HTTP, a program), the restream itself is the one RTSP address that there is.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from cameras.transfer.files.frigate_logins import holds_escapes, read_input, read_url
from cameras.transfer.files.placeholders import MissingValue, fill
from cameras.transfer.files.rows import shown_key
from cameras.transfer.files.yaml_text import REFERENCE, Tagged

_RTSP = re.compile(r"rtsps?://", re.IGNORECASE)
_UNIFI = re.compile(r"rtspx://", re.IGNORECASE)
_PLACE = re.compile(
    r"rtsp://(?:[^/@\s]*@)?(?P<host>\[[^\]\s]*\]|[^:/?#@\s]*)(?::(?P<port>[0-9]+))?/(?P<name>[^?#\s]+)",
    re.IGNORECASE,
)
_LOOPBACK = re.compile(r"127(?:\.[0-9]{1,3}){3}|localhost|0\.0\.0\.0|\[::1\]", re.IGNORECASE)
_DEFAULT_PORT = "8554"
# Streams that are copies of streams.
MAX_DETOURS = 50

OF_FRIGATES_MACHINE = (
    "The address is one of Frigate's own machine: put the name of that machine in the place of 127.0.0.1."
)
OF_FRIGATES_NETWORK = "The address is a restream by a name that may be known in Frigate's own network only."
READ_AS_IT_STANDS = (
    "The password was read as it stands, with its % signs: Frigate encodes it itself. If it was encoded already,"
    " write it plainly."
)


class NoSource(ValueError):
    """There is no address to import: `field` in Frigate's words, and why."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.detail = field, detail


class Source(NamedTuple):
    address: str
    remark: str = ""


class Restream(NamedTuple):
    """A stream of this Frigate, for certain or because both the port and the name are its own."""

    name: str
    is_certain: bool


class Restreams:
    """go2rtc's streams, by the names under which Frigate reads them from itself."""

    def __init__(self, section: Any, values: Mapping[str, str]) -> None:
        go2rtc = section if isinstance(section, dict) else {}
        streams = go2rtc.get("streams")
        self.streams: Mapping[str, Any] = streams if isinstance(streams, dict) else {}
        self.values = values
        listen = go2rtc.get("rtsp", {}).get("listen") if isinstance(go2rtc.get("rtsp"), dict) else None
        self.port = str(listen).rpartition(":")[2] if listen else _DEFAULT_PORT

    def find(self, address: str) -> Restream | None:
        """The stream that an address asks this Frigate for, or None where it asks another program."""
        place = _PLACE.match(address)
        if place is None:
            return None
        name, is_loopback = unquote(place["name"]).rstrip("/"), bool(_LOOPBACK.fullmatch(place["host"]))
        if is_loopback and place["port"] == self.port:
            return Restream(name, is_certain=True)
        may_be_ours = is_loopback or place["port"] == self.port
        return Restream(name, is_certain=False) if may_be_ours and name in self.streams else None

    def remark_on(self, address: str) -> str:
        """What to say of an address that only this Frigate may be able to reach."""
        place = _PLACE.match(address)
        if place and _LOOPBACK.fullmatch(place["host"]):
            return OF_FRIGATES_MACHINE
        is_bare_name = place and place["port"] == self.port and re.fullmatch(r"[^.:]+", place["host"])
        return OF_FRIGATES_NETWORK if is_bare_name else ""

    def source_of(self, name: str) -> str | None:
        """The first RTSP address behind a stream. Raises MissingValue."""
        return next(self._addresses(name, set()), None)

    def _addresses(self, name: str, seen: set[str]) -> Iterator[str]:
        if name in seen or len(seen) > MAX_DETOURS:
            return
        seen.add(name)
        sources = self.streams.get(name)
        for source in sources if isinstance(sources, list) else [sources]:
            if not isinstance(source, str):
                continue
            # What follows a # is for go2rtc.
            template = source.strip().partition("#")[0].removeprefix("ffmpeg:")
            if "://" not in template and not template.startswith("{"):
                yield from self._addresses(template, seen)  # of another stream, or `exec:` and the like
            elif template.lower().startswith(("rtsp", "{")):
                address = _UNIFI.sub("rtsps://", fill(template, self.values))
                behind = self.find(address)
                found = list(self._addresses(behind.name, seen)) if behind else []
                yield from found
                if not found and not (behind and behind.is_certain) and _RTSP.match(address):
                    yield read_url(address)


def source_of(ffmpeg: Any, restreams: Restreams, read: Callable[[str], str] = read_input) -> Source:
    """The address of the input with the detect role, else of the first that has one. Raises NoSource.

    `read` makes an address of a path; versions that did not encode passwords have one of their own.
    """
    inputs = _inputs_of(ffmpeg)
    # Frigate 0.12 restreamed the input with this role under the camera's own name.
    restreamed = next((entry.get("path") for entry in inputs if "restream" in _roles(entry)), None)
    refused: NoSource | None = None
    for number, entry in sorted(enumerate(inputs), key=lambda one: "detect" not in _roles(one[1])):
        field = f"ffmpeg.inputs[{number}].path"
        try:
            source = _source(entry.get("path"), field, restreamed, restreams, read)
        except MissingValue as error:
            raise NoSource(field, str(error)) from None
        except NoSource as error:
            refused = refused or error
            continue
        if refused and not source.remark:
            return source._replace(remark="The input with the detect role is not RTSP; another one was taken.")
        return source
    raise refused or NoSource("ffmpeg.inputs", "Names no input.")


def _inputs_of(ffmpeg: Any) -> list[Mapping[str, Any]]:
    """The inputs, of which one at most has the detect role. Raises NoSource."""
    if isinstance(ffmpeg, Tagged):
        raise NoSource("ffmpeg", REFERENCE)
    section = ffmpeg if isinstance(ffmpeg, dict) else {}
    inputs = section.get("inputs")
    if inputs is None and section.get("input") is not None:  # before there were roles
        inputs = [{"path": section["input"]}]
    if isinstance(inputs, Tagged):
        raise NoSource("ffmpeg.inputs", REFERENCE)
    if not isinstance(inputs, list) or not all(isinstance(entry, dict) for entry in inputs):
        raise NoSource("ffmpeg.inputs", "Must be a list of inputs, each with a path and roles.")
    if sum("detect" in _roles(entry) for entry in inputs) > 1:
        raise NoSource("ffmpeg.inputs", "More than one input has the detect role.")
    return inputs


def _roles(entry: Mapping[str, Any]) -> list[Any]:
    roles = entry.get("roles")
    return roles if isinstance(roles, list) else [roles]


def _source(path: Any, field: str, restreamed: Any, restreams: Restreams, read: Callable[[str], str]) -> Source:
    if isinstance(path, Tagged):
        raise NoSource(field, REFERENCE)
    if not isinstance(path, str) or not path.strip():
        raise NoSource(field, "Must be a text in quotes: rtsp://user:password@host:port/path.")
    address = _UNIFI.sub("rtsps://", fill(path.strip(), restreams.values))
    restream = restreams.find(address)
    if restream:
        found = restreams.source_of(restream.name)
        if found:
            followed = f"It is read through {shown_key(restream.name)} of go2rtc's streams: that was followed."
            return Source(found, "" if restream.is_certain else followed)
        if restream.is_certain:
            is_known = restream.name in restreams.streams
            if not is_known and isinstance(restreamed, str) and restreamed != path:
                return _source(restreamed, field, None, restreams, read)
            remark = f"The source of this restream is not RTSP, or not in this file. {OF_FRIGATES_MACHINE}"
            return Source(read(address), remark)
    if not _RTSP.match(address):
        raise NoSource(field, "Only rtsp:// and rtsps:// can be imported.")
    escapes = READ_AS_IT_STANDS if read is read_input and holds_escapes(address) else ""
    return Source(read(address), restreams.remark_on(address) or escapes)
