"""Rows of intent: Site and Camera, which people write, and the change log. What is observed stands in `observed`.

Rows hold fields, constraints and predicates on one row. What changes them stands in `actions`.
"""

import uuid
from datetime import datetime
from typing import cast

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from cameras.facts import Interruptions
from cameras.fields import MAX_INTERVAL_SECONDS, MAX_LOCATION, MAX_NAME, DesiredState
from cameras.folded_columns import NameKeyColumn, SearchedColumn
from cameras.geometry import canonical_zones
from cameras.holds import Hold
from cameras.observed import (
    CameraVitals,
    FleetVitals,
    KnownStatus,
    Placement,
    Report,
    StatusDirty,
    facts_of,
)
from cameras.querysets import IS_ENTRY, CameraQuerySet, ChangeQuerySet, DeletedCameraQuerySet, SiteQuerySet
from cameras.status import Verdict, derive_status

__all__ = [
    "Camera",
    "CameraVitals",
    "Change",
    "ChangeKind",
    "DeletedCamera",
    "DesiredState",
    "FleetVitals",
    "Hold",
    "KeyCanary",
    "KnownStatus",
    "Placement",
    "Purge",
    "Report",
    "RevisionCounter",
    "Site",
    "StatusDirty",
    "no_zones",
]

DEFAULT_INTERVAL_SECONDS = 10
MAX_NOTE = 300


def no_zones() -> dict[str, object]:
    """The canonical form of a camera without zones."""
    return canonical_zones({})


