"""What an alert says: one sentence for people, and the same as data for programs. In English, as the log is."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cameras.models import Camera
from telemetry.alerts.incident_models import Incident
from telemetry.alerts.models import Alert, Breach, Kind, Subscription
from telemetry.alerts.timeline import StatusChange

SENTENCES = {
    Kind.OFFLINE: "{camera} is offline since {at}. {words}",
    Kind.RECOVERED: "{camera} is no longer offline since {at}; it is {status} now.",
    Kind.FAILING: "{camera} is failing since {at}. {words}",
    Kind.WORKING: "{camera} is no longer failing since {at}; it is {status} now.",
    Kind.ORPHANED: "{camera} is stopped, but a worker goes on reporting for it since {at}.",
    Kind.ORPHAN_GONE: "{camera}: no worker of it that should not run reports since {at}; it is {status} now.",
    Kind.FLAPPING: (
        "{camera} goes on and off; it is {status} since {at}. No further alert of it is sent until it has been "
        "steady for a while."
    ),
    Kind.STEADY: "{camera} is steady again: it is {status} since {at}.",
    Kind.MASS_SILENCE_BEGAN: (
        "{silent} of {reporting} running cameras fell silent at once, at {at}. The cause is likely common: "
        "network, power or the workers' host. No camera is called offline for it until it is over."
    ),
    Kind.MASS_SILENCE_ENDED: (
        "Most of the fleet is heard again since {at}; {silent} of {reporting} cameras are still not."
    ),
    Kind.SITE_SILENT: (
        "{silent} of {reporting} cameras at {site} fell silent at once, at {at}. The cause is likely common: "
        "network, power or the workers' host there."
    ),
    Kind.SITE_HEARD: "{site} is heard again since {at}; {silent} of {reporting} cameras are still not.",
    Kind.CROWDED: "{camera}, {zone_name}: {occupancy} people, {capacity} is the capacity, since {at}.",
    Kind.CROWD_GONE: "{camera}, {zone_name}: no longer over its capacity, since {at}.",
}


def of_status_change(kind: Kind, camera: Camera, change: StatusChange, now: datetime) -> Alert:
    """A change of a camera's status."""
    code, _, words = change.reason.partition(": ")
    data = {"from": change.from_status, "reason": code, "status": change.to_status}
    return _alert(kind, change.at, now, camera, data, words=words)


def of_camera(kind: Kind, camera: Camera, status: str, at: datetime, now: datetime) -> Alert:
    """How a camera is at the beginning or the end of a time in which it flaps."""
    return _alert(kind, at, now, camera, {"status": str(status)})


def of_fleet(kind: Kind, at: datetime, silent: int, reporting: int, now: datetime) -> Alert:
    """Most of the fleet falling silent at once, or reporting again."""
    return _alert(kind, at, now, None, {"silent": silent, "reporting": reporting})


def of_site(
    kind: Kind, site_id: UUID, site: str, at: datetime, silent: int, reporting: int, now: datetime
) -> Alert:
    """Most of a site falling silent at once, or reporting again."""
    data = {"site_id": str(site_id), "site": site, "silent": silent, "reporting": reporting}
    alert = _alert(kind, at, now, None, data)
    alert.site_id = site_id
    return alert


def of_breach(kind: Kind, breach: Breach, seen: dict[str, int], at: datetime, now: datetime) -> Alert:
    """More people in a zone than its capacity, and the end of that; `seen` are `capacity` and `occupancy`."""
    camera = Camera(pk=breach.camera_id, name=breach.camera_name, site_id=breach.site_id)
    return _alert(kind, at, now, camera, {"zone": breach.zone, "zone_name": breach.zone_name, **seen})


def of_reminder(incident: Incident, now: datetime) -> Alert:
    """That an incident still holds, and that nobody has acknowledged it."""
    what = ", ".join(str(Kind(cause).label) for cause in incident.causes)
    began_at = f"{incident.began_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    data = {"incident_id": str(incident.pk), "causes": incident.causes, "title": incident.title}
    return Alert(
        kind=Kind.REMINDER,
        at=incident.began_at,
        created_at=now,
        camera_id=incident.camera_id,
        site_id=incident.site_id,
        incident=incident,
        text=f"{incident.title}: {what} since {began_at}. Nobody has acknowledged it."[:600],
        data=data
        | ({"camera": incident.title, "camera_id": str(incident.camera_id)} if incident.camera_id else {}),
    )


def of_channel(subscription: Subscription, now: datetime) -> Alert:
    """That nothing arrives by a subscription any more, for those who are notified by another one."""
    at = subscription.ended_at or subscription.failing_since or now
    text = (
        f"Alerts do not arrive by the subscription “{subscription.name}” since "
        f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC. {subscription.last_error}"
    )
    data = {"subscription": subscription.name, "subscription_id": str(subscription.pk)}
    return Alert(
        kind=Kind.CHANNEL_FAILING, at=at, created_at=now, site_id=subscription.site_id, text=text[:600], data=data
    )


def test(name: str, by: str, now: datetime) -> Alert:
    """Nothing happened; somebody wants to see whether it arrives."""
    text = f"This is a test of the subscription “{name}”, asked for by {by}. Nothing has happened."
    return Alert(kind=Kind.TEST, at=now, created_at=now, text=text)


def _alert(
    kind: Kind, at: datetime, now: datetime, camera: Camera | None, data: dict[str, Any], **words: str
) -> Alert:
    about: dict[str, Any] = {}
    site_id: UUID | None = None
    if camera:
        site_id = camera.site_id
        about = {"camera_id": str(camera.pk), "camera": camera.name, "site_id": str(site_id) if site_id else None}
    members = {**about, **{name: str(value) if isinstance(value, str) else value for name, value in data.items()}}
    text = SENTENCES[kind].format(**{**members, **words, "at": f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"})
    return Alert(
        kind=kind,
        at=at,
        created_at=now,
        camera_id=camera.pk if camera else None,
        site_id=site_id,
        text=text[:600],
        data=members,
    )
