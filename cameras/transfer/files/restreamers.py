"""Cameras as paths of MediaMTX and as streams of go2rtc. Both hold the cameras' passwords.

Must not import models, actions or doors.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cameras.transfer.files import yaml_text
from cameras.transfer.files.slugs import unique_slugs

# MediaMTX refuses a source with a user name and an empty password, and its whole configuration with it.
_EMPTY_PASSWORD = re.compile(r"rtsps?://[^:/?#@]*:?@", re.IGNORECASE)


def write_mediamtx(cameras: Iterable[Mapping[str, Any]]) -> str:
    """The section `paths` of `mediamtx.yml`; a camera is only read while somebody watches."""
    cameras = list(cameras)
    left_out = [camera for camera in cameras if _EMPTY_PASSWORD.match(camera["connection_string"])]
    taken = [camera for camera in cameras if not _EMPTY_PASSWORD.match(camera["connection_string"])]
    paths = {
        slug: {"source": camera["connection_string"], "sourceOnDemand": True}
        for slug, camera in zip(unique_slugs([camera["name"] for camera in taken]), taken, strict=True)
    }
    comments = [
        f"# Left out, since MediaMTX takes no empty password: camera {camera['id']}\n" for camera in left_out
    ]
    return "".join(comments) + yaml_text.dump({"paths": paths})


def write_go2rtc(cameras: Iterable[Mapping[str, Any]]) -> str:
    """The section `streams` of `go2rtc.yaml`."""
    cameras = list(cameras)
    slugs = unique_slugs([camera["name"] for camera in cameras])
    streams = {slug: camera["connection_string"] for slug, camera in zip(slugs, cameras, strict=True)}
    return yaml_text.dump({"streams": streams})
