"""A made-up fleet to try the service with: sites, cameras, one login per role of people, one token per role.

The audit trail records what a demo made, so that it is made once and can be removed again.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction

from cameras import actions, site_actions
from cameras.changes import record_changes
from cameras.intent import clean_camera, clean_site
from cameras.models import Camera, Site
from controlplane.access import audit, memberships, tokens
from controlplane.access.models import ApiToken, AuditEntry
from controlplane.access.principals import ROLES_OF_PEOPLE, Author, Role

MADE, REMOVED = "demo.made", "demo.removed"


class DemoConflict(Exception):
    """Something of the same name exists that no demo made."""


class Login(NamedTuple):
    username: str
    password: str


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """What is shown once: logins and tokens by role."""

    users: dict[str, Login] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)


class Remains(NamedTuple):
    """What is left of the demos that were made."""

    sites: list[UUID]
    cameras: list[UUID]
    users: list[int]
    tokens: list[UUID]


def find_demo() -> Remains:
    """What earlier demos made and nobody has removed since."""
    trail: dict[str, list[str]] = {"site": [], "camera": [], "user": [], "token": []}
    for kind, object_id in AuditEntry.objects.filter(action=MADE).values_list("object_type", "object_id"):
        trail[kind].append(object_id)
    valid_tokens = ApiToken.objects.filter(pk__in=trail["token"], revoked_at=None)
    return Remains(
        sites=list(Site.objects.filter(pk__in=trail["site"]).values_list("pk", flat=True)),
        cameras=list(Camera.objects.filter(pk__in=trail["camera"]).values_list("pk", flat=True)),
        users=list(get_user_model().objects.filter(pk__in=trail["user"]).values_list("pk", flat=True)),
        tokens=list(valid_tokens.values_list("pk", flat=True)),
    )


def has_other_data(demo: Remains) -> bool:
    """Whether there are cameras or sites that no demo made."""
    return Camera.objects.exclude(pk__in=demo.cameras).exists() or Site.objects.exclude(pk__in=demo.sites).exists()


def make_demo(*, by: Author, began_at: datetime, now: datetime) -> Secrets:
    """Make everything, in one transaction; returns the secrets, which cannot be shown again.

    The fleet is there since `began_at`, and was edited here and there until `now`. Raises DemoConflict, and
    InvalidIntent for a site's name that is taken.
    """
    made = Secrets()
    with transaction.atomic():
        cameras = _make_fleet(by, began_at)
        _edit_fleet(cameras, by, began_at, now)
        for given in ROLES_OF_PEOPLE:
            made.users[given.value] = _make_user(given, by, now)
        for role in Role.values:
            token, secret = tokens.create_token(
                name=f"demo-{role}", role=role, by=by, now=now, expires_at=tokens.default_expiry(now)
            )
            _note(MADE, "token", token.pk, token.name, by, now)
            made.tokens[role] = secret
    return made


def _make_fleet(by: Author, now: datetime) -> dict[str, Camera]:
    """Sites and cameras; returns the cameras by name."""
    made = {}
    with record_changes(by=by, now=now):
        for planned in SITES:
            site = site_actions.register_site(values=clean_site(planned.values, new=True), by=by, now=now)
            _note(MADE, "site", site.pk, site.name, by, now)
            for number, camera in enumerate(planned.cameras, start=11):
                values = {
                    **camera.values,
                    "site": str(site.pk),
                    "connection_string": camera.connection(f"{planned.network}.{number}"),
                }
                row = actions.register_camera(values=clean_camera(values), by=by, now=now)
                _note(MADE, "camera", row.pk, row.name, by, now)
                made[row.name] = row
    return made


def _edit_fleet(cameras: Mapping[str, Camera], by: Author, began_at: datetime, now: datetime) -> None:
    for name, hours_ago, values in EDITS:
        at = now - timedelta(hours=hours_ago)
        if at > began_at:
            cleaned = clean_camera(values, stored_redacted=cameras[name].redacted_connection)
            actions.update_camera(camera_id=cameras[name].pk, values=cleaned, by=by, now=at)


def remove_demo(*, by: Author, now: datetime) -> Remains:
    """Remove what demos made, and revoke their tokens; a site that got cameras of others since stays.

    Returns what was there. The samples of the cameras go with the next maintenance.
    """
    demo = find_demo()
    with record_changes(by=by, now=now):
        for camera_id in sorted(demo.cameras):
            actions.retire_camera(camera_id=camera_id, by=by, now=now, is_kept=False)
        for site in Site.objects.filter(pk__in=demo.sites).order_by("pk"):
            try:
                site_actions.retire_site(site=site, by=by, now=now)
            except site_actions.SiteInUse:
                _set_aside(site, by, now)
        tokens.revoke_tokens(ids=demo.tokens, by=by, now=now)
        for user in get_user_model().objects.filter(pk__in=demo.users):
            _note(REMOVED, "user", user.pk, user.get_username(), by, now)
            memberships.remove_person(user=user, by=by, now=now)
    return demo


def _set_aside(site: Site, by: Author, now: datetime) -> None:
    """Leave a site to those who use it, under a name that the next demo does not want."""
    name = f"{site.name[:180]} ({str(site.pk)[:8]})"
    site_actions.update_site(site=site, values={"name": name}, by=by, now=now)


def _make_user(role: Role, by: Author, now: datetime) -> Login:
    users = get_user_model().objects
    username = f"demo-{role.value}"
    if users.filter(username=username).exists():
        raise DemoConflict(f"There is already a user {username}, and it was not made by a demo.")
    password = secrets.token_urlsafe(12)
    user = users.create_user(username, password=password, is_staff=True)
    memberships.set_memberships(user=user, roles={None: role}, by=by, now=now)
    _note(MADE, "user", user.pk, username, by, now)
    return Login(username, password)


def _note(action: str, kind: str, object_id: object, name: str, by: Author, now: datetime) -> None:
    audit.record(by=by, now=now, action=action, object_type=kind, object_id=object_id, object_name=name)


# --- The fleet --------------------------------------------------------------------------------------------

# How brands write their addresses; `{}` is where the camera stands in the network.
HIKVISION = "rtsp://admin:Kestrel%2142-moor@{}:554/Streaming/Channels/101"
DAHUA = "rtsp://admin:Birch.queue.77@{}:554/cam/realmonitor?channel=1&subtype=0"
AXIS = "rtsp://root:quiet-Harbour9@{}/axis-media/media.amp?videocodec=h264&resolution=1280x720"
REOLINK = "rtsp://admin:Saltmarsh_58@{}:554/h264Preview_01_main"
HANWHA = "rtsp://viewer:Lantern%2Broad3@{}:554/profile2/media.smp"
UNIFI = "rtsps://{}:7441/Xq7dTz2LmR9vKp4s?enableSrtp"

# Some cameras also say under `simulate` what their simulated workers play: telemetry.simulation.behaviour.
PEOPLE = {"detector": "person", "fps": 5, "threshold": 0.45}
VEHICLES = {"detector": "person-vehicle", "fps": 5, "threshold": 0.5, "classes": ["car", "van", "motorcycle"]}


@dataclass(frozen=True, slots=True)
class _Camera:
    name: str
    location: str
    brand: str
    model: Mapping[str, Any]
    zones: tuple[dict[str, Any], ...]
    running: bool = True

    def connection(self, address: str) -> str:
        return self.brand.format(address)

    @property
    def values(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "location": self.location,
            "model_config": dict(self.model),
            "zone_config": {"type": "FeatureCollection", "features": list(self.zones)},
            "desired_state": "running" if self.running else "stopped",
        }


@dataclass(frozen=True, slots=True)
class _Site:
    values: dict[str, Any]
    network: str
    cameras: tuple[_Camera, ...]


def _area(name: str, *points: tuple[float, float], **properties: Any) -> dict[str, Any]:
    ring = [list(point) for point in (*points, points[0])]
    return {
        "type": "Feature",
        "properties": {"name": name, **properties},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def _line(name: str, *points: tuple[float, float], **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"name": name, **properties},
        "geometry": {"type": "LineString", "coordinates": [list(point) for point in points]},
    }


_ENTRANCE = _area("Entrance", (0.36, 0.42), (0.64, 0.42), (0.72, 0.97), (0.28, 0.97), color="#2e7d32")
_COUNTING_LINE = _line("Counting line", (0.30, 0.71), (0.70, 0.71), color="#d32f2f")
_QUEUE = _area("Queue", (0.08, 0.55), (0.52, 0.48), (0.58, 0.66), (0.12, 0.80), capacity=12, color="#ef6c00")
_TILL = _area("Till", (0.60, 0.40), (0.86, 0.38), (0.92, 0.62), (0.64, 0.66), color="#1565c0")
_AISLE = _area("Aisle", (0.30, 0.18), (0.62, 0.18), (0.90, 0.98), (0.10, 0.98), capacity=25)
_ROW_A = _area("Row A", (0.05, 0.34), (0.95, 0.30), (0.97, 0.48), (0.03, 0.54), capacity=18, color="#1565c0")
_ROW_B = _area("Row B", (0.03, 0.60), (0.97, 0.54), (0.99, 0.76), (0.01, 0.86), capacity=16, color="#6a1b9a")
_BARRIER = _area("Barrier", (0.22, 0.50), (0.55, 0.47), (0.60, 0.88), (0.18, 0.92), capacity=2)
_QUEUE = _line("Queue", (0.15, 0.66), (0.62, 0.60), color="#d32f2f")
_STREET = _area("Street", (0.0, 0.0), (1.0, 0.0), (1.0, 0.17), (0.0, 0.22), kind="exclusion")
_EDGE = _area("Platform edge", (0.46, 0.20), (0.54, 0.20), (0.78, 1.0), (0.58, 1.0), color="#d32f2f")
_WAITING = _area("Waiting area", (0.10, 0.30), (0.44, 0.22), (0.54, 1.0), (0.02, 1.0), capacity=80)
_GATES = _line("Gates", (0.12, 0.58), (0.88, 0.55), color="#d32f2f")
_HALL = _area("Hall", (0.06, 0.26), (0.94, 0.24), (0.99, 0.98), (0.01, 0.98), capacity=150)
_STAIRS = _area("Stairs", (0.34, 0.12), (0.66, 0.12), (0.80, 0.95), (0.20, 0.95), capacity=40)

_PARKING_LOT = _Site(
    {
        "name": "Harbour parking lot",
        "timezone": "America/New_York",
        "location": "210 Commercial Street, Portland, Maine",
        "latitude": 43.6552,
        "longitude": -70.2519,
    },
    "10.20.1",
    (
        _Camera("North entrance", "Pole at the barrier", HIKVISION, VEHICLES, (_BARRIER, _QUEUE)),
        _Camera("South entrance", "Pole at the barrier", HIKVISION, VEHICLES, (_BARRIER, _QUEUE)),
        _Camera(
            "Exit", "Ticket machine", HIKVISION, {**VEHICLES, "simulate": "late"}, (_BARRIER, _QUEUE, _STREET)
        ),
        _Camera("Rows A and B, west", "Lamp post 3", DAHUA, VEHICLES, (_ROW_A, _ROW_B)),
        _Camera("Rows A and B, east", "Lamp post 7", DAHUA, VEHICLES, (_ROW_A, _ROW_B, _STREET)),
        _Camera("Upper deck", "Stairwell roof", DAHUA, {**VEHICLES, "simulate": "silent"}, (_ROW_A, _ROW_B)),
        _Camera("Charging bays", "Lamp post 9", REOLINK, VEHICLES, (_ROW_A,)),
        _Camera("Pay station", "Under the canopy", REOLINK, {**PEOPLE, "simulate": "orphaned"}, (_QUEUE,)),
        _Camera("Bicycle shed", "Out of use for the winter", REOLINK, PEOPLE, (), running=False),
    ),
)
_SHOP = _Site(
    {
        "name": "Market Street shop",
        "timezone": "Europe/London",
        "location": "18 Market Street, Manchester",
        "latitude": 53.4826,
        "longitude": -2.2385,
    },
    "10.31.4",
    (
        _Camera("Front door", "Above the door, inside", AXIS, PEOPLE, (_ENTRANCE, _COUNTING_LINE)),
        _Camera("Tills", "Ceiling", AXIS, {**PEOPLE, "simulate": "outdated"}, (_QUEUE, _TILL)),
        _Camera("Self-checkout", "Ceiling", AXIS, {**PEOPLE, "simulate": "contended"}, (_QUEUE,)),
        _Camera("Aisle 1", "Ceiling, facing the back", UNIFI, PEOPLE, (_AISLE,)),
        _Camera(
            "Aisle 2", "Ceiling, facing the back", UNIFI, {**PEOPLE, "simulate": "failed: decode_error"}, (_AISLE,)
        ),
        _Camera(
            "Stock room", "Racks", UNIFI, {**PEOPLE, "simulate": "not placed: no_capacity"}, (), running=False
        ),
    ),
)
_STATION = _Site(
    {
        "name": "Central station",
        "timezone": "Europe/Berlin",
        "location": "Bahnhofplatz 1, Augsburg",
        "latitude": 48.3654,
        "longitude": 10.8859,
    },
    "10.44.8",
    (
        _Camera("Main entrance", "Portal, left of the clock", HANWHA, PEOPLE, (_ENTRANCE, _COUNTING_LINE)),
        _Camera("West entrance", "Above the doors", HANWHA, PEOPLE, (_ENTRANCE, _COUNTING_LINE)),
        _Camera("Hall", "Gallery", HANWHA, PEOPLE, (_HALL,)),
        _Camera("Ticket gates", "Beam 2", HANWHA, PEOPLE, (_GATES, _QUEUE)),
        _Camera(
            "Platform 1", "Mast 4", DAHUA, {**PEOPLE, "simulate": "failed: stream_unauthorized"}, (_EDGE, _WAITING)
        ),
        _Camera("Platform 2", "Mast 4", DAHUA, PEOPLE, (_EDGE, _WAITING)),
        _Camera("Platform 3", "Mast 6", DAHUA, PEOPLE, (_EDGE, _WAITING)),
        _Camera("Stairs to platform 2", "Landing", AXIS, PEOPLE, (_STAIRS,)),
        _Camera("Taxi rank", "Mast 1", HIKVISION, {**VEHICLES, "simulate": "starting"}, (_ROW_A,), running=False),
    ),
)
SITES = (_PARKING_LOT, _SHOP, _STATION)

# What was changed since: which camera, how many hours ago, and what. The last ones so lately that it still shows.
EDITS: tuple[tuple[str, float, dict[str, Any]], ...] = (
    ("Hall", 150, {"notes": "Lens cleaned."}),
    ("Front door", 75, {"location": "Above the door, inside, left"}),
    ("Hall", 51, {"model_config": {**PEOPLE, "fps": 8}}),
    ("North entrance", 20, {"notes": "The barrier was replaced; its zone is drawn anew."}),
    ("Hall", 5, {"model_config": {**PEOPLE, "fps": 8, "threshold": 0.55}}),
    ("Platform 2", 3, {"notes": "Works at the edge until Friday."}),
    ("Tills", 2, {"model_config": {**PEOPLE, "fps": 10, "simulate": "outdated"}}),
    ("Stock room", 0.2, {"desired_state": "running"}),
    ("Pay station", 0.1, {"desired_state": "stopped"}),
    ("Taxi rank", 0.03, {"desired_state": "running"}),
    ("Charging bays", 0.001, {"desired_state": "stopped"}),
)
