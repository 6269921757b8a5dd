"""A Frigate configuration: its cameras as rows, and cameras as a configuration.

Read are `cameras` with `enabled`, `friendly_name`, the input with the detect role, `detect` for the size of the
picture, and `zones`, wherever versions from 0.5 on have them; `go2rtc.streams` behind restreams; placeholders. All
else is Frigate's own and passed over.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from cameras import geometry
from cameras.transfer.files import frigate_zones, yaml_text
from cameras.transfer.files.frigate_logins import read_input, read_url, write_input
from cameras.transfer.files.path_names import by_path_name
from cameras.transfer.files.placeholders import escaped, with_own
from cameras.transfer.files.restreamers import for_go2rtc
from cameras.transfer.files.rows import Row, UnreadableFile, check_count
from cameras.transfer.files.sources import NoSource, Restreams, source_of
from cameras.transfer.files.written import LeftOut, Written, comments
from cameras.transfer.files.yaml_text import REFERENCE, Section, Tagged

_TRUE = {"true", "yes", "on", "y", "t", "1"}
_FALSE = {"false", "no", "off", "n", "f", "0"}


def read(text: str, values: Mapping[str, str]) -> list[Row]:
    """The rows, each numbered by its line. `values` fill the placeholders. Raises UnreadableFile."""
    config = yaml_text.read(text)
    cameras = config.get("cameras") if isinstance(config, Section) else None
    if isinstance(cameras, Tagged):
        raise UnreadableFile("The section “cameras” is a reference (!…) to other files: put them in its place.")
    if not isinstance(cameras, Section):
        raise UnreadableFile("There is no section “cameras”, as a Frigate configuration has one.")
    check_count(len(cameras))
    restreams = Restreams(config.get("go2rtc"), with_own(values, config.get("environment_vars")))
    return [_row(cameras.lines[key], key, camera, config, restreams) for key, camera in cameras.items()]


def _row(number: int, key: str, camera: Any, config: Section, restreams: Restreams) -> Row:
    row = Row(number, {"name": key})
    if not isinstance(camera, Section):
        reason = REFERENCE if isinstance(camera, Tagged) else "Is no section with the settings of a camera."
        row.refuse("", reason)
        return row
    name = camera.get("friendly_name")
    if isinstance(name, str | int | float) and str(name).strip():
        row.values["name"] = str(name)
    elif name is not None and name != "":
        row.refuse("friendly_name", "Must be a text.")
    _read_enabled(row, camera.get("enabled"))
    try:
        source = source_of(camera.get("ffmpeg"), restreams, read_url if _is_before_0_9(camera) else read_input)
    except NoSource as error:
        row.refuse(error.field, error.detail)
    else:
        row.values["connection_string"] = source.address
        row.remarks += [source.remark] if source.remark else []
    zones = _zones_of(key, camera, config)
    if zones is not None:
        sections = (camera.get("detect"), camera, config.get("detect"))
        read = frigate_zones.read(zones, next(filter(None, map(frigate_zones.frame_of, sections)), None))
        row.values["zone_config"] = read.zone_config
        row.remarks += read.remarks
    return row


def _is_before_0_9(camera: Section) -> bool:
    """Only those versions take the size of the picture beside `ffmpeg`, and they encode no password."""
    ffmpeg = camera.get("ffmpeg")
    return "width" in camera or "height" in camera or (isinstance(ffmpeg, Section) and "inputs" not in ffmpeg)


def _zones_of(key: str, camera: Section, config: Section) -> Any:
    """The camera's zones. Before 0.6 they stood beside the cameras, each with the cameras that see it."""
    own, common = camera.get("zones"), config.get("zones")
    shared = {
        name: zone[key]
        for name, zone in (common.items() if isinstance(common, Section) else ())
        if isinstance(zone, Section) and key in zone
    }
    if not shared or not isinstance(own, Section | None):
        return own
    return shared | (own or {})


def _read_enabled(row: Row, enabled: Any) -> None:
    """What the file does not say stays as it is, and a new camera stopped."""
    text = str(enabled).lower()
    if text in _TRUE:
        row.values["desired_state"] = "running"
    elif text in _FALSE:
        row.values["desired_state"] = "stopped"
    elif enabled is not None:
        row.refuse("enabled", "Must be true or false.")


def holds_the_same_zones(stored: Mapping[str, Any], sent: Mapping[str, Any]) -> bool:
    """Whether a configuration written from the stored zones would hold just these: nothing is to be changed.

    Frigate knows no colours, capacities, holes or counting lines, and its files must not remove them.
    """
    written = frigate_zones.write(stored)
    read = frigate_zones.read(written.zones, frigate_zones.frame_of(written.detect))
    try:
        return geometry.canonical_zones(read.zone_config)["features"] == geometry.canonical_zones(sent)["features"]
    except geometry.InvalidZones:
        return False


def write(cameras: Iterable[Mapping[str, Any]]) -> Written:
    """A configuration with these cameras; it holds their passwords."""
    cameras = list(cameras)
    # Frigate takes no zone and no camera of one name.
    taken = {feature["id"] for camera in cameras for feature in camera["zone_config"]["features"]}
    named, left_out = by_path_name(cameras, taken=taken)
    streams: dict[str, list[str]] = {}
    sections = {}
    for key, camera in named.items():
        sections[key], zones = _camera(key, camera, streams)
        left_out += [LeftOut(camera, "Frigate cannot hold its outline", zone) for zone in zones]
    config = {
        "mqtt": {"enabled": False},
        **({"go2rtc": {"streams": streams}} if streams else {}),
        "cameras": sections,
    }
    return Written(comments(left_out) + yaml_text.dump(config), left_out)


def _camera(
    key: str, camera: Mapping[str, Any], streams: dict[str, list[str]]
) -> tuple[dict[str, Any], list[str]]:
    """The section of a camera, and the ids of its zones that are not in it; `streams` gets what it needs there."""
    path = write_input(camera["connection_string"])
    source: dict[str, Any] = {"path": path, "roles": ["detect"]}
    if path is None:
        # Its password is none that Frigate's inputs can hold; go2rtc takes a URL.
        streams[key] = [escaped(for_go2rtc(camera["connection_string"]))]
        source |= {"path": f"rtsp://127.0.0.1:8554/{key}", "input_args": "preset-rtsp-restream"}
    written = frigate_zones.write(camera["zone_config"])
    section = {
        "enabled": camera["desired_state"] == "running",
        "friendly_name": camera["name"],
        "ffmpeg": {"inputs": [source]},
        **({"detect": written.detect} if written.detect else {}),
        **({"zones": written.zones} if written.zones else {}),
    }
    return section, written.left_out
