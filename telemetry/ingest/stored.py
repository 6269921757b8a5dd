"""What a writer returns for the events that it was given, the same for every writer. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from telemetry.ingest.tally import SampleKey


class KnownCamera(NamedTuple):
    """What the worker of a camera should run."""

    desired_state: str
    generation: int


class Stored(NamedTuple):
    """The cameras that exist, by the integer of their ids, and the keys of the events that were stored now.

    `fresh` is None if all events of these cameras were stored.
    """

    cameras: Mapping[int, KnownCamera]
    fresh: set[SampleKey] | None