class Site(models.Model):
    """A place with cameras; its time zone says when its days begin."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=MAX_NAME, unique=True)
    timezone = models.CharField(
        _("time zone"), max_length=64, default="UTC", help_text=_("IANA name, e.g. Europe/Berlin.")
    )
    location = models.CharField(
        _("location"), max_length=MAX_LOCATION, blank=True, help_text=_("Address or directions.")
    )
    latitude = models.FloatField(
        _("latitude"), null=True, blank=True, validators=[MinValueValidator(-90), MaxValueValidator(90)]
    )
    longitude = models.FloatField(
        _("longitude"), null=True, blank=True, validators=[MinValueValidator(-180), MaxValueValidator(180)]
    )
    name_key = NameKeyColumn()
    searched = SearchedColumn(["name", "location"])

    objects = models.Manager.from_queryset(SiteQuerySet)()

    class Meta:
        verbose_name = _("site")
        constraints = [
            models.UniqueConstraint(fields=["name_key"], name="site_names_look_different"),
            models.CheckConstraint(
                condition=models.Q(latitude=None) | models.Q(latitude__range=(-90, 90)), name="site_latitude"
            ),
            models.CheckConstraint(
                condition=models.Q(longitude=None) | models.Q(longitude__range=(-180, 180)),
                name="site_longitude",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Camera(models.Model):
    """What should exist: how a camera is reached, what is analysed, and whether it should run."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=MAX_NAME)
    site = models.ForeignKey(
        Site, verbose_name=_("site"), null=True, blank=True, on_delete=models.PROTECT, related_name="cameras"
    )
    location = models.CharField(
        _("location"), max_length=MAX_LOCATION, blank=True, help_text=_("Where at the site, in words.")
    )
    sealed_connection = models.TextField(editable=False)
    redacted_connection = models.TextField(_("connection string"), editable=False)
    address = models.CharField(_("address"), max_length=300, editable=False)
    model_config = models.JSONField(
        _("model configuration"), default=dict, blank=True, help_text=_("What the vision worker loads.")
    )
    zone_config = models.JSONField(_("zones"), default=no_zones, blank=True, help_text=_("GeoJSON."))
    desired_state = models.CharField(
        _("desired state"), max_length=16, choices=DesiredState, default=DesiredState.STOPPED
    )
    desired_state_at = models.DateTimeField(_("desired since"), editable=False)
    expected_interval_seconds = models.PositiveIntegerField(
        _("expected interval (seconds)"),
        default=DEFAULT_INTERVAL_SECONDS,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_INTERVAL_SECONDS)],
        help_text=_("How often a worker reports; three times this is late, six times is offline."),
    )
    notes = models.TextField(_("notes"), blank=True)
    generation = models.BigIntegerField(
        default=1, editable=False, help_text=_("Rises when what a worker runs on changes.")
    )
    generation_at = models.DateTimeField(
        null=True, editable=False, help_text=_("When the generation last rose; empty where it never did.")
    )
    revision = models.BigIntegerField(default=0, editable=False, help_text=_("Of its last change."))
    created_at = models.DateTimeField(_("created"), editable=False)
    updated_at = models.DateTimeField(_("updated"), editable=False)
    name_key = NameKeyColumn()
    searched = SearchedColumn(["name", "address", "location"])

    objects = models.Manager.from_queryset(CameraQuerySet)()

    class Meta:
        verbose_name = _("camera")
        permissions = [
            ("list_camera", "Can list cameras"),
            ("operate_camera", "Can start and stop camera"),
            ("reveal_camera", "Can read connection string of camera"),
            ("place_camera", "Can say where the worker of camera runs"),
        ]
        indexes = [
            models.Index(fields=["name", "id"], name="camera_by_name"),
            models.Index(fields=["created_at", "id"], name="camera_by_age"),
            models.Index(fields=["name_key", "site"], name="camera_by_name_key"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(desired_state__in=DesiredState.values), name="camera_desired_state"
            ),
            models.CheckConstraint(
                condition=models.Q(expected_interval_seconds__range=(1, MAX_INTERVAL_SECONDS)),
                name="camera_interval",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def verdict(self, now: datetime, interruptions: Interruptions) -> Verdict:
        """The camera's health; `with_vitals` must have been asked for, or this queries.

        Of a healthy camera `since` is what was stored when it became so, None where nothing was yet.
        """
        vitals = cast("CameraVitals | None", getattr(self, "vitals", None))
        verdict = derive_status(facts_of(self, vitals), now, interruptions)
        known = cast("KnownStatus | None", getattr(self, "known_status", None))
        if verdict.since is None and known and known.status == verdict.status:
            return verdict._replace(since=known.since_at)
        return verdict


class ChangeKind(models.TextChoices):
    CREATED = "created", _("created")
    UPDATED = "updated", _("updated")
    DELETED = "deleted", _("deleted")


class BlockAction(models.TextChoices):
    """What was done to all cameras of a block."""

    REGISTERED = "registered", _("registered")
    STARTED = "started", _("started")
    STOPPED = "stopped", _("stopped")
    MOVED = "moved", _("moved")
    CHANGED = "changed", _("changed")
    DELETED = "deleted", _("deleted")
    RESTORED = "restored", _("restored")
    IMPORTED = "imported", _("imported")
    REVERTED = "reverted", _("reverted")


class ChangeBlock(models.Model):
    """The changes that one action made in one transaction: one entry of the log, which opens into its changes.

    Its number is the revision of its first change; the revisions of all follow one another. `sentences` words it.
    """

    first_revision = models.BigIntegerField(_("entry"), primary_key=True)
    at = models.DateTimeField(_("at"))
    action = models.CharField(_("action"), max_length=16, choices=BlockAction)
    by = models.CharField(_("by"), max_length=200)
    via = models.CharField(_("via"), max_length=20)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    count = models.PositiveIntegerField(_("changes"))
    name = models.CharField(_("camera"), max_length=MAX_NAME, help_text=_("Of the first change."))
    site_id = models.UUIDField(null=True, help_text=_("Where all of its cameras stand, if at one site."))
    site_name = models.CharField(_("site"), max_length=MAX_NAME, blank=True, help_text=_("As it was called then."))
    fields = models.JSONField(default=dict, help_text=_("How many of its changes touch a field, by field."))
    note = models.CharField(_("note"), max_length=MAX_NOTE, blank=True, help_text=_("What it was for."))

    class Meta:
        verbose_name = _("entry of the log")
        verbose_name_plural = _("changes")
        default_permissions = ()
        indexes = [models.Index(fields=["at"], name="block_by_age")]

    def __str__(self) -> str:
        return f"{self.first_revision}: {self.count} {self.action}"

    @property
    def last_revision(self) -> int:
        return self.first_revision + self.count - 1


class Change(models.Model):
    """One change of a camera's intent. It outlives the camera, so it holds the id and name, and no foreign key."""

    revision = models.BigIntegerField(_("revision"), primary_key=True)
    at = models.DateTimeField(_("at"))
    kind = models.CharField(_("kind"), max_length=16, choices=ChangeKind)
    camera_id = models.UUIDField(_("camera id"), db_index=True)
    name = models.CharField(_("camera"), max_length=MAX_NAME)
    generation = models.BigIntegerField()
    desired_state = models.CharField(_("desired state"), max_length=16)
    by = models.CharField(_("by"), max_length=200)
    via = models.CharField(_("via"), max_length=20)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    diff = models.JSONField(
        _("difference"), default=dict, help_text=_("Field by field before and after; secrets only as changed.")
    )
    note = models.CharField(
        _("note"),
        max_length=MAX_NOTE,
        blank=True,
        db_default="",
        help_text=_("What it was for, if the action says."),
    )
    site_before = models.UUIDField(null=True)
    site_after = models.UUIDField(null=True)
    digest = models.CharField(
        max_length=64, editable=False, blank=True, db_default="", help_text=_("Of this change and the one before.")
    )
    block = models.ForeignKey(ChangeBlock, null=True, on_delete=models.PROTECT, related_name="changes")

    objects = models.Manager.from_queryset(ChangeQuerySet)()

    class Meta:
        verbose_name = _("change")
        indexes = [models.Index(fields=["revision"], name="change_of_entry", condition=IS_ENTRY)]

    def __str__(self) -> str:
        return f"{self.revision}: {self.name} {self.kind}"


class RevisionCounter(models.Model):
    """The one row that numbers changes, updated in their transaction: gap-free and in the order of commits."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    revision = models.BigIntegerField(default=0)
    epoch = models.CharField(max_length=32)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="revision_counter_is_one_row")]

    def __str__(self) -> str:
        return f"revision {self.revision}"


class DeletedCamera(models.Model):
    """A camera in the bin: all that restores it, until `maintain` erases it and begins to purge its samples.

    The log holds no secrets and is never rewritten, so the sealed connection string stands here.
    """

    id = models.UUIDField(_("id"), primary_key=True, help_text=_("The camera's own."))
    name = models.CharField(_("camera"), max_length=MAX_NAME)
    site_id = models.UUIDField(null=True)
    site_name = models.CharField(_("site"), max_length=MAX_NAME, blank=True, help_text=_("As it was called then."))
    sealed_connection = models.TextField()
    redacted_connection = models.TextField(_("connection string"))
    address = models.CharField(_("address"), max_length=300)
    configuration = models.JSONField(help_text=_("The other fields that people decide, by name."))
    generation = models.BigIntegerField(help_text=_("The last one; a restored camera has the next."))
    created_at = models.DateTimeField(_("created"))
    desired_state_at = models.DateTimeField(_("desired since"))
    deleted_at = models.DateTimeField(_("deleted"), db_index=True)
    deleted_by = models.CharField(_("by"), max_length=200)
    revision = models.BigIntegerField(help_text=_("Of the change that deleted it."))
    dirty_from_at = models.DateTimeField(null=True, help_text=_("Oldest sample that no rollup holds yet."))
    dirty_until_at = models.DateTimeField(null=True, help_text=_("Newest sample that no rollup holds yet."))
    epoch = models.BigIntegerField(default=0, db_default=0, help_text=_("Fences off the workers of before."))

    objects = models.Manager.from_queryset(DeletedCameraQuerySet)()

    class Meta:
        verbose_name = _("deleted camera")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class Purge(models.Model):
    """A deleted camera that cannot be restored any more, whose samples `maintain` still has to remove."""

    camera_id = models.UUIDField(primary_key=True)
    site_id = models.UUIDField(null=True)
    requested_at = models.DateTimeField()

    objects = models.Manager.from_queryset(DeletedCameraQuerySet)()

    def __str__(self) -> str:
        return f"purge of {self.camera_id}"


class KeyCanary(models.Model):
    """A known text under the key ring: where it cannot be opened, the ring is not the one of this database."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    sealed = models.TextField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="key_canary_is_one_row")]

    def __str__(self) -> str:
        return "key canary"
