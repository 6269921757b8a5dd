"""What is known of a camera when its status is derived, and of the service that observed it. Pure.

Intervals are half-open: a threshold of 30 s is crossed at 30.000 s exactly.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, Self

STALE_AFTER_INTERVALS = 3
OFFLINE_AFTER_INTERVALS = 6
# What an observation says goes on for three intervals; a minute where those are short.
MIN_WINDOW = timedelta(seconds=60)
MIN_STOP_GRACE = timedelta(seconds=30)
STOP_GRACE_INTERVALS = 2
# Images are pulled and models are loaded: this long after its start a camera may be starting.
MAX_STARTING = timedelta(minutes=15)
# A stored moment further ahead than this comes from a clock that was wrong: it counts as none.
AHEAD_TOLERANCE = timedelta(seconds=60)
# So far ahead of the database's clock an epoch may be that nobody has claimed here.
MAX_EPOCH_AHEAD = timedelta(seconds=60)


class Interruptions(NamedTuple):
    """When silence said nothing of a single camera: ingest was away, or most of the fleet fell silent at once.

    From `outage_began_at` until `outage_ended_at` nothing was stored anywhere; `ingest_outage_since` is set while
    nothing is stored now. From `mass_silence_began_at` on, more than half of the fleet was silent, until
    `mass_silence_ended_at` or until now.
    """

    outage_began_at: datetime | None = None
    outage_ended_at: datetime | None = None
    ingest_outage_since: datetime | None = None
    mass_silence_began_at: datetime | None = None
    mass_silence_ended_at: datetime | None = None


class Facts(NamedTuple):
    """One camera: what it should do, and what workers and the orchestrator said of it. Times are the server's.

    `models.facts_of` reads them from rows; `querysets.FACTS` names their columns.
    """

    desired_state: str
    desired_state_at: datetime
    expected_interval_seconds: int
    generation: int = 1
    created_at: datetime | None = None
    """Without it a camera that was never started counts as one that was stopped."""
    generation_at: datetime | None = None
    """When the generation last rose; None where that was never noted."""
    last_contact: datetime | None = None
    last_sample_at: datetime | None = None
    """The last sample that was stored, or was stored already."""
    stopping_at: datetime | None = None
    """The last report of a worker that it stops, which is no other contact."""
    worker_phase: str = ""
    awaited_since: datetime | None = None
    """The first report after which no sample came: from then on one was to be expected."""
    failed_at: datetime | None = None
    failure_reason: str = ""
    observed_generation: int | None = None
    placement_phase: str = ""
    placement_reason: str = ""
    placement_at: datetime | None = None
    """When the placement came into its phase, or was said to be in it again after a new start."""
    epoch: int = 0
    epoch_at: datetime | None = None
    claimed_epoch: int = 0
    contended_at: datetime | None = None
    contended_since: datetime | None = None
    fenced_at: datetime | None = None
    refused_at: datetime | None = None
    refused_since: datetime | None = None
    refused_code: str = ""

    @property
    def stale_after(self) -> timedelta:
        return _seconds(STALE_AFTER_INTERVALS * self.expected_interval_seconds)

    @property
    def offline_after(self) -> timedelta:
        return _seconds(OFFLINE_AFTER_INTERVALS * self.expected_interval_seconds)

    @property
    def stop_grace(self) -> timedelta:
        """How long after a stop a worker may go on reporting."""
        return max(MIN_STOP_GRACE, timedelta(seconds=STOP_GRACE_INTERVALS * self.expected_interval_seconds))

    @property
    def window(self) -> timedelta:
        """For how long a refusal, a fenced event or a change of workers counts."""
        return max(MIN_WINDOW, self.stale_after)

    @property
    def is_plain(self) -> bool:
        """Whether nothing is known beside its configuration and its last contacts, as of most cameras."""
        return self[_BESIDE_CONTACTS:] == _NOTHING

    @property
    def is_running(self) -> bool:
        return self.desired_state == "running"

    @property
    def has_contact(self) -> bool:
        """Whether a worker was in contact since the camera was last started or stopped."""
        return self.last_contact is not None and self.last_contact >= self.desired_state_at

    @property
    def has_sample(self) -> bool:
        """Whether a sample was stored since the camera was last started or stopped."""
        return self.last_sample_at is not None and self.last_sample_at >= self.desired_state_at

    @property
    def has_failed(self) -> bool:
        """Whether the worker has failed since the start and the last new generation, and no sample came since."""
        if self.failed_at is None or not self.has_contact:
            return False
        return self.failed_at >= max(self.desired_state_at, self.generation_at or self.desired_state_at)

    @property
    def has_placement(self) -> bool:
        """Whether the orchestrator said something of the camera since it was last started or stopped."""
        return self.placement_at is not None and self.placement_at >= self.desired_state_at

    def known_at(self, moment: datetime, now: datetime) -> Self:
        """What was known at a moment in the past, as far as can be told from what is known now.

        Of contacts only the last is known: it stands for those before, but for none before the first report.
        """
        sample_at, awaited_since = _until(moment, self.last_sample_at, now), self.awaited_since
        contact = _until(moment, self.last_contact, now)
        if (
            awaited_since
            and moment < awaited_since
            and not (self.last_sample_at and self.last_sample_at >= awaited_since)
        ):
            contact = sample_at
        return self._replace(
            last_contact=contact,
            last_sample_at=sample_at,
            contended_at=_within(moment, self.contended_since, self.contended_at),
            refused_at=_within(moment, self.refused_since, self.refused_at),
            stopping_at=_only_until(moment, self.stopping_at),
            awaited_since=_only_until(moment, self.awaited_since),
            failed_at=_only_until(moment, self.failed_at),
            placement_at=_only_until(moment, self.placement_at),
            claimed_epoch=self.claimed_epoch if self.epoch_at is None or self.epoch_at <= moment else self.epoch,
        )

    def believable(self, now: datetime) -> Self:
        """Without contacts that a clock far ahead has left."""
        horizon = now + AHEAD_TOLERANCE
        if not (self.last_contact and self.last_contact > horizon) and not (
            self.last_sample_at and self.last_sample_at > horizon
        ):
            return self
        return self._replace(
            last_contact=_only_until(horizon, self.last_contact),
            last_sample_at=_only_until(horizon, self.last_sample_at),
        )


_BESIDE_CONTACTS = Facts._fields.index("last_sample_at") + 1
_NOTHING = tuple(Facts._field_defaults[name] for name in Facts._fields[_BESIDE_CONTACTS:])


@lru_cache(maxsize=64)
def _seconds(count: int) -> timedelta:
    return timedelta(seconds=count)


def _until(moment: datetime, seen_at: datetime | None, now: datetime) -> datetime | None:
    return moment if seen_at and moment < seen_at <= now + AHEAD_TOLERANCE else seen_at


def _within(moment: datetime, since: datetime | None, until: datetime | None) -> datetime | None:
    if since is None or until is None or since > moment:
        return None
    return min(until, moment)


def _only_until(moment: datetime, at: datetime | None) -> datetime | None:
    return None if at and at > moment else at


def counted_from(moment: datetime, offline_after: timedelta, interruptions: Interruptions) -> datetime:
    """From when on silence after `moment` counts: from the end of an ingest outage, where that is later.

    What was offline before the outage began stays so: a restart must not make dead cameras look alive.
    """
    if interruptions.outage_ended_at is None:
        return moment
    if interruptions.outage_began_at and moment + offline_after <= interruptions.outage_began_at:
        return moment
    return max(moment, interruptions.outage_ended_at)


def receiving_until(now: datetime, interruptions: Interruptions) -> datetime:
    """Until when something could arrive: ages stand still during an outage of ingest."""
    return min(now, interruptions.ingest_outage_since or now)
