"""Rows of what is observed, written by whoever observes it and never by people. Part of `cameras.models`.

Ingest writes vitals and reports, the orchestrator's endpoint writes placements, `telemetry.alerts` what it knows.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from cameras.facts import Facts
from cameras.status import STATUS_CHOICES, Status

MAX_WORKER_NAME = 64
MAX_MESSAGE = 500
MAX_NODE = 200


class CameraVitals(models.Model):
    """What was observed of a camera: the few values on which its status depends, and counters.

    Ingest writes it, and the orchestrator's endpoint what concerns placements. The texts stand in Report and
    Placement. No column but the key is indexed: an index would end PostgreSQL's HOT updates, at 2.6 times the WAL.
    `actions` and ingest make and remove rows; hence DO_NOTHING.
    """

    camera = models.OneToOneField(
        "cameras.Camera", primary_key=True, on_delete=models.DO_NOTHING, related_name="vitals"
    )
    last_contact = models.DateTimeField(_("last contact"), null=True, help_text=_("By the server's clock."))
    last_sample_at = models.DateTimeField(
        null=True, help_text=_("By the server's clock: of a sample that is stored, also if it was before.")
    )
    latest_timestamp = models.DateTimeField(null=True)
    latest_occupancy = models.IntegerField(null=True)
    latest_confidence = models.FloatField(null=True)
    observed_generation = models.BigIntegerField(null=True)
    accepted_count = models.BigIntegerField(default=0)
    duplicate_count = models.BigIntegerField(default=0)
    conflict_count = models.BigIntegerField(default=0)
    rejected_count = models.BigIntegerField(default=0)
    dirty_from_at = models.DateTimeField(null=True, help_text=_("Oldest sample that no rollup holds yet."))
    dirty_until_at = models.DateTimeField(null=True, help_text=_("Newest sample that no rollup holds yet."))
    status_dirty_at = models.DateTimeField(
        null=True, help_text=_("When a sample or a report last changed the status at once.")
    )
    # --- What the worker's reports said
    worker_phase = models.CharField(max_length=16, default="", db_default="")
    awaited_since = models.DateTimeField(null=True, help_text=_("The first report that no sample followed."))
    stopping_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True, help_text=_("Empty where a sample came since."))
    failure_reason = models.CharField(max_length=32, default="", db_default="")
    failure_timestamp = models.DateTimeField(null=True, help_text=_("By the worker's clock, if it said so."))
    report_timestamp = models.DateTimeField(null=True, help_text=_("By the worker's clock, of the newest report."))
    report_epoch = models.BigIntegerField(null=True)
    observed_epoch = models.BigIntegerField(
        default=0, db_default=0, help_text=_("The epoch of which `observed_generation` was heard.")
    )
    # --- Which worker it should be, and who contends for it
    epoch = models.BigIntegerField(default=0, db_default=0, help_text=_("Fences off workers with an older one."))
    epoch_at = models.DateTimeField(null=True)
    claimed_epoch = models.BigIntegerField(
        default=0, db_default=0, help_text=_("The newest that an orchestrator has claimed.")
    )
    fenced_count = models.BigIntegerField(default=0, db_default=0)
    fenced_at = models.DateTimeField(null=True)
    worker = models.CharField(max_length=MAX_WORKER_NAME, default="", db_default="")
    worker_before = models.CharField(max_length=MAX_WORKER_NAME, default="", db_default="")
    worker_at = models.DateTimeField(
        null=True, help_text=_("When another worker took the place of the one before.")
    )
    contended_at = models.DateTimeField(null=True)
    contended_since = models.DateTimeField(null=True)
    # --- What the orchestrator said
    placement_phase = models.CharField(max_length=16, default="", db_default="")
    placement_reason = models.CharField(max_length=32, default="", db_default="")
    placement_at = models.DateTimeField(null=True)
    # --- The last sample that was refused
    refused_at = models.DateTimeField(null=True)
    refused_since = models.DateTimeField(null=True)
    refused_code = models.CharField(max_length=16, default="", db_default="")

    class Meta:
        verbose_name = verbose_name_plural = _("vitals")

    def __str__(self) -> str:
        return f"vitals of {self.camera_id}"


class KnownStatus(models.Model):
    """The status that a camera was last seen to have: a transition is a difference from it.

    Written only together with the transition that it stands for. It may outlive the camera for a moment.
    """

    camera = models.OneToOneField(
        "cameras.Camera",
        primary_key=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="known_status",
    )
    status = models.CharField(max_length=16, choices=STATUS_CHOICES)
    since_at = models.DateTimeField(help_text=_("The deadline crossed, or the contact that ended it."))
    failing_since = models.DateTimeField(
        null=True, help_text=_("Since when it is known to fail; until it works again, or is stopped.")
    )
    changed_at = models.DateTimeField(
        db_default=Now(), help_text=_("When the status was last written, by the database's clock.")
    )

    class Meta:
        verbose_name = verbose_name_plural = _("known status")
        indexes = [models.Index(fields=["changed_at"], name="known_status_by_change")]
        constraints = [
            models.CheckConstraint(condition=models.Q(status__in=[*Status]), name="known_status_is_a_status")
        ]

    def __str__(self) -> str:
        return f"{self.camera_id}: {self.status}"


class StatusDirty(models.Model):
    """A camera whose status a sample, a report or a placement has just changed: the detector looks here often."""

    camera_id = models.UUIDField(primary_key=True)
    marked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.camera_id} at {self.marked_at}"


class Report(models.Model):
    """The newest report of a camera's worker, with its texts, which are redacted."""

    camera = models.OneToOneField(
        "cameras.Camera",
        primary_key=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="report",
    )
    received_at = models.DateTimeField(help_text=_("By the server's clock."))
    timestamp = models.DateTimeField(null=True, help_text=_("By the worker's clock."))
    phase = models.CharField(max_length=16)
    reason = models.CharField(max_length=32, blank=True)
    message = models.CharField(max_length=MAX_MESSAGE, blank=True)
    generation = models.BigIntegerField(null=True)
    worker = models.CharField(max_length=MAX_WORKER_NAME, blank=True)
    version = models.CharField(max_length=MAX_NODE, blank=True)
    host = models.CharField(max_length=MAX_NODE, blank=True)
    epoch = models.BigIntegerField(null=True)
    metrics = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("report")

    def __str__(self) -> str:
        return f"{self.camera_id}: {self.phase}"


