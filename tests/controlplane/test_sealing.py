"""Sealed texts open for their purpose and owner alone, and a rotation brings the oldest form up to date."""

from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from django.conf import settings as configured

from controlplane.sealing import ROTATED, Seal, SealedColumn, Unreadable

OWNER, OTHER = UUID(int=1), UUID(int=2)
CONTENT = b"whatever\nit holds \xff"


def without_purpose(owner: object, content: bytes) -> str:
    """As payloads were before they named a purpose."""
    return Fernet(configured.FIELD_ENCRYPTION_KEYS[0]).encrypt(f"{owner}\n".encode() + content).decode()


def test_what_is_sealed_opens_for_its_purpose_and_owner() -> None:
    assert Seal("one").open(OWNER, Seal("one").close(OWNER, CONTENT)) == CONTENT


@pytest.mark.parametrize(("purpose", "owner"), [("two", OWNER), ("one", OTHER), ("one:", OWNER), ("one", "")])
@pytest.mark.parametrize("opens_without_purpose", [False, True])
def test_it_opens_as_nothing_else(purpose: str, owner: object, opens_without_purpose: bool) -> None:
    sealed = Seal("one").close(OWNER, CONTENT)

    with pytest.raises(Unreadable):
        Seal(purpose, opens_without_purpose=opens_without_purpose).open(owner, sealed)


def test_an_old_payload_opens_only_where_there_were_old_payloads_and_is_not_up_to_date() -> None:
    sealed = without_purpose(OWNER, CONTENT)
    seal = Seal("one", opens_without_purpose=True)

    assert seal.open(OWNER, sealed) == CONTENT
    assert not seal.is_up_to_date(OWNER, sealed)
    assert seal.is_up_to_date(OWNER, seal.close(OWNER, CONTENT))
    with pytest.raises(Unreadable):
        Seal("one").open(OWNER, sealed)
    with pytest.raises(Unreadable):
        seal.open(OTHER, sealed)


def test_what_is_too_old_does_not_open() -> None:
    sealed = Seal("one").close(OWNER, CONTENT)

    with pytest.raises(Unreadable):
        Seal("one").open(OWNER, sealed, max_age_seconds=-1)


def test_every_sealed_column_is_rotated() -> None:
    columns = {(each.model.__name__, each.column) for each in ROTATED if isinstance(each, SealedColumn)}

    assert columns >= {("Subscription", "sealed_secret"), ("Subscription", "sealed_url")}
