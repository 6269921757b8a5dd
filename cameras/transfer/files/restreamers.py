"""Cameras as paths of MediaMTX and as streams of go2rtc. Both hold the cameras' passwords."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cameras import rtsp
from cameras.transfer.files import yaml_text
from cameras.transfer.files.path_names import by_path_name
from cameras.transfer.files.written import LeftOut, Written, comments

# MediaMTX puts texts of its own in the place of these.
_VARIABLE_OF_MEDIAMTX = re.compile(r"\$(?=G[0-9]|MTX_QUERY)")


def write_mediamtx(cameras: Iterable[Mapping[str, Any]]) -> Written:
    """The section `paths` of `mediamtx.yml`; a camera is only read while somebody watches."""
    named, left_out = by_path_name(cameras)
    paths = {}
    for name, camera in named.items():
        url = camera["connection_string"]
        user, _, password = rtsp.split(url)[1].rstrip("@").partition(":")
        if user and not password:
            # With such a source, it refuses its whole configuration.
            left_out.append(LeftOut(camera, "MediaMTX takes no user without a password"))
        else:
            paths[name] = {"source": for_mediamtx(url), "sourceOnDemand": True}
    return Written(comments(left_out) + yaml_text.dump({"paths": paths}), left_out)


def write_go2rtc(cameras: Iterable[Mapping[str, Any]]) -> Written:
    """The section `streams` of `go2rtc.yaml`."""
    named, left_out = by_path_name(cameras)
    streams = {name: for_go2rtc(camera["connection_string"]) for name, camera in named.items()}
    return Written(comments(left_out) + yaml_text.dump({"streams": streams}), left_out)


def for_mediamtx(url: str) -> str:
    """The address of the same camera with nothing in it that MediaMTX would read as something else."""
    scheme, user_info, location, tail = rtsp.split(_VARIABLE_OF_MEDIAMTX.sub("%24", url))
    # It looks for the first @ and takes what follows for a host.
    return f"{scheme}://{user_info}{location}{tail if user_info else tail.replace('@', '%40')}"


def for_go2rtc(url: str) -> str:
    """The address of the same camera with the port where go2rtc does not know it: of rtsps, and after brackets."""
    scheme, user_info, location, tail = rtsp.split(url)
    if scheme == "rtsps" or location.startswith("["):
        location = rtsp.parse(url).address
    return f"{scheme}://{user_info}{location}{tail}"
