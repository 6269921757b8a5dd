"""Signing in: by password, and with a second factor."""

import pytest
from django.test import Client

from tests.people import (
    SECOND_FACTOR,
    code_of,
    give_app,
    is_signed_in,
    make_person,
    sign_in,
)

pytestmark = pytest.mark.django_db


def test_a_password_alone_opens_where_there_is_no_second_factor() -> None:
    make_person()
    client = Client()

    answer = sign_in(client, following="/admin/preferences/")

    assert (answer.status_code, answer["Location"]) == (302, "/admin/preferences/")
    assert client.get("/admin/preferences/").status_code == 200


def test_with_a_second_factor_the_password_opens_nothing_until_the_code_was_right() -> None:
    give_app(make_person())
    client = Client()

    assert sign_in(client)["Location"] == SECOND_FACTOR
    assert client.get("/admin/")["Location"].startswith("/admin/login/")
    wrong = client.post(SECOND_FACTOR, {"code": code_of(periods_ago=100)})
    assert wrong.status_code == 200
    assert not is_signed_in(client)
    right = client.post(SECOND_FACTOR, {"code": code_of()})
    assert (right.status_code, right["Location"]) == (302, "/admin/")
    assert is_signed_in(client)
