"""The levels of history, from fine to coarse: samples, minutes, hours; each with its table and its retention."""

from typing import Any, NamedTuple

from telemetry.models import HourRollup, MinuteRollup, Sample
from telemetry.storage.partitions import HOURS, MINUTES, SAMPLES, Table


class Level(NamedTuple):
    """`setting` is the name of the setting that says how many days are kept."""

    model: Any
    table: Table
    setting: str


# In the order in which they are removed.
LEVELS = (
    Level(Sample, SAMPLES, "TELEMETRY_RETENTION_DAYS"),
    Level(MinuteRollup, MINUTES, "TELEMETRY_MINUTE_RETENTION_DAYS"),
    Level(HourRollup, HOURS, "TELEMETRY_HOUR_RETENTION_DAYS"),
)
