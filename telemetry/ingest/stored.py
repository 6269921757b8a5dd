"""What a writer tells of the events that it was given: the one answer of both writers. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from telemetry.ingest.tally import SampleKey


class KnownCamera(NamedTuple):
    """What the worker of a camera is told to do."""

    desired_state: str
    generation: int


class Stored(NamedTuple):
    """The cameras that there are, by the integer of their ids, and the keys that were stored now.

    `fresh` is None where every event of these cameras was stored.
    """

    cameras: Mapping[int, KnownCamera]
    fresh: set[SampleKey] | None
