"""Cameras that a window has stopped and will start again: the hold is a camera's, not a window's.

A decision about a camera's desired state ends its hold, also one for what it is already.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import models

from controlplane.access import audit
from controlplane.access.principals import Author

# How the audit trail calls it that a camera stays as somebody has decided when the windows over it end.
ENDED = "hold.ended"


class Hold(models.Model):
    """One row a held camera. Windows make and remove it; who decides meanwhile removes it; hence DO_NOTHING."""

    camera = models.OneToOneField(
        "cameras.Camera", primary_key=True, on_delete=models.DO_NOTHING, related_name="hold"
    )
    occurrence_id = models.UUIDField(help_text="The occurrence that stopped it.")
    made_at = models.DateTimeField()

    class Meta:
        app_label = "cameras"

    def __str__(self) -> str:
        return str(self.pk)


def end_by_decision(camera_ids: Collection[UUID], *, by: Author, now: datetime) -> None:
    """End the holds of locked cameras, because somebody decides about them; one entry in the audit trail."""
    held = Hold.objects.filter(pk__in=camera_ids)
    objects = list(held.order_by("pk").values_list("pk", "camera__name"))
    if objects:
        audit.record_together(by=by, now=now, action=ENDED, object_type="camera", objects=objects)
        held.delete()


def drop(camera_ids: Collection[UUID]) -> None:
    """Forget the holds of locked cameras."""
    Hold.objects.filter(pk__in=camera_ids).delete()
