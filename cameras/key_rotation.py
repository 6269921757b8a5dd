"""Re-encryption on the first key of the ring, so that the keys behind it can be dropped. Also the canary.

Owns what the canary is. A rotation is no change of intent: it makes no revision and touches no `updated_at`. It
never overwrites what was saved meanwhile, and may be stopped and run again at any time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from django.db import OperationalError, transaction

from cameras import credentials
from cameras.models import Camera, DeletedCamera, KeyCanary
from controlplane.access import audit
from controlplane.access.principals import Author
from controlplane.sealing import ROTATED

CHUNK = 500
# How often a camera is tried again that was saved while it was sealed anew; then it is left for the next run.
ATTEMPTS = 5
# The canary is sealed like a camera's connection string, under an id that no camera has.
CANARY_ID = UUID(int=0)
CANARY_TEXT = "canary"


class Canary(StrEnum):
    """Where the canary stands."""

    ON_FIRST_KEY = "on the first key"
    ON_OLD_KEY = "left on an old key"
    MISSING = "missing"
    UNREADABLE = "unreadable"


@dataclass(slots=True)
class Survey:
    """Where the cameras' connection strings stand."""

    on_first_key: int = 0
    on_old_keys: int = 0
    unreadable: list[UUID] = field(default_factory=list)
    canary: Canary = Canary.MISSING
    elsewhere: int = 0  # other texts that are on an old key

    @property
    def is_clean(self) -> bool:
        """Whether the keys behind the first can be dropped."""
        readable = self.canary in (Canary.ON_FIRST_KEY, Canary.MISSING)
        return not self.on_old_keys and not self.elsewhere and not self.unreadable and readable


class Rotation(NamedTuple):
    """How many were sealed anew, and what a survey afterwards found; None if the rotation was stopped."""

    rotated: int
    survey: Survey | None


class _Sealed(NamedTuple):
    camera_id: UUID
    text: str


# Whatever holds the sealed connection string of a camera, whose id is its key. Cameras come last: one that is
# restored meanwhile takes its text to them.
_Holder = type[Camera] | type[DeletedCamera]
_HOLDERS: tuple[_Holder, ...] = (DeletedCamera, Camera)


def survey_keys(progress: Callable[[int], object] = lambda count: None) -> Survey:
    """Counts of where every sealed text stands; changes nothing."""
    survey = Survey(canary=canary_state(), elsewhere=sum(sealed.count_on_old_keys() for sealed in ROTATED))
    for _, page in _pages():
        for camera_id, text in page:
            try:
                if credentials.is_up_to_date(camera_id, text):
                    survey.on_first_key += 1
                else:
                    survey.on_old_keys += 1
            except credentials.UnreadableCredential:
                survey.unreadable.append(camera_id)
        progress(len(page))
    return survey


def rotate_keys(
    *,
    by: Author,
    now: datetime,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[int], object] = lambda count: None,
) -> Rotation:
    """Seal on the first key whatever is not; the canary comes last, and an audit entry with the counts.

    `stopping` is asked before each camera; `progress` is called with how many more were read.
    """
    rotated, survey = 0, None
    for holder, page in _pages():
        rotated += _rotate(holder, page, stopping)
        progress(len(page))
        if stopping():
            break
    else:
        rotated += sum(sealed.move_to_first_key() for sealed in ROTATED)
        # Counted afterwards: a process that still runs with the keys in their old order may have saved since.
        survey = survey_keys()
        if not survey.on_old_keys:
            survey.canary = _rotate_canary(replace_unreadable=not survey.unreadable)
    audit.record(
        by=by,
        now=now,
        action="keys.rotated",
        object_type="keys",
        object_id="FIELD_ENCRYPTION_KEYS",
        object_name=(
            f"rotated {rotated}, unreadable {len(survey.unreadable)}, left on old keys {survey.on_old_keys}"
            if survey
            else f"rotated {rotated}, then stopped"
        ),
    )
    return Rotation(rotated, survey)


