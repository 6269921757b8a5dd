"""What people do with incidents. Entry points call these; each is one transaction with its audit entry.

`by` is the author: written into the timeline and the audit trail, and checked for the permission (each may raise
`guards.OutOfScope`). `now` is read once by the entry point.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from cameras import rules
from cameras.guards import OutOfScope
from cameras.intent import InvalidIntent
from controlplane.access import audit
from controlplane.access.principals import Author
from controlplane.problems import FieldError
from telemetry.alerts import outbox
from telemetry.alerts.incident_models import (
    MAX_NOTE,
    Incident,
    IncidentEntry,
    IncidentEvent,
    IncidentState,
)

ACKNOWLEDGE = "alerts.acknowledge_incident"
_NOTE = rules.text(MAX_NOTE, is_required=False, has_lines=True)
_REQUIRED_NOTE = rules.text(MAX_NOTE, is_required=True, has_lines=True)


class NotOpen(Exception):
    """There is nothing to acknowledge: why, in words."""


def acknowledge_incident(*, incident_id: UUID, note: object = "", by: Author, now: datetime) -> Incident:
    """The incident, which somebody looks after from now on; one that is acknowledged already stays as it is.

    A `note` is written with it, also where it is acknowledged already. Raises Incident.DoesNotExist, NotOpen and
    InvalidIntent.
    """
    text = _clean(note, is_required=False)
    with transaction.atomic():
        incident = _locked(incident_id, by)
        if incident.ended_at is not None:
            raise NotOpen("This incident is over: there is nothing to acknowledge. A note can still be added.")
        if incident.merged_into_id:
            raise NotOpen(f"This is part of a greater incident. Acknowledge that one: {incident.merged_into_id}.")
        if incident.acknowledged_at is None:
            incident.state = IncidentState.ACKNOWLEDGED
            incident.acknowledged_by, incident.acknowledged_at = by.label, now
            incident.save(update_fields=["state", "acknowledged_by", "acknowledged_at"])
            _write(incident, IncidentEvent.ACKNOWLEDGED, text, by, now)
            outbox.withdraw_later_stages(incident.pk, now)
        elif text:
            _note(incident, text, by, now)
    return incident


def add_note(*, incident_id: UUID, text: object, by: Author, now: datetime) -> IncidentEntry:
    """The note; what its author wrote last is not written twice, so that a lost answer can be asked for again.

    Raises Incident.DoesNotExist and InvalidIntent.
    """
    cleaned = _clean(text, is_required=True)
    with transaction.atomic():
        return _note(_locked(incident_id, by), cleaned, by, now)


def _clean(note: object, *, is_required: bool) -> str:
    try:
        return (_REQUIRED_NOTE if is_required else _NOTE)(note)
    except rules.InvalidValue as error:
        raise InvalidIntent([FieldError("note", str(error), error.code)]) from None


def _locked(incident_id: UUID, by: Author) -> Incident:
    incident: Incident = Incident.objects.select_for_update(of=("self",)).get(pk=incident_id)
    if not by.principal.scope_for(ACKNOWLEDGE).covers(incident.camera_id, incident.site_id):
        raise OutOfScope("Your role may not do this with this incident.")
    return incident


def _note(incident: Incident, text: str, by: Author, now: datetime) -> IncidentEntry:
    mine = incident.entries.filter(by=by.label).order_by("-at", "-pk").first()
    return mine if mine and mine.text == text else _write(incident, IncidentEvent.NOTE, text, by, now)


def _write(incident: Incident, event: IncidentEvent, text: str, by: Author, now: datetime) -> IncidentEntry:
    audit.record(
        by=by,
        now=now,
        action=f"incident.{'noted' if event == IncidentEvent.NOTE else 'acknowledged'}",
        object_type="incident",
        object_id=incident.pk,
        object_name=incident.title[:200],
    )
    return incident.entries.create(at=now, event=event, by=by.label, text=text)
