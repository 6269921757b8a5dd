from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils import timezone

from telemetry.storage.partitions import make_partitions


class TelemetryConfig(AppConfig):
    name = "telemetry"
    verbose_name = "Telemetry"

    def ready(self) -> None:
        post_migrate.connect(make_partitions_ahead, sender=self)


def make_partitions_ahead(**_: Any) -> None:
    """After every `migrate`, also if there is nothing to migrate."""
    make_partitions(timezone.now())
