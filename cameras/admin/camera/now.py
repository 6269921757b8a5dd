"""What a camera's page shows of the present moment; its template stands for itself, to be loaded alone."""

from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext

from cameras.admin.camera.columns import STATUS_COLOURS, STATUS_LABELS, reason_in_words
from cameras.admin.moments import age, ago, exact, zone_of
from cameras.admin.windows.words import marks_of, until_url
from cameras.conditions import Condition, ConditionType
from cameras.facts import OFFLINE_AFTER_INTERVALS, STALE_AFTER_INTERVALS
from cameras.models import Camera, CameraVitals, DesiredState
from cameras.panels import ZoneNow, zones_now
from cameras.reasons import ADVICE


def now_of_camera(camera: Any, *, may_see_samples: bool) -> dict[str, Any]:
    """The context of `now.html`, for a camera seen by `judge` and `mark`, with its vitals and site loaded."""
    health, now, zone = camera.health, camera.asked_at, zone_of(camera)
    vitals: CameraVitals | None = getattr(camera, "vitals", None)
    contact = vitals.last_contact if vitals else None
    interval = camera.expected_interval_seconds
    running = camera.desired_state == DesiredState.RUNNING
    return {
        "health_label": STATUS_LABELS[health.status.value],
        "health_colour": STATUS_COLOURS[health.status.value],
        "health_reason": reason_in_words(camera, zone),
        "health_for": age(health.since, now) if health.since else "",
        "health_since": exact(health.since, zone) if health.since else "",
        "conditions": [_condition(condition, camera) for condition in health.conditions],
        "interval": interval,
        "late_after": STALE_AFTER_INTERVALS * interval,
        "offline_after": OFFLINE_AFTER_INTERVALS * interval,
        "contact_age": (now - contact).total_seconds() if contact else None,
        "contact_ago": ago(contact, now) if contact else gettext("never"),
        "contact_at": exact(contact, zone) if contact else "",
        "zones_now": _zones(camera, vitals) if may_see_samples else [],
        "desired": camera.get_desired_state_display(),
        "desired_ago": ago(camera.desired_state_at, now),
        "desired_at": exact(camera.desired_state_at, zone),
        "generation": camera.generation,
        "observed_generation": vitals.observed_generation if vitals else None,
        "desired_state_url": reverse("admin:cameras_camera_desired_state", args=[camera.pk]),
        "window_marks": marks_of(camera, now, zone),
        "is_running": running,
        "stop_until_url": until_url("stop", ids=camera.pk),
        "mute_until_url": until_url("mute", ids=camera.pk),
        "other_state": (DesiredState.STOPPED if running else DesiredState.RUNNING).value,
    }


def _condition(condition: Condition, camera: Any) -> dict[str, str]:
    """What is wrong, the message of whoever reported it, since when, and what to do."""
    said_by = {ConditionType.WORKER_FAILED: "report", ConditionType.PLACEMENT_FAILED: "placement"}
    reported = getattr(camera, said_by.get(condition.type, ""), None)
    now, zone = camera.asked_at, zone_of(camera)
    return {
        "type": condition.type.value,
        "words": gettext(condition.words),
        "message": reported.message if reported else "",
        "ago": ago(condition.since, now),
        "at": exact(condition.since, zone),
        "advice": gettext(ADVICE[condition.reason]) if condition.reason in ADVICE else "",
    }


def _zones(camera: Any, vitals: CameraVitals | None) -> list[dict[str, Any]]:
    """The whole frame, then each zone: its occupancy, if it is of now, and its capacity."""
    latest = vitals.latest_timestamp if vitals else None
    known = zones_now(camera.pk, latest) if latest else {}
    if vitals and latest and vitals.latest_occupancy is not None:
        known[""] = ZoneNow(vitals.latest_occupancy, latest)
    rows = [_zone(gettext("Whole frame"), None, known.get(""), camera)]
    for feature in camera.zone_config.get("features", []):
        properties = feature.get("properties", {})
        zone_id = str(feature.get("id", ""))
        if properties.get("kind") != "exclusion":
            name = str(properties.get("name") or zone_id)
            rows.append(_zone(name, properties.get("capacity"), known.get(zone_id), camera))
    return rows


def _zone(name: str, capacity: int | None, seen: ZoneNow | None, camera: Any) -> dict[str, Any]:
    now: datetime = camera.asked_at
    lasts = timedelta(seconds=STALE_AFTER_INTERVALS * camera.expected_interval_seconds)
    return {
        "name": name,
        "capacity": capacity,
        "occupancy": seen.occupancy if seen else None,
        "is_over": bool(seen and capacity and seen.occupancy > capacity),
        "ago": ago(seen.at, now) if seen and now - seen.at > lasts else "",
    }


def ingest_of(camera: Camera) -> list[tuple[str, str]]:
    """What became of what was sent, for whoever looks for a fault of a worker."""
    vitals: CameraVitals | None = getattr(camera, "vitals", None)
    if vitals is None:
        return []
    confidence = vitals.latest_confidence
    return [
        (gettext("Accepted"), f"{vitals.accepted_count:,}"),
        (gettext("Duplicates"), f"{vitals.duplicate_count:,}"),
        (gettext("Conflicts"), f"{vitals.conflict_count:,}"),
        (gettext("Rejected"), f"{vitals.rejected_count:,}"),
        (gettext("Latest confidence"), "–" if confidence is None else f"{confidence:.2f}"),
    ]
