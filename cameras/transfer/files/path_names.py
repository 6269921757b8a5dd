"""Names of cameras as other programs take them for keys and paths."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from cameras.transfer.files.written import LeftOut

MAX_SLUG = 60


def path_name(camera: Mapping[str, Any]) -> str:
    """A name of a-z, 0-9, _ and - that depends on this camera alone, and that means nothing to any program.

    It ends in the first eight digits of the camera's id; a name without ASCII letters and digits is the whole id.
    """
    ascii_name = unicodedata.normalize("NFKD", camera["name"]).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", ascii_name).strip("_")[:MAX_SLUG].rstrip("_")
    # Not an underscore: with one, some of these names would be numbers in YAML.
    return f"{slug}-{camera['id'][:8]}" if slug else str(camera["id"])


def by_path_name(
    cameras: Iterable[Mapping[str, Any]], taken: Collection[str] = ()
) -> tuple[dict[str, Mapping[str, Any]], list[LeftOut]]:
    """The cameras by their names, and those that share one or have one of `taken`.

    Neither of two is named differently: a path must never come to show another camera.
    """
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for camera in cameras:
        groups[path_name(camera)].append(camera)
    named, left_out = {}, []
    for name, group in groups.items():
        if len(group) > 1:
            reason = "another camera has its name and the beginning of its id"
            left_out += [LeftOut(camera, reason) for camera in group]
        elif name in taken:
            left_out.append(LeftOut(group[0], f"a zone has the id {name}, by which it would be called"))
        else:
            named[name] = group[0]
    return named, left_out
