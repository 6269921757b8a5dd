"""Whose clock and calendar an answer has."""

import zoneinfo
from collections.abc import Mapping
from datetime import tzinfo

from cameras.api import parameters
from cameras.models import Site
from cameras.rules import InvalidValue, time_zone


def timezone_of(query: Mapping[str, str], site: Site | None) -> tzinfo:
    """The `timezone` of the query, else the site's, else UTC. Raises Problem 400 for no such zone, or no site."""
    name = query.get("timezone")
    if name == "site" and site is None:
        parameters.refuse("timezone", "There is no site here: name a time zone, e.g. Europe/Berlin or UTC.")
    if name in (None, "site"):
        return zoneinfo.ZoneInfo(site.timezone if site else "UTC")
    try:
        return zoneinfo.ZoneInfo(time_zone(name))
    except InvalidValue:
        parameters.refuse("timezone", "Must be site, or a time zone by its IANA name, e.g. Europe/Berlin.")
