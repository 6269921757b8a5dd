"""Texts at rest: sealed under a key ring of their own, and bound to what they are for and whose they are.

The first key of FIELD_ENCRYPTION_KEYS encrypts, all of them decrypt (Fernet: AES-128-CBC and HMAC-SHA256). Purpose
and owner are inside the sealed payload, so that a ciphertext that is copied to another row, or to a column of
another meaning, is an error there and not somebody else's secret.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import models


class Unreadable(Exception):
    """A sealed text that this key ring cannot open, or that is for something or somebody else."""


class _Opened(NamedTuple):
    content: bytes
    is_as_sealed_today: bool


class Seal:
    """Seals what has one purpose: what is sealed for another purpose or owner does not open.

    `opens_without_purpose` is for what was sealed when payloads named their owner alone. Such texts open until a
    rotation of the keys has sealed them anew.
    """

    def __init__(self, purpose: str, *, opens_without_purpose: bool = False) -> None:
        self.purpose = purpose
        self.opens_without_purpose = opens_without_purpose

    def close(self, owner: object, content: bytes) -> str:
        """The content sealed for one owner, as ASCII; two calls never give the same."""
        return _ring()[0].encrypt(f"{self.purpose}:{owner}\n".encode() + content).decode()

    def open(self, owner: object, sealed: str, max_age_seconds: int | None = None) -> bytes:
        """The content again. Raises Unreadable: too old, changed, of another owner, purpose or ring."""
        return self._open(owner, sealed, max_age_seconds).content

    def is_up_to_date(self, owner: object, sealed: str) -> bool:
        """Whether a rotation of the keys has nothing to do here. Raises Unreadable."""
        return self._open(owner, sealed).is_as_sealed_today

    def _open(self, owner: object, sealed: str, max_age_seconds: int | None = None) -> _Opened:
        for number, key in enumerate(_ring()):
            try:
                payload = key.decrypt(sealed.encode(), ttl=max_age_seconds)
            except (InvalidToken, ValueError):
                continue
            bound_to, _newline, content = payload.partition(b"\n")
            if bound_to == f"{self.purpose}:{owner}".encode():
                return _Opened(content, is_as_sealed_today=number == 0)
            if self.opens_without_purpose and bound_to == str(owner).encode():
                return _Opened(content, is_as_sealed_today=False)
            raise Unreadable("The sealed text belongs to something else.")
        raise Unreadable("No key of FIELD_ENCRYPTION_KEYS opens the sealed text, or it is too old.")


def _ring() -> list[Fernet]:
    return _ring_of(tuple(settings.FIELD_ENCRYPTION_KEYS))


@lru_cache(maxsize=4)
def _ring_of(keys: tuple[str, ...]) -> list[Fernet]:
    return [Fernet(key) for key in keys]


# --- What a change of the keys takes along ----------------------------------------------------------------


class Rotated(Protocol):
    """Sealed texts that `rotate_field_keys` seals anew."""

    def count_on_old_keys(self) -> int:
        """How many would be lost, or opened as something else, if only the first key were kept."""

    def move_to_first_key(self) -> int:
        """Seal anew what needs it, unless it is replaced meanwhile; returns how many were."""


ROTATED: list[Rotated] = []


class SealedColumn:
    """A column whose texts are sealed for the row's own key; an empty one holds nothing."""

    def __init__(self, seal: Seal, model: type[models.Model], column: str) -> None:
        self.seal, self.model, self.column = seal, model, column
        ROTATED.append(self)

    def count_on_old_keys(self) -> int:
        return sum(1 for _row in self._on_old_keys())

    def move_to_first_key(self) -> int:
        moved = 0
        for pk, sealed in self._on_old_keys():
            anew = self.seal.close(pk, self.seal.open(pk, sealed))
            unchanged = self.model._default_manager.filter(pk=pk, **{self.column: sealed})
            moved += unchanged.update(**{self.column: anew})
        return moved

    def _on_old_keys(self) -> Iterator[tuple[Any, str]]:
        rows = self.model._default_manager.exclude(**{self.column: ""})
        for pk, sealed in rows.values_list("pk", self.column):
            try:
                if not self.seal.is_up_to_date(pk, sealed):
                    yield pk, sealed
            except Unreadable:
                continue  # whoever needs it says so
