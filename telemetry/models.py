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
