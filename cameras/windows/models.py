"""Rows of windows: what people decided, and each occurrence, which is written before it acts."""

import uuid
from collections.abc import Collection
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from cameras.models import Site
from cameras.windows.querysets import OccurrenceQuerySet, WindowQuerySet
from cameras.windows.reach import Reach
from cameras.windows.recurrence import MAX_RULE, Schedule, schedule_of

MAX_REASON = 200
MAX_CAMERAS = 500


class WindowAction(models.TextChoices):
    MUTE = "mute", _("Mute")
    STOP = "stop", _("Stop")


class WindowState(models.TextChoices):
    LASTS = "lasts", _("Under way")
    PLANNED = "planned", _("Planned")
    OVER = "over", _("Over")


class Window(models.Model):
    """Times in which cameras are stopped, or in which nobody is notified of them.

    It is over a site, over everything, or over the cameras of `covered`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    action = models.CharField(_("action"), max_length=8, choices=WindowAction)
    site = models.ForeignKey(Site, verbose_name=_("site"), null=True, blank=True, on_delete=models.CASCADE)
    is_everything = models.BooleanField(_("everything"), default=False)
    starts = models.CharField(_("starts"), max_length=19, help_text=_("On the clocks of its time zone."))
    ends = models.CharField(_("ends"), max_length=19, help_text=_("On the clocks of its time zone."))
    zone = models.CharField(_("time zone"), max_length=64)
    rule = models.CharField(_("repeats"), max_length=MAX_RULE, blank=True, help_text=_("RFC 5545; empty: once."))
    reason = models.CharField(_("reason"), max_length=MAX_REASON, blank=True)
    created_by = models.CharField(_("created by"), max_length=200, editable=False)
    created_at = models.DateTimeField(_("created"), editable=False)
    # Occurrences before are those of the window as it was; one under way begins again here.
    effective_at = models.DateTimeField(editable=False)
    next_at = models.DateTimeField(_("next"), null=True, editable=False)

    objects = models.Manager.from_queryset(WindowQuerySet)()

    class Meta:
        verbose_name = _("window")
        indexes = [models.Index(fields=["next_at"], name="windows_next")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(site=None) | models.Q(is_everything=False), name="window_has_one_scope"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.reason}" if self.reason else self.get_action_display()

    @property
    def schedule(self) -> Schedule:
        return schedule_of(self.starts, self.ends, self.zone, self.rule)


class WindowCamera(models.Model):
    """A camera that a window names. Without a constraint: one that comes back from the bin is covered again."""

    pk = models.CompositePrimaryKey("window_id", "camera_id")
    window = models.ForeignKey(Window, on_delete=models.CASCADE, related_name="covered")
    camera = models.ForeignKey(
        "cameras.Camera", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )

    def __str__(self) -> str:
        return str(self.camera_id)


class Occurrence(models.Model):
    """One time of a window, with what it is over: it stays as it was when the window is edited or removed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    window = models.ForeignKey(Window, null=True, on_delete=models.SET_NULL, related_name="occurrences")
    action = models.CharField(max_length=8, choices=WindowAction)
    site_id = models.UUIDField(null=True)
    is_everything = models.BooleanField(default=False)
    camera_ids = models.JSONField(default=list)
    reason = models.CharField(max_length=MAX_REASON, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True, help_text=_("When all of its cameras had been taken."))
    ended_at = models.DateTimeField(null=True)
    is_missed = models.BooleanField(default=False, help_text=_("It was over when it was found: nothing was done."))
    taken_up_to = models.UUIDField(null=True, help_text=_("The last camera that it took, in the order of ids."))

    objects = models.Manager.from_queryset(OccurrenceQuerySet)()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["window", "starts_at"], name="window_occurs_once_at_a_time"),
        ]
        indexes = [
            models.Index(fields=["ends_at", "starts_at"], name="occurrence_times"),
            models.Index(fields=["starts_at"], condition=models.Q(ended_at=None), name="occurrence_open"),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M} {self.reason}"

    @property
    def reach(self) -> Reach:
        return Reach(self.is_everything, self.site_id, self.camera_ids)


def covering(
    occurrences: Collection[Occurrence], camera_id: UUID | None, site_id: UUID | None
) -> list[Occurrence]:
    """Those of them that are over a camera."""
    return [occurrence for occurrence in occurrences if occurrence.reach.includes(camera_id, site_id)]
