"""How a simulated worker behaves: as the camera's model configuration says under `simulate`; else it works.

Must not import models or anything else of the service.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple


class Kind(StrEnum):
    """What is played. `failed` and `not placed` are followed by a reason, as in `failed: stream_unauthorized`."""

    WORKS = "works"
    FAILED = "failed"
    NOT_PLACED = "not placed"
    SILENT = "silent"
    LATE = "late"
    STARTING = "starting"
    OUTDATED = "outdated"
    CONTENDED = "contended"
    ORPHANED = "orphaned"


# Nothing comes from these.
MUTE = (Kind.SILENT, Kind.NOT_PLACED)


class Behaviour(NamedTuple):
    """What is played, and the reason that is given for it, if it is one that has a reason."""

    kind: Kind = Kind.WORKS
    reason: str = ""

    @property
    def is_mute(self) -> bool:
        return self.kind in MUTE

    @property
    def sees(self) -> bool:
        """Whether there are samples, now or after a while."""
        return not self.is_mute and self.kind is not Kind.FAILED


WORKS = Behaviour()


def behaviour_of(model_config: Mapping[str, Any]) -> Behaviour:
    """What the model configuration asks for; what is not known works."""
    kind, _, reason = str(model_config.get("simulate", "")).partition(": ")
    if kind not in list(Kind):
        return WORKS
    return Behaviour(Kind(kind), reason or "other" if kind in (Kind.FAILED, Kind.NOT_PLACED) else "")
