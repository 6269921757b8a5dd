"""What did happen: samples as workers sent them, appended and never changed."""

from django.db import models

from telemetry.querysets import SampleQuerySet


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


class DirtyHour(models.Model):
    """An hour of a camera, long past, that samples arrived in: its rollups have to be computed anew.

    Recent samples are marked in the vitals instead, which ingest writes anyway. Ingest locks the row even where it
    is there already, so that whoever removes it does so before or after the samples, and never in between.
    """

    pk = models.CompositePrimaryKey("camera_id", "start_at")
    camera_id = models.UUIDField()
    start_at = models.DateTimeField()
    marked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.camera_id} {self.start_at}"
