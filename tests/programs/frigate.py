"""Frigate: the sections of its configuration that an export has, and what ffmpeg is told to ask for."""

import re
from typing import Any, NamedTuple
from urllib.parse import quote_plus, unquote_to_bytes

import yaml

from tests.programs import Refused, Request, go2rtc

DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322}
RESTREAM = "rtsp://127.0.0.1:8554/"


class Camera(NamedTuple):
    friendly_name: str
    enabled: bool
    request: Request
    zones: dict[
        str, list[tuple[float, float]]
    ]  # in parts of a picture of 1280 by 720, unless detect says otherwise


def cameras(text: str) -> dict[str, Camera]:
    """The cameras by their keys, as it starts with them."""
    config = yaml.safe_load(text)
    _know(config, {"mqtt", "go2rtc", "cameras"})
    if config["mqtt"] != {"enabled": False}:
        raise Refused("mqtt")
    streams = _streams(config.get("go2rtc", {}).get("streams", {}))
    read = {key: _camera(key, section, streams) for key, section in config["cameras"].items()}
    for camera in read.values():
        if set(camera.zones) & set(read):
            raise Refused("Zones cannot share names with cameras")
    return read


def _streams(section: dict[str, Any]) -> dict[str, str]:
    sources = {}
    for name, listed in section.items():
        [source] = listed
        sources[name] = source.format()  # KeyError and ValueError end it
    return go2rtc.check_streams(sources)


def _camera(key: Any, section: dict[str, Any], streams: dict[str, str]) -> Camera:
    if not isinstance(key, str) or not re.fullmatch(r"[a-zA-Z0-9_-]+", key):
        raise Refused("a key that is none for a camera")
    _know(section, {"enabled", "friendly_name", "ffmpeg", "detect", "zones"})
    if not isinstance(section["enabled"], bool) or not isinstance(section["friendly_name"], str):
        raise Refused("enabled, friendly_name")
    detect = section.get("detect", {"width": 1280, "height": 720})
    if set(detect) != {"width", "height"} or not all(type(side) is int for side in detect.values()):
        raise Refused("detect")
    zones = {name: _zone(zone, detect) for name, zone in section.get("zones", {}).items()}
    return Camera(section["friendly_name"], section["enabled"], _request(section["ffmpeg"], streams), zones)


def _request(ffmpeg: dict[str, Any], streams: dict[str, str]) -> Request:
    _know(ffmpeg, {"inputs"})
    [source] = ffmpeg["inputs"]
    _know(source, {"path", "roles", "input_args"})
    if source["roles"] != ["detect"]:
        raise Refused("The detect role is required")
    path = source["path"].format()  # up to 0.17; KeyError and ValueError end it
    if path != _substituted(source["path"]):
        raise Refused("read differently by 0.18")
    if path.startswith(RESTREAM):
        return go2rtc.request(streams[path.removeprefix(RESTREAM)])
    return _asked_by_ffmpeg(_with_password_encoded(path))


def _substituted(text: str) -> str:
    """Since 0.18: doubled braces are braces, others stay, those of variables are filled."""
    if re.search(r"(?<!\{)(?:\{\{)*\{FRIGATE_", text):
        raise Refused("a variable of the environment")
    return re.sub(r"\{\{|\}\}", lambda match: match[0][0], text)


def _with_password_encoded(path: str) -> str:
    if len(path) > 1_000:
        raise Refused("Input too long to check")
    found = re.search(r"://[a-zA-Z0-9_-]+:\S+@", path)
    if not found:
        return path
    password = found[0][3:-1].partition(":")[2]
    return path.replace(password, quote_plus(password))


def _asked_by_ffmpeg(url: str) -> Request:
    """As libavformat splits a URL: the authority ends at / ? or #, its last @ ends the login."""
    scheme, _, rest = url.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    user_info, at, location = authority.rpartition("@")
    user, _, password = user_info.partition(":")
    login = (unquote_to_bytes(user), unquote_to_bytes(password)) if at else None
    host, _, port = location.rpartition(":") if re.search(r":[0-9]+$", location) else (location, "", "")
    return Request(
        scheme, host.replace("%25", "%"), int(port or DEFAULT_PORTS[scheme]), login, rest[len(authority) :]
    )


def _zone(zone: dict[str, Any], detect: dict[str, int]) -> list[tuple[float, float]]:
    _know(zone, {"coordinates", "friendly_name"})
    if not isinstance(zone.get("friendly_name", ""), str):
        raise Refused("friendly_name")
    texts = zone["coordinates"].split(",")
    if len(texts) % 2:
        raise Refused("IndexError")
    in_pixels = any(text > "1.0" for text in texts)  # texts are compared, not numbers
    try:
        numbers = [int(text) if in_pixels else float(text) for text in texts]
    except ValueError:
        raise Refused("Invalid coordinates found in configuration file") from None
    sides = (detect["width"], detect["height"]) if in_pixels else (1, 1)
    return [(x / sides[0], y / sides[1]) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]


def _know(section: dict[str, Any], members: set[str]) -> None:
    if set(section) - members:
        raise Refused("Extra inputs are not permitted")
