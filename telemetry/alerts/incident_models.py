"""The rows of incidents and of their timelines."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from telemetry.alerts.querysets import IncidentQuerySet

# The key of the whole fleet.
FLEET = "fleet"
MAX_NOTE = 1_000


class IncidentState(models.TextChoices):
    OPEN = "open", _("Open")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    RESOLVED = "resolved", _("Over")
    MERGED = "merged", _("Part of a greater one")


class Incident(models.Model):
    """One cause with a life: the fleet, a site, a camera or a zone, from its beginning to its end.

    `ended_at` is null for as long as it holds, also while it is part of a greater one.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=120)
    title = models.CharField(_("what"), max_length=320)
    camera_id = models.UUIDField(null=True)
    site_id = models.UUIDField(null=True, db_index=True)
    causes = models.JSONField(default=list, help_text="The kinds of what holds; the last of them once it is over.")
    state = models.CharField(_("state"), max_length=16, choices=IncidentState, default=IncidentState.OPEN)
    began_at = models.DateTimeField(_("began"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    acknowledged_by = models.CharField(_("acknowledged by"), max_length=200, blank=True)
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True)
    merged_into = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="merged")
    reopened = models.PositiveIntegerField(_("reopened"), default=0, help_text="How often it came back.")

    objects = models.Manager.from_queryset(IncidentQuerySet)()

    class Meta:
        verbose_name = _("incident")
        permissions = [("acknowledge_incident", "Can acknowledge incident")]
        indexes = [
            models.Index(fields=["-began_at", "id"], name="incident_newest_first"),
            models.Index(fields=["-ended_at", "-began_at", "-id"], name="incident_holding_first"),
            models.Index(fields=["key", "ended_at"], name="incident_of_a_key"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=models.Q(ended_at=None), name="one_incident_a_key_that_holds"
            )
        ]

    def __str__(self) -> str:
        return self.title

    def timeline(self) -> "list[IncidentEntry]":
        """Its last lines, oldest first, with what people said of what is part of it."""
        of_parts = models.Q(incident__merged_into=self, event__in=OF_PEOPLE)
        last = IncidentEntry.objects.filter(models.Q(incident=self) | of_parts).order_by("-at", "-pk")
        return list(last[:MAX_TIMELINE])[::-1]


class IncidentEvent(models.TextChoices):
    """What a line of an incident's timeline says."""

    BEGAN = "began", _("Began")
    REOPENED = "reopened", _("Came back")
    WENT_ON = "went_on", _("Went on")
    FOLDED = "folded", _("Part of it")
    SPLIT = "split", _("Goes on by itself")
    EASED = "eased", _("In part over")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    NOTE = "note", _("Note")
    ENDED = "ended", _("Over")


OF_PEOPLE = (IncidentEvent.ACKNOWLEDGED, IncidentEvent.NOTE)
MAX_TIMELINE = 500


class IncidentEntry(models.Model):
    """One line of an incident's timeline."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="entries")
    at = models.DateTimeField(_("at"))
    event = models.CharField(_("event"), max_length=16, choices=IncidentEvent)
    by = models.CharField(_("by"), max_length=200, blank=True)
    text = models.CharField(_("text"), max_length=MAX_NOTE, blank=True)

    class Meta:
        verbose_name = _("incident entry")
        verbose_name_plural = _("incident entries")

    def __str__(self) -> str:
        return f"{self.event}: {self.text}"
