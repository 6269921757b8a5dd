"""Incidents as parts of greater ones: they merge when a greater one begins, and split off when it is over."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db import transaction

from telemetry.alerts import outbox, silences
from telemetry.alerts.incident_models import FLEET, Incident, IncidentEntry, IncidentEvent, IncidentState
from telemetry.alerts.incident_rule import Silence, began_within
from telemetry.alerts.models import Alert, Kind


def merge(greater: Incident, alert: Alert, now: datetime) -> None:
    """Fold what was begun singly shortly before, and withdraw what nobody was told of it yet."""
    inside = Incident.objects.open().exclude(pk=greater.pk).select_for_update(of=("self",))
    if greater.site_id:
        inside = inside.filter(site_id=greater.site_id)
    found = list(inside.order_by("pk"))
    fell = silences.of_incidents(found)
    merged = [each for each in found if each.pk in fell and began_within(fell[each.pk], greater.began_at)]
    for each in merged:
        each.state, each.merged_into = IncidentState.MERGED, greater
    Incident.objects.bulk_update(merged, ["state", "merged_into"])
    IncidentEntry.objects.bulk_create(
        [
            IncidentEntry(incident=greater, at=alert.at, event=IncidentEvent.FOLDED, text=each.title)
            for each in merged
        ]
    )
    if merged:
        outbox.withdraw([each.pk for each in merged], now)


def split_what_is_over(now: datetime) -> None:
    """Once a greater incident is over, what of it still holds goes on by itself, and is told unless it was.

    Where another greater one holds, of which it is a part too, it goes on as a part of that. To be called when the
    ends of parts are known: one query where there is nothing to split.
    """
    over = Incident.objects.filter(merged_into__ended_at__isnull=False).holding()
    if not over.exists():
        return
    with transaction.atomic():
        parts = list(over.select_for_update(of=("self",)).select_related("merged_into").order_by("pk"))
        names = {FLEET, *(f"site:{each.site_id}" for each in parts if each.site_id)}
        holding = {each.key: each for each in Incident.objects.holding().filter(key__in=names)}
        fell = silences.of_incidents(parts)
        entries, alone = [], []
        for each in parts:
            was, each.merged_into = each.merged_into, _greater_of(each, holding, fell.get(each.pk))
            if each.merged_into:
                entries.append(
                    IncidentEntry(incident=each.merged_into, at=now, event=IncidentEvent.FOLDED, text=each.title)
                )
                continue
            alone.append(each)
            each.state = IncidentState.ACKNOWLEDGED if each.acknowledged_at else IncidentState.OPEN
            entries.append(IncidentEntry(incident=each, at=now, event=IncidentEvent.SPLIT, text=str(was)))
        Incident.objects.bulk_update(parts, ["merged_into", "state"])
        IncidentEntry.objects.bulk_create(entries)
        outbox.notify(_untold(alone, now), now)


def _greater_of(part: Incident, holding: Mapping[str, Incident], silence: Silence | None) -> Incident | None:
    """What holds and contains the part, if that is about a silence that began with it."""
    names = [FLEET, f"site:{part.site_id}"] if part.camera_id else [FLEET]
    found = [holding[name] for name in names if name in holding and silence]
    return next((each for each in found if silence and began_within(silence, each.began_at)), None)


def _untold(parts: Sequence[Incident], now: datetime) -> list[Alert]:
    if not parts:
        return []
    told = outbox.told([each.pk for each in parts])
    lines = IncidentEntry.objects.filter(
        incident__in=[each.pk for each in parts if each.pk not in told],
        event__in=(IncidentEvent.BEGAN, IncidentEvent.FOLDED),
    ).select_related("incident")
    return [
        Alert(
            kind=Kind(line.incident.causes[0]),
            at=line.at,
            created_at=now,
            camera_id=line.incident.camera_id,
            site_id=line.incident.site_id,
            incident=line.incident,
            text=line.text,
            data=_data(line.incident),
        )
        for _, lines_of in groupby(lines.order_by("incident", "pk"), lambda line: line.incident_id)
        for line in list(lines_of)[:1]
    ]


def _data(incident: Incident) -> dict[str, Any]:
    """As much as is known of what fell silent while more than it was dark."""
    if incident.camera_id is None:
        return {"site_id": str(incident.site_id), "site": incident.title, "incident_id": str(incident.pk)}
    return {
        "camera_id": str(incident.camera_id),
        "camera": incident.title,
        "site_id": str(incident.site_id) if incident.site_id else None,
        "from": "stale",
        "reason": "silent",
        "status": "offline",
        "incident_id": str(incident.pk),
    }
