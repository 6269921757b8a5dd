"""The life of incidents: what is noticed begins, folds into and ends them, and here it is decided what is told.

All of it is written in the caller's transaction, in the same few queries for one alert and for hundreds.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from telemetry.alerts import outbox, silences
from telemetry.alerts.incident_models import FLEET, Incident, IncidentEntry, IncidentEvent, IncidentState
from telemetry.alerts.incident_parts import merge
from telemetry.alerts.incident_rule import REOPENED_WITHIN, Life, Move, Silence, beginning, ending
from telemetry.alerts.models import Alert, Kind

GREATER_KINDS = (Kind.SITE_SILENT, Kind.MASS_SILENCE_BEGAN)
WRITTEN = ["causes", "state", "ended_at", "merged_into", "reopened"]
KEPT = timedelta(days=400)
CHUNK = 200
EVENTS = {
    Move.BEGIN: IncidentEvent.BEGAN,
    Move.REOPEN: IncidentEvent.REOPENED,
    Move.GO_ON: IncidentEvent.WENT_ON,
    Move.FOLD: IncidentEvent.FOLDED,
    Move.EASE: IncidentEvent.EASED,
    Move.END: IncidentEvent.ENDED,
}


def follow(alerts: Sequence[Alert], now: datetime) -> None:
    """Begin, fold and end the incidents of these alerts, and notify of those that are to be told."""
    if not alerts:
        return
    keys = {key_of(alert) for alert in alerts}
    greater_keys = {FLEET} | {f"site:{alert.site_id}" for alert in alerts if alert.site_id}
    last = _last(keys | greater_keys, now)
    silent = silences.of_alerts(alerts) if any(_holds(last.get(key)) for key in greater_keys) else {}
    new: dict[UUID, Incident] = {}
    entries: list[IncidentEntry] = []
    for alert in alerts:
        entries += _take(alert, last, silent, new)
    Incident.objects.bulk_create(new.values())
    moved = {alert.incident.pk: alert.incident for alert in alerts if alert.incident}
    Incident.objects.bulk_update([each for each in moved.values() if each.pk not in new], WRITTEN)
    IncidentEntry.objects.bulk_create(entries)
    for alert in alerts:
        if alert.kind in GREATER_KINDS and alert.incident:
            merge(alert.incident, alert, now)
    outbox.notify([alert for alert in alerts if _is_told(alert)], now)


def _is_told(alert: Alert) -> bool:
    """Whether somebody is notified: not of what is part of a greater incident; of its end, who was of it."""
    return alert.kind in outbox.BEGUN_BY or alert.incident is None or alert.incident.state != IncidentState.MERGED


def key_of(alert: Alert) -> str:
    """Of what the alert is."""
    if "zone" in alert.data:
        return f"zone:{alert.camera_id}/{alert.data['zone']}"
    if alert.camera_id:
        return f"camera:{alert.camera_id}"
    return f"site:{alert.site_id}" if alert.site_id else FLEET


def _last(keys: Iterable[str], now: datetime) -> dict[str, Incident]:
    """The last incident of each key that holds, or ended so lately that it may come back; locked."""
    lately = Q(ended_at=None) | Q(ended_at__gt=now - 2 * REOPENED_WITHIN)
    rows = Incident.objects.select_for_update(of=("self",)).filter(lately, key__in=keys).order_by("began_at", "pk")
    return {row.key: row for row in rows}


def _holds(incident: Incident | None) -> bool:
    return incident is not None and incident.ended_at is None


def _take(
    alert: Alert, last: dict[str, Incident], silent: Mapping[UUID, Silence], new: dict[UUID, Incident]
) -> list[IncidentEntry]:
    """Move the incident of one alert, in memory, and put it at the alert; returns lines of timelines."""
    key = key_of(alert)
    own = last.get(key)
    kind = Kind(alert.kind)
    greater = [
        each
        for name in (FLEET, f"site:{alert.site_id}")
        if name != key and _holds(each := last.get(name)) and each
    ]
    if begun_by := outbox.BEGUN_BY.get(kind):
        move = ending(_ended_by(alert, begun_by, own), _life(own) if own else None)
    else:
        of = {Kind.OFFLINE: alert.camera_id, Kind.SITE_SILENT: alert.site_id}.get(kind)
        silence = silent.get(of) if of else None
        move = beginning(kind, alert.at, _life(own) if own else None, [_life(each) for each in greater], silence)
    entries = []
    if move in (Move.BEGIN, Move.FOLD):
        own = _begin(alert, key)
        new[own.pk] = last[key] = own
        if move == Move.FOLD:
            own.merged_into, own.state = greater[0], IncidentState.MERGED
            entries.append(_entry(greater[0], IncidentEvent.FOLDED, alert))
    elif own is None:
        return []
    elif move == Move.REOPEN:
        own.causes, own.ended_at = [kind], None
        own.reopened += 1
        own.state = IncidentState.ACKNOWLEDGED if own.acknowledged_at else IncidentState.OPEN
    elif move == Move.GO_ON:
        own.causes = sorted({*own.causes, kind})
    elif move == Move.EASE:
        own.causes = sorted(set(own.causes) - _ended_by(alert, begun_by or (), own))
    elif move == Move.END:
        own.ended_at = max(alert.at, own.began_at)
        own.state = IncidentState.MERGED if own.merged_into_id else IncidentState.RESOLVED
    alert.incident = own
    alert.data = {**alert.data, "incident_id": str(own.pk)}
    return [*entries, _entry(own, EVENTS[move], alert)] if move in EVENTS else entries


def _ended_by(alert: Alert, begun_by: Sequence[Kind], own: Incident | None) -> frozenset[str]:
    """What no longer holds: of a camera that is steady and works, nothing does."""
    if alert.kind == Kind.STEADY and own and alert.data.get("status") not in ("offline", "failing", "stale"):
        return frozenset(own.causes)
    return frozenset(begun_by)


def _life(incident: Incident) -> Life:
    return Life(frozenset(incident.causes), incident.began_at, incident.ended_at)


def _begin(alert: Alert, key: str) -> Incident:
    names = [alert.data.get("camera") or alert.data.get("site") or "", alert.data.get("zone_name", "")]
    return Incident(
        key=key,
        title=", ".join(filter(None, names)) or "The whole fleet",
        camera_id=alert.camera_id,
        site_id=alert.site_id,
        causes=[str(alert.kind)],
        began_at=alert.at,
    )


def _entry(incident: Incident, event: IncidentEvent, alert: Alert) -> IncidentEntry:
    return IncidentEntry(incident=incident, at=alert.at, event=event, text=alert.text)


def forget_old(now: datetime) -> int:
    """Remove incidents that ended long ago, a chunk at a time; returns how many."""
    old = Incident.objects.filter(ended_at__lt=now - KEPT).order_by("pk")
    removed = 0
    while ids := list(old.values_list("pk", flat=True)[:CHUNK]):
        Incident.objects.filter(pk__in=ids).delete()
        removed += len(ids)
    return removed
