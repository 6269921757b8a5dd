"""Where a camera of a Frigate configuration gets its pictures: inputs, and go2rtc's streams behind a restream.

Only RTSP is an address for a camera here. Where Frigate reads a restream whose source is none (a picture over
HTTP, a program), the restream itself is the one RTSP address that there is.

Pure: must not import Django or models.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from cameras import rtsp
from cameras.transfer.files.placeholders import MissingValue, fill
from cameras.transfer.files.yaml_text import Tagged

_RTSP = re.compile(r"rtsps?://", re.IGNORECASE)
_UNIFI = re.compile(r"rtspx://", re.IGNORECASE)
_RESTREAM = re.compile(
    r"rtsp://(?:[^/@\s]*@)?(?:127(?:\.[0-9]{1,3}){3}|localhost|0\.0\.0\.0|\[::1\]):(?P<port>[0-9]+)/(?P<name>[^?#\s]+)",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"(rtsps?://[^:/?#@\s]*:)(.*)(@[^@]*)", re.IGNORECASE | re.DOTALL)
_NOT_IN_A_PASSWORD = re.compile(r"%(?![0-9A-Fa-f]{2})|[/?#\[\]<>{}@\\^|`\"\s]")
_DEFAULT_PORT = "8554"
# Streams that are copies of streams.
MAX_DETOURS = 50


class NoSource(ValueError):
    """There is no address to import: `field` in Frigate's words, and why."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.detail = field, detail


class Source(NamedTuple):
    address: str
    remark: str = ""


class Restreams:
    """go2rtc's streams, by the names under which Frigate reads them from itself."""

    def __init__(self, section: Any, values: Mapping[str, str]) -> None:
        go2rtc = section if isinstance(section, dict) else {}
        streams = go2rtc.get("streams")
        self.streams: Mapping[str, Any] = streams if isinstance(streams, dict) else {}
        self.values = values
        listen = go2rtc.get("rtsp", {}).get("listen") if isinstance(go2rtc.get("rtsp"), dict) else None
        self.port = str(listen).rpartition(":")[2] if listen else _DEFAULT_PORT

    def name_in(self, address: str) -> str | None:
        """The stream that an address asks this Frigate for, or None where it is another one's."""
        match = _RESTREAM.match(address)
        return unquote(match["name"]).rstrip("/") if match and match["port"] == self.port else None

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
                behind = self.name_in(address)
                if behind is not None:
                    yield from self._addresses(behind, seen)
                elif _RTSP.match(address):
                    yield mended(address)


def source_of(inputs: Any, single: Any, restreams: Restreams) -> Source:
    """The address of the input with the detect role, else of the first that has one. Raises NoSource."""
    if inputs is None and single is not None:  # before there were roles
        inputs = [{"path": single}]
    if not isinstance(inputs, list) or not all(isinstance(entry, dict) for entry in inputs):
        raise NoSource("ffmpeg.inputs", "Must be a list of inputs, each with a path and roles.")
    if sum("detect" in _roles(entry) for entry in inputs) > 1:
        raise NoSource("ffmpeg.inputs", "More than one input has the detect role.")
    # Frigate 0.12 restreamed the input with this role under the camera's own name.
    restreamed = next((entry.get("path") for entry in inputs if "restream" in _roles(entry)), None)
    refused: NoSource | None = None
    for number, entry in sorted(enumerate(inputs), key=lambda one: "detect" not in _roles(one[1])):
        field = f"ffmpeg.inputs[{number}].path"
        try:
            source = _source(entry.get("path"), field, restreamed, restreams)
        except MissingValue as error:
            raise NoSource(field, str(error)) from None
        except NoSource as error:
            refused = refused or error
            continue
        if refused and not source.remark:
            return source._replace(remark="The input with the detect role is not RTSP; another one was taken.")
        return source
    raise refused or NoSource("ffmpeg.inputs", "Names no input.")


def _roles(entry: Mapping[str, Any]) -> list[Any]:
    roles = entry.get("roles")
    return roles if isinstance(roles, list) else [roles]


def _source(path: Any, field: str, restreamed: Any, restreams: Restreams) -> Source:
    if isinstance(path, Tagged):
        raise NoSource(field, "Is a reference (!…) that cannot be followed here; put the value in its place.")
    if not isinstance(path, str) or not path.strip():
        raise NoSource(field, "Must be a text in quotes: rtsp://user:password@host:port/path.")
    address = _UNIFI.sub("rtsps://", fill(path.strip(), restreams.values))
    name = restreams.name_in(address)
    if name is None:
        if not _RTSP.match(address):
            raise NoSource(field, "Only rtsp:// and rtsps:// can be imported.")
        return Source(mended(address))
    found = restreams.source_of(name)
    if found:
        return Source(found)
    if name not in restreams.streams and isinstance(restreamed, str) and restreamed != path:
        return _source(restreamed, field, None, restreams)
    return Source(
        f"rtsp://127.0.0.1:{restreams.port}/{quote(name)}",
        "The source of this restream is not RTSP, or not in this file. The address of the restream was taken:"
        " put the name of Frigate's machine in the place of 127.0.0.1.",
    )


def mended(address: str) -> str:
    """The address with what Frigate mends too: a password typed as it is, and what follows a # in the path.

    Whether the result is valid, the rule for connection strings says.
    """
    try:
        rtsp.parse(address)
    except rtsp.InvalidRtspUrl as error:
        if error.code == "fragment":
            return mended(address.rpartition("#")[0])
        login = _LOGIN.fullmatch(address)
        if login:
            password = _NOT_IN_A_PASSWORD.sub(lambda match: quote(match[0], safe=""), login[2])
            return login[1] + password + login[3]
    return address
