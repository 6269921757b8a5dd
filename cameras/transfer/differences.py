"""What a row would change, for people: sites by their names, connection strings redacted, zones by their names."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from cameras.fields import CAMERA_FIELDS
from cameras.transfer.match import Match


def difference_in_words(
    match: Match, values: Mapping[str, Any], site_names: Mapping[UUID, str]
) -> dict[str, dict[str, Any]]:
    """Before and after of each of the values; in one of a secret alone the two sides look the same."""

    def worded(name: str, value: Any) -> Any:
        if name == "connection_string":
            return getattr(value, "redacted", value)
        return site_names.get(value, value) if name == "site" and value else value

    before, after = _before(match, values), dict(values)
    if "site" in after:
        after["site"] = match.site
    if "zone_config" in after:
        before["zone_config"], after["zone_config"] = _zones_in_words(
            before.get("zone_config"), after["zone_config"]
        )
    return {
        name: {"before": worded(name, before.get(name)), "after": worded(name, value)}
        for name, value in after.items()
        if match.camera or (name != "name" and value not in (None, "", {}))
    }


def _before(match: Match, values: Mapping[str, Any]) -> dict[str, Any]:
    camera = match.camera
    if camera is None:
        return {}
    return {field.name: getattr(camera, field.column) for field in CAMERA_FIELDS if field.name in values}


def _zones_in_words(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> tuple[str, str]:
    """The names of the zones, and which of them are drawn anew."""
    stored = {zone["id"]: zone for zone in before["features"]} if before else {}
    names = [
        zone["properties"]["name"] + (" (changed)" if stored.get(zone["id"], zone) != zone else "")
        for zone in after["features"]
    ]
    was, will = ", ".join(zone["properties"]["name"] for zone in stored.values()), ", ".join(names)
    return was, will if before is None or was != will else f"{will} (in another picture)".strip()
