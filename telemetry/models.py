"""Samples as workers sent them, appended and never changed, and what is computed from them."""

from django.db import models

from telemetry.querysets import RollupQuerySet, SampleQuerySet


class Sample(models.Model):
    """One observation. Camera, timestamp and zone are its identity, so that a worker's retry changes nothing.

    On PostgreSQL the table is partitioned by day (see `partitions`). No foreign key to the camera: ingest checks
    that it exists, and a distributed table could not hold one.
    """

    pk = models.CompositePrimaryKey("camera_id", "timestamp", "zone")
    camera_id = models.UUIDField()
    timestamp = models.DateTimeField(help_text="The worker's clock, UTC, in microseconds.")
    zone = models.CharField(max_length=64, help_text="The zone's id; empty for the whole frame.")
    occupancy = models.IntegerField()
    confidence = models.FloatField()
    received_at = models.DateTimeField(help_text="The server's clock.")

    objects = models.Manager.from_queryset(SampleQuerySet)()

    def __str__(self) -> str:
        return f"{self.camera_id} {self.timestamp} {self.zone}: {self.occupancy}"


class Rollup(models.Model):
    """One camera's zone in one bucket. A row without samples comes of an earlier sample that is still valid in it.

    `integral` over `known` is the average weighted by time: both are whole microseconds, so that sums of rows are
    exact. On PostgreSQL the tables are partitioned, minutes by week and hours by month.
    """

    pk = models.CompositePrimaryKey("camera_id", "start_at", "zone")
    camera_id = models.UUIDField()
    start_at = models.DateTimeField()
    zone = models.CharField(max_length=64)
    count = models.IntegerField(help_text="Of samples, as are sum, min, max, first and last.")
    sum = models.BigIntegerField(null=True)
    min = models.IntegerField(null=True)
    max = models.IntegerField(null=True)
    first = models.IntegerField(null=True)
    last = models.IntegerField(null=True)
    last_at = models.DateTimeField(null=True)
    integral = models.BigIntegerField(help_text="Occupancy times microseconds, where it is known.")
    known = models.BigIntegerField(help_text="Microseconds in which the occupancy is known.")

    objects = models.Manager.from_queryset(RollupQuerySet)()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.camera_id} {self.start_at} {self.zone}"


class MinuteRollup(Rollup):
    """A minute of UTC."""


class HourRollup(Rollup):
    """An hour of UTC: the sum of its minutes."""


class DirtyHour(models.Model):
    """A dirty range: an hour of a camera, long past, in which samples arrived, so that its rollups are outdated.

    For recent samples the dirty range stands in the vitals, which ingest writes anyway. Ingest updates
    `dirtied_at` even if the row exists already: that locks it, so that it is removed before the samples are
    written or after their commit, and never in between.
    """

    pk = models.CompositePrimaryKey("camera_id", "start_at")
    camera_id = models.UUIDField()
    start_at = models.DateTimeField()
    dirtied_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.camera_id} {self.start_at}"


class RollupWork(models.Model):
    """A dirty range that `maintain` has claimed: samples in [start_at, end_at) are not in their rollups yet."""

    pk = models.CompositePrimaryKey("camera_id", "start_at")
    camera_id = models.UUIDField()
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.camera_id} {self.start_at} to {self.end_at}"


class KeptFrom(models.Model):
    """Where history begins, in one row: what is older was removed. Null if nothing was removed yet.

    Rollups from before `raw` are final: no late sample changes them.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    raw = models.DateTimeField(null=True)
    minutes = models.DateTimeField(null=True)
    hours = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="kept_from_is_one_row")]

    def __str__(self) -> str:
        return f"raw from {self.raw}, minutes from {self.minutes}, hours from {self.hours}"


class IngestOutage(models.Model):
    """A time in which ingest could store nothing anywhere; `FleetVitals` has the last one and what is under way.

    Written with the first tick after it; one that follows at once continues it. On Citus a local table.
    """

    began_at = models.DateTimeField(primary_key=True)
    ended_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.began_at} to {self.ended_at}"


class StepRun(models.Model):
    """How a step of `maintain` last went, and how often it ran, for the metrics of every process."""

    name = models.CharField(max_length=32, primary_key=True)
    ran_at = models.DateTimeField()
    succeeded_at = models.DateTimeField(null=True)
    duration_seconds = models.FloatField()
    rows = models.BigIntegerField()
    succeeded = models.BigIntegerField(default=0, db_default=0, help_text="How many runs ever did.")
    failed = models.BigIntegerField(default=0, db_default=0, help_text="How many runs ever did.")

    def __str__(self) -> str:
        return f"{self.name} at {self.ran_at}"
