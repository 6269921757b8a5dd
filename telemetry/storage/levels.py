"""How fine history is: samples, minutes, hours, each with its rows, its partitions and its days.

Must not import doors or ingest.
"""

from typing import Any, NamedTuple

from telemetry.models import HourRollup, MinuteRollup, Sample
from telemetry.storage.partitions import HOURS, MINUTES, SAMPLES, Table


class Level(NamedTuple):
    """`setting` says how many days of it are kept."""

    model: Any
    table: Table
    setting: str


# In the order in which they are lost.
LEVELS = (
    Level(Sample, SAMPLES, "TELEMETRY_RETENTION_DAYS"),
    Level(MinuteRollup, MINUTES, "TELEMETRY_MINUTE_RETENTION_DAYS"),
    Level(HourRollup, HOURS, "TELEMETRY_HOUR_RETENTION_DAYS"),
)