class Placement(models.Model):
    """Where the orchestrator runs a camera's worker, as it last said; texts are redacted."""

    camera = models.OneToOneField(
        "cameras.Camera",
        primary_key=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="placement",
    )
    epoch = models.BigIntegerField()
    node = models.CharField(max_length=MAX_NODE, blank=True)
    container = models.CharField(max_length=MAX_NODE, blank=True)
    image = models.CharField(max_length=MAX_NODE, blank=True)
    phase = models.CharField(max_length=16)
    reason = models.CharField(max_length=32, blank=True)
    message = models.CharField(max_length=MAX_MESSAGE, blank=True)
    observed_generation = models.BigIntegerField(null=True)
    reported_at = models.DateTimeField(help_text=_("By the server's clock."))

    class Meta:
        verbose_name = _("placement")

    def __str__(self) -> str:
        return f"{self.camera_id}: {self.phase} on {self.node}"


class FleetVitals(models.Model):
    """What was observed of ingest as a whole: the one row that every ingest process ticks, also when idle.

    From `outage_began_at` until `outage_ended_at` nothing was stored anywhere: it says nothing of cameras.
    From `mass_silence_began_at` until `mass_silence_ended_at` more than half of the fleet was silent at once,
    which telemetry.alerts notices.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    ticked_at = models.DateTimeField(null=True, help_text=_("When ingest last committed."))
    outage_began_at = models.DateTimeField(null=True, help_text=_("When the last outage of ingest began."))
    outage_ended_at = models.DateTimeField(null=True, help_text=_("When ingest came back from it."))
    mass_silence_began_at = models.DateTimeField(
        null=True, help_text=_("When most of the fleet last fell silent at once.")
    )
    mass_silence_ended_at = models.DateTimeField(
        null=True, help_text=_("When it reported again; empty while it lasts.")
    )
    statuses_at = models.DateTimeField(
        null=True, help_text=_("Up to when every change of status is stored that had happened.")
    )

    class Meta:
        verbose_name = verbose_name_plural = _("vitals of the fleet")
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="fleet_vitals_is_one_row")]

    def __str__(self) -> str:
        return "vitals of the fleet"


def mark_dirty(camera_ids: Iterable[UUID], now: datetime) -> None:
    """Have the statuses of these cameras looked at soon."""
    StatusDirty.objects.bulk_create(
        [StatusDirty(camera_id=pk, marked_at=now) for pk in sorted(camera_ids)],
        update_conflicts=True,
        unique_fields=["camera_id"],
        update_fields=["marked_at"],
    )


# The facts that stand in the vitals, by the names that they have in both.
FACTS_IN_VITALS = tuple(
    name for name in Facts._fields if name in {field.attname for field in CameraVitals._meta.fields}
)
FACTS_IN_CAMERA = tuple(name for name in Facts._fields if name not in FACTS_IN_VITALS)


def facts_of(camera: Any, vitals: CameraVitals | None) -> Facts:
    """What a camera's status is derived from; `vitals` are None for one that has none yet."""
    facts = {name: getattr(camera, name) for name in FACTS_IN_CAMERA}
    if vitals is not None:
        facts |= {name: getattr(vitals, name) for name in FACTS_IN_VITALS}
    return Facts(**facts)
