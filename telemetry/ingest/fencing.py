"""Which of several workers of a camera counts: epochs fence off those that were replaced. Pure.

The epoch of a placement is a fencing token (Kleppmann, "How to do distributed locking", 2016): it only rises, and
what carries an older one is refused. Who sends none is served as before there were epochs.
"""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import NamedTuple

from cameras.facts import MAX_EPOCH_AHEAD


@dataclass(slots=True)
class Holder:
    """Whose samples and reports count, and who contends; names are those of the columns of the vitals."""

    epoch: int = 0
    epoch_at: datetime | None = None
    fenced_count: int = 0
    fenced_at: datetime | None = None
    worker: str = ""
    worker_before: str = ""
    worker_at: datetime | None = None
    contended_at: datetime | None = None
    contended_since: datetime | None = None
    observed_generation: int | None = None
    observed_epoch: int = 0


COLUMNS = tuple(field.name for field in fields(Holder))


class Sender(NamedTuple):
    """What an event says of who sends it; no epoch is None, no name is empty."""

    epoch: int | None
    worker: str


def is_fenced(holder: Holder, sender: Sender, window: timedelta, now: datetime) -> bool:
    """Whether the sender was replaced. Notes on the holder what it means: a newer epoch, another name, contention.

    `window` is for how long a change of workers counts.
    """
    epoch, worker = sender
    if epoch is not None and epoch < holder.epoch:
        holder.fenced_count += 1
        holder.fenced_at = now
        _contend(holder, window, now)
        return True
    if epoch is not None and epoch > holder.epoch:
        holder.epoch, holder.epoch_at = epoch, now
    if worker and worker != holder.worker:
        came_back = worker == holder.worker_before and holder.worker_at and now < holder.worker_at + window
        holder.worker_before, holder.worker, holder.worker_at = holder.worker, worker, now
        if came_back:
            _contend(holder, window, now)
    return False


def observe_generation(holder: Holder, generation: int | None, epoch: int | None) -> None:
    """What the worker runs: of the highest epoch, in which it does not go back; without one the last counts."""
    if generation is None:
        return
    if epoch is None:
        holder.observed_generation = generation
    elif epoch > holder.observed_epoch:
        holder.observed_generation, holder.observed_epoch = generation, epoch
    elif epoch == holder.observed_epoch:
        holder.observed_generation = max(generation, holder.observed_generation or 0)


def is_too_far_ahead(epoch: int | None, now: datetime) -> bool:
    """Whether an epoch can only be taken where it is stored already."""
    return epoch is not None and epoch > int((now + MAX_EPOCH_AHEAD).timestamp())


def _contend(holder: Holder, window: timedelta, now: datetime) -> None:
    if holder.contended_at is None or now >= holder.contended_at + window:
        holder.contended_since = now
    holder.contended_at = now
