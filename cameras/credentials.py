"""Connection strings at rest: sealed under a key ring of their own, bound to the camera that they belong to.

The first key of FIELD_ENCRYPTION_KEYS encrypts, all of them decrypt (MultiFernet: AES-128-CBC and HMAC-SHA256).
The camera's id is inside the sealed payload, so that a ciphertext copied to another row is an error and not
another camera's password.
"""

from functools import lru_cache
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from prometheus_client import Counter

UNREADABLE = Counter(
    "controlplane_credentials_unreadable_total",
    "Readings of a connection string that the key ring could not open.",
)
# The cameras whose text could not be opened when this process last tried.
unreadable: set[UUID] = set()


class UnreadableCredential(Exception):
    """A sealed text that this key ring cannot open, or that belongs to another camera."""


def seal(camera_id: UUID, text: str) -> str:
    """The text sealed for one camera, as ASCII; two calls never give the same."""
    return _ring()[0].encrypt(f"{camera_id}\n{text}".encode()).decode()


def unseal(camera_id: UUID, sealed: str) -> str:
    """The text again. Raises UnreadableCredential for a wrong key, a changed byte or another camera's text."""
    try:
        text, _ = _open(camera_id, sealed)
    except UnreadableCredential:
        UNREADABLE.inc()
        unreadable.add(camera_id)
        raise
    unreadable.discard(camera_id)
    return text


def seal_for(owner: str, content: bytes) -> str:
    """Bytes that an owner will bring back, sealed so that nobody else can read or bring them."""
    return _ring()[0].encrypt(f"{owner}\n".encode() + content).decode()


def unseal_for(owner: str, sealed: str, max_age_seconds: int) -> bytes:
    """The bytes again. Raises UnreadableCredential: too old, changed, another owner's, or of another key ring."""
    for key in _ring():
        try:
            payload = key.decrypt(sealed.encode(), ttl=max_age_seconds)
        except (InvalidToken, ValueError):
            continue
        brought_by, _, content = payload.partition(b"\n")
        if brought_by == owner.encode():
            return content
    raise UnreadableCredential("The sealed content is too old, or not of this owner.")


def is_on_first_key(camera_id: UUID, sealed: str) -> bool:
    """Whether a rotation has nothing to do here. Raises UnreadableCredential."""
    return _open(camera_id, sealed)[1] == 0


def _open(camera_id: UUID, sealed: str) -> tuple[str, int]:
    for number, key in enumerate(_ring()):
        try:
            payload = key.decrypt(sealed.encode()).decode()
        except (InvalidToken, ValueError):
            continue
        owner, _, text = payload.partition("\n")
        if owner != str(camera_id):
            raise UnreadableCredential("The sealed connection string belongs to another camera.")
        return text, number
    raise UnreadableCredential("No key of FIELD_ENCRYPTION_KEYS opens the sealed connection string.")


def _ring() -> list[Fernet]:
    return _ring_of(tuple(settings.FIELD_ENCRYPTION_KEYS))


@lru_cache(maxsize=4)
def _ring_of(keys: tuple[str, ...]) -> list[Fernet]:
    return [Fernet(key) for key in keys]