def count_sealed() -> int:
    """How many cameras a rotation looks at, those in the bin too."""
    return sum(holder.objects.count() for holder in _HOLDERS)


def _pages() -> Iterator[tuple[_Holder, list[_Sealed]]]:
    for holder in _HOLDERS:
        rows = holder.objects.order_by("pk").values_list("pk", "sealed_connection")
        page = [_Sealed(*row) for row in rows[:CHUNK]]
        while page:
            yield holder, page
            page = [_Sealed(*row) for row in rows.filter(pk__gt=page[-1].camera_id)[:CHUNK]]


def _rotate(holder: _Holder, page: list[_Sealed], stopping: Callable[[], bool]) -> int:
    """Seal anew what is on an old key; returns how many were."""
    rotated = 0
    for _ in range(ATTEMPTS):
        anew = []
        for old in page:
            if stopping():
                break
            try:
                if not credentials.is_up_to_date(*old):
                    anew.append((old, credentials.seal(old.camera_id, credentials.unseal(*old))))
            except credentials.UnreadableCredential:
                continue  # the survey names it
        replaced = _replace(holder, anew)
        rotated += len(replaced)
        missed = [old.camera_id for old, _ in anew if old.camera_id not in replaced]
        if not missed or stopping():
            break
        page = [
            _Sealed(*row)
            for row in holder.objects.filter(pk__in=missed).order_by("pk").values_list("pk", "sealed_connection")
        ]
    return rotated


def _replace(holder: _Holder, anew: list[tuple[_Sealed, str]]) -> set[UUID]:
    """Compare and set, in the order of the ids as every writer of cameras; returns which were replaced."""
    replaced = set()
    try:
        with transaction.atomic():
            for old, new in anew:
                unchanged = holder.objects.filter(pk=old.camera_id, sealed_connection=old.text)
                if unchanged.update(sealed_connection=new):
                    replaced.add(old.camera_id)
    except OperationalError:
        # Somebody locked a camera for longer than the lock's timeout. If the database is away instead, the next
        # read raises.
        return set()
    return replaced


# --- The canary -------------------------------------------------------------------------------------------


def canary_state() -> Canary:
    """Whether the key ring is the one of this database."""
    sealed = KeyCanary.objects.values_list("sealed", flat=True).first()
    if sealed is None:
        return Canary.MISSING
    try:
        if credentials.unseal(CANARY_ID, sealed) != CANARY_TEXT:
            return Canary.UNREADABLE
        return Canary.ON_FIRST_KEY if credentials.is_up_to_date(CANARY_ID, sealed) else Canary.ON_OLD_KEY
    except credentials.UnreadableCredential:
        return Canary.UNREADABLE


def key_ring_fits() -> bool:
    """Whether the key ring is the one of this database. Without a canary, one camera decides, and makes it."""
    state = canary_state()
    if state is not Canary.MISSING:
        return state is not Canary.UNREADABLE
    _, page = next(_pages(), (Camera, []))
    try:
        for sealed in page[:1]:
            credentials.unseal(*sealed)
    except credentials.UnreadableCredential:
        return False
    make_canary()
    return True


def make_canary() -> bool:
    """Seal the canary where there is none; returns whether it was made."""
    _, made = KeyCanary.objects.get_or_create(pk=1, defaults={"sealed": credentials.seal(CANARY_ID, CANARY_TEXT)})
    return made


def _rotate_canary(*, replace_unreadable: bool) -> Canary:
    """Seal the canary on the first key; returns where it stands.

    One that cannot be read, or is missing, is made anew only where every camera can be read: then this is the
    ring of this database, and what sealed the canary is gone for good.
    """
    state = canary_state()
    if state is Canary.ON_OLD_KEY or (replace_unreadable and state is Canary.UNREADABLE):
        KeyCanary.objects.filter(pk=1).update(sealed=credentials.seal(CANARY_ID, CANARY_TEXT))
    elif replace_unreadable and state is Canary.MISSING:
        make_canary()
    return canary_state()
