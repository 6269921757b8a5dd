"""Connection strings at rest: sealed, and bound to the camera that they belong to."""

from uuid import UUID

from prometheus_client import Counter

from controlplane.sealing import Seal, Unreadable

UNREADABLE = Counter(
    "controlplane_credentials_unreadable_total",
    "Readings of a connection string that the key ring could not open.",
)
# The cameras whose text could not be opened when this process last tried.
unreadable: set[UUID] = set()

_seal = Seal("connection string", opens_without_purpose=True)


class UnreadableCredential(Exception):
    """A sealed text that this key ring cannot open, or that belongs to another camera."""


def seal(camera_id: UUID, text: str) -> str:
    """The text sealed for one camera, as ASCII; two calls never give the same."""
    return _seal.close(camera_id, text.encode())


def unseal(camera_id: UUID, sealed: str) -> str:
    """The text again. Raises UnreadableCredential for a wrong key, a changed byte or another camera's text."""
    try:
        text = _seal.open(camera_id, sealed).decode()
    except Unreadable as error:
        UNREADABLE.inc()
        unreadable.add(camera_id)
        raise UnreadableCredential(str(error)) from None
    unreadable.discard(camera_id)
    return text


def is_up_to_date(camera_id: UUID, sealed: str) -> bool:
    """Whether a rotation has nothing to do here. Raises UnreadableCredential."""
    try:
        return _seal.is_up_to_date(camera_id, sealed)
    except Unreadable as error:
        raise UnreadableCredential(str(error)) from None
