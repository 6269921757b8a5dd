"""Sealing: no plaintext at rest, and never another camera's password."""

from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from django.db import connection

from cameras import credentials
from cameras.credentials import UnreadableCredential, is_up_to_date, seal, unseal
from tests.factories import SECRET, URL, make_camera

CAMERA, OTHER = UUID(int=1), UUID(int=2)
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_what_was_sealed_is_read_again_and_no_two_seals_are_alike() -> None:
    assert unseal(CAMERA, seal(CAMERA, URL)) == URL
    assert seal(CAMERA, URL) != seal(CAMERA, URL)
    assert SECRET not in seal(CAMERA, URL)


def test_a_ciphertext_copied_to_another_camera_is_an_error() -> None:
    with pytest.raises(UnreadableCredential, match="something else"):
        unseal(OTHER, seal(CAMERA, URL))


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-5] + "A" + text[-4:], lambda text: text[:40], lambda _: "", lambda _: URL]
)
def test_a_changed_byte_is_an_error_and_the_text_is_never_handed_out(damage: Any) -> None:
    with pytest.raises(UnreadableCredential) as raised:
        unseal(CAMERA, damage(seal(CAMERA, URL)))

    assert SECRET not in str(raised.value)
    assert CAMERA in credentials.unreadable


def test_the_first_key_encrypts_and_all_decrypt(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    sealed = seal(CAMERA, URL)
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]

    assert unseal(CAMERA, sealed) == URL
    assert not is_up_to_date(CAMERA, sealed)
    assert is_up_to_date(CAMERA, seal(CAMERA, URL))

    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(UnreadableCredential):
        unseal(CAMERA, sealed)


@pytest.mark.django_db
def test_the_database_holds_no_plaintext() -> None:
    make_camera()

    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            assert SECRET not in str(cursor.fetchall()), table
