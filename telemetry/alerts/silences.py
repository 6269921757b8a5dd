"""Since when what fell silent is silent: cameras by their last contact, sites by the moment that they share."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from django.db.models import Max

from cameras.models import Camera, DesiredState
from telemetry.alerts.incident_models import Incident
from telemetry.alerts.incident_rule import OFFLINE_AFTER_INTERVALS, Silence
from telemetry.alerts.models import Alert, Kind

ABOUT_SILENCE = {str(Kind.OFFLINE), str(Kind.SITE_SILENT)}


def of_alerts(alerts: Sequence[Alert]) -> dict[UUID, Silence]:
    """Since when the cameras that went offline, and the sites that went dark, are silent, by their ids."""
    offline = {alert.camera_id: alert.at for alert in alerts if alert.kind == Kind.OFFLINE and alert.camera_id}
    rows = Camera.objects.filter(pk__in=offline).values_list(
        "pk", "expected_interval_seconds", "vitals__last_contact"
    )
    found = {}
    for camera_id, interval, contact in rows:
        before = offline[camera_id] - timedelta(seconds=OFFLINE_AFTER_INTERVALS * interval)
        # One that is heard again already has a later contact than that after which it was silent.
        found[camera_id] = Silence(contact if contact and contact < offline[camera_id] else before, interval)
    dark = {alert.site_id: alert.at for alert in alerts if alert.kind == Kind.SITE_SILENT and alert.site_id}
    return found | {
        site_id: Silence(dark[site_id], interval) for site_id, interval in _intervals_of_sites(dark).items()
    }


def of_incidents(found: Sequence[Incident]) -> dict[UUID, Silence]:
    """Since when, by the id of the incident, for those that are about silence and nothing else."""
    silent = [each for each in found if set(each.causes) <= ABOUT_SILENCE]
    ids = [each.camera_id for each in silent if each.camera_id]
    of_cameras = dict(Camera.objects.filter(pk__in=ids).values_list("pk", "expected_interval_seconds"))
    of_sites = _intervals_of_sites(each.site_id for each in silent if not each.camera_id and each.site_id)
    fell = {}
    for each in silent:
        interval = (
            of_cameras.get(each.camera_id) if each.camera_id else each.site_id and of_sites.get(each.site_id)
        )
        if interval:
            before = timedelta(seconds=OFFLINE_AFTER_INTERVALS * interval if each.camera_id else 0)
            fell[each.pk] = Silence(each.began_at - before, interval)
    return fell


def _intervals_of_sites(site_ids: Iterable[UUID]) -> dict[UUID, int]:
    """The longest expected interval of the running cameras of each; no query for none."""
    ids = list(site_ids)
    if not ids:
        return {}
    running = Camera.objects.filter(site_id__in=ids, desired_state=DesiredState.RUNNING).order_by()
    return dict(running.values_list("site_id").annotate(longest=Max("expected_interval_seconds")))
