"""A Frigate configuration: its cameras as rows, and cameras as a configuration.

Read are `cameras` with `enabled`, `friendly_name`, the input with the detect role, `detect` for the size of the
picture, and `zones`; `go2rtc.streams` behind restreams; placeholders. All else is Frigate's own and passed over.

Must not import models, actions or doors.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from cameras import geometry
from cameras.transfer.files import frigate_zones, yaml_text
from cameras.transfer.files.placeholders import escaped, with_own
from cameras.transfer.files.rows import Row, UnreadableFile, check_count
from cameras.transfer.files.slugs import unique_slugs
from cameras.transfer.files.sources import NoSource, Restreams, source_of
from cameras.transfer.files.yaml_text import Section

_TRUE = {"true", "yes", "on", "y", "t", "1"}
_FALSE = {"false", "no", "off", "n", "f", "0"}


def read(text: str, values: Mapping[str, str]) -> list[Row]:
    """The rows, each numbered by its line. `values` fill the placeholders. Raises UnreadableFile."""
    config = yaml_text.read(text)
    cameras = config.get("cameras") if isinstance(config, Section) else None
    if not isinstance(cameras, Section):
        raise UnreadableFile("There is no section “cameras”, as a Frigate configuration has one.")
    check_count(len(cameras))
    restreams = Restreams(config.get("go2rtc"), with_own(values, config.get("environment_vars")))
    frame = frigate_zones.frame_of(config.get("detect"))
    return [_row(cameras.lines[key], key, camera, frame, restreams) for key, camera in cameras.items()]


def _row(number: int, key: str, camera: Any, frame: frigate_zones.Frame | None, restreams: Restreams) -> Row:
    row = Row(number, {"name": key})
    if not isinstance(camera, Section):
        row.refuse("", "Is no section with the settings of a camera.")
        return row
    name = camera.get("friendly_name")
    if isinstance(name, str | int | float) and str(name).strip():
        row.values["name"] = str(name)
    elif name is not None and name != "":
        row.refuse("friendly_name", "Must be a text.")
    _read_enabled(row, camera.get("enabled"))
    ffmpeg = camera.get("ffmpeg")
    ffmpeg = ffmpeg if isinstance(ffmpeg, Section) else Section()
    try:
        source = source_of(ffmpeg.get("inputs"), ffmpeg.get("input"), restreams)
    except NoSource as error:
        row.refuse(error.field, error.detail)
    else:
        row.values["connection_string"] = source.address
        row.remarks += [source.remark] if source.remark else []
    if camera.get("zones") is not None:
        frame = frigate_zones.frame_of(camera.get("detect")) or frame
        read = frigate_zones.read(camera["zones"], frame)
        row.faults += read.faults
        row.remarks += read.remarks
        if not read.faults:
            row.values["zone_config"] = read.zone_config
    return row


def _read_enabled(row: Row, enabled: Any) -> None:
    """What the file does not say stays as it is, and a new camera stopped."""
    told = str(enabled).lower()
    if told in _TRUE:
        row.values["desired_state"] = "running"
    elif told in _FALSE:
        row.values["desired_state"] = "stopped"
    elif enabled is not None:
        row.refuse("enabled", "Must be true or false.")


def holds_the_same_zones(stored: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """Whether a configuration with the stored zones would tell just these: then there is nothing to change.

    Frigate knows no colours, capacities, holes or counting lines, and its files must not remove them.
    """
    zones, detect = frigate_zones.write(stored)
    read = frigate_zones.read(Section(zones), frigate_zones.frame_of(detect))
    if read.faults:
        return False
    try:
        return geometry.canonical_zones(read.zone_config)["features"] == geometry.canonical_zones(told)["features"]
    except geometry.InvalidZones:
        return False


def write(cameras: Iterable[Mapping[str, Any]]) -> str:
    """A configuration with these cameras; it holds their passwords."""
    cameras = list(cameras)
    # No camera may be called as a zone is.
    taken = {feature["id"].lower() for camera in cameras for feature in camera["zone_config"]["features"]}
    keys = unique_slugs([camera["name"] for camera in cameras], taken=taken)
    config = {
        "mqtt": {"enabled": False},
        "cameras": {key: _camera(camera) for key, camera in zip(keys, cameras, strict=True)},
    }
    return yaml_text.dump(config)


def _camera(camera: Mapping[str, Any]) -> dict[str, Any]:
    zones, detect = frigate_zones.write(camera["zone_config"])
    path = escaped(camera["connection_string"])
    return {
        "enabled": camera["desired_state"] == "running",
        "friendly_name": camera["name"],
        "ffmpeg": {"inputs": [{"path": path, "roles": ["detect"]}]},
        **({"detect": detect} if detect else {}),
        **({"zones": zones} if zones else {}),
    }
