"""What the page of a camera shows around its form: what is now, chart, hardware, last changes, tabs."""

from typing import Any

from django.contrib.admin.helpers import AdminForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from cameras.admin.camera.columns import STATUS_COLOURS, STATUS_LABELS
from cameras.admin.camera.now import ingest_of, now_of_camera
from cameras.admin.differences import what_changed
from cameras.admin.moments import ago, exact, zone_of
from cameras.admin.windows.words import mark
from cameras.admin.zones.picture import zone_picture
from cameras.models import Camera, Change
from cameras.panels import LogLine, log_of_camera
from cameras.querysets import ChangeQuerySet
from controlplane.access.memberships import principal_of_user
from controlplane.access.principals import in_words

ZONES = _("Zones")
CHANGES_SHOWN = 5


def by_tab(form: AdminForm) -> dict[str, Any]:
    """The fieldsets of the form by the tab that they stand in, and how many faults each tab holds."""
    sets: list[Any] = list(form)
    tabs = {
        "settings": [one for one in sets if one.name != ZONES],
        "zones": [one for one in sets if one.name == ZONES],
    }
    faults = {
        name: sum(field in form.form.errors for one in fieldsets for field in one.fields)
        for name, fieldsets in tabs.items()
    }
    return {"fieldsets_by_tab": tabs, "faults_by_tab": faults}


def overview_of(camera: Any, *, may_see_samples: bool, request: HttpRequest) -> dict[str, Any]:
    """The context of the first tab, for a camera that `judge` has seen and whose vitals and site are loaded."""
    zone = zone_of(camera)
    mark([camera], camera.asked_at)
    return {
        **now_of_camera(camera, may_see_samples=may_see_samples),
        "clone_url": f"{reverse('admin:cameras_camera_add')}?{urlencode({'clone_of': camera.pk})}",
        "history_url": reverse("admin:cameras_camera_history", args=[camera.pk]),
        "zone_name": zone.key,
        "series_url": f"/telemetry/{camera.pk}",
        "timeline_url": reverse("admin:cameras_camera_timeline", args=[camera.pk]),
        "chart_zones": _zones_of(camera),
        "zone_picture": _picture_of(camera),
        "registered_at": exact(camera.created_at, zone),
        "ingest": ingest_of(camera),
        "log": [_line(line, camera) for line in log_of_camera(camera.pk, camera.asked_at)],
        "changes": [_change(one, camera) for one in _changes_of(camera, request)[:CHANGES_SHOWN]],
    }


def _picture_of(camera: Camera) -> str:
    has_zones = bool(camera.zone_config.get("features"))
    return zone_picture(camera.zone_config, with_json=False) if has_zones else ""


def _line(line: LogLine, camera: Any) -> dict[str, str]:
    return {
        "label": STATUS_LABELS[line.status],
        "colour": STATUS_COLOURS[line.status],
        "reason": line.reason,
        "ago": ago(line.at, camera.asked_at),
        "at": exact(line.at, zone_of(camera)),
    }


def _changes_of(camera: Camera, request: HttpRequest) -> ChangeQuerySet:
    """What was changed while it stood elsewhere is seen there."""
    visible: ChangeQuerySet = Change.objects.visible_to(principal_of_user(request.user))
    return visible.of_camera(camera.pk)


def _change(change: Change, camera: Any) -> dict[str, Any]:
    return {
        "revision": change.pk,
        "what": what_changed(change),
        "by": in_words(change.by),
        "ago": ago(change.at, camera.asked_at),
        "at": exact(change.at, zone_of(camera)),
    }


def _zones_of(camera: Camera) -> list[tuple[str, str]]:
    """Id and name of each zone, for the choice of what the chart draws."""
    features = camera.zone_config.get("features", [])
    named = ((feature.get("id", ""), feature.get("properties", {}).get("name") or "") for feature in features)
    return [(str(zone_id), str(name or zone_id)) for zone_id, name in named if zone_id]
