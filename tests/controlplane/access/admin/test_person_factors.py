"""Second factors of others: an administrator, or a command, takes them away from who has lost them."""

from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from controlplane.access.models import AuditEntry, FirstPassword
from tests.admin_client import administrator, operator, sign_in
from tests.controlplane.access.admin.test_people import add
from tests.people import give_app, give_recovery_codes, make_person

__all__ = ["administrator", "operator"]
pytestmark = pytest.mark.django_db


def with_factors(name: str, role: str = "", **fields: bool) -> User:
    person = make_person(name, role, **fields)
    give_app(person)
    give_recovery_codes(person)
    return person


def remove(client: Client, person: User) -> int:
    return client.post(f"/admin/auth/user/{person.pk}/second-factors/remove/").status_code


def removals() -> list[tuple[str, str, list[str]]]:
    found = AuditEntry.objects.filter(action="user.factor_removed")
    return list(found.values_list("by", "object_name", "fields"))


def test_an_administrator_sees_and_removes_the_factors_of_a_person(administrator: Client) -> None:
    person = with_factors("vera", "viewer")
    page = f"/admin/auth/user/{person.pk}/change/"
    assert "authenticator app, recovery codes" in administrator.get(page).content.decode()

    assert remove(administrator, person) == 302

    assert not Authenticator.objects.exists()
    assert removals() == [("user:anna", "vera", ["recovery_codes", "totp"])]
    assert "Remove second factors" not in administrator.get(page).content.decode()
    assert remove(administrator, person) == 302  # there is nothing left, and nothing to write
    assert len(removals()) == 1


def test_nobody_else_removes_them(administrator: Client, operator: Client) -> None:
    person, superuser = with_factors("vera", "viewer"), with_factors("root", is_superuser=True)

    assert remove(operator, person) == 403
    assert remove(Client(), person) == 302  # to the login
    assert remove(administrator, superuser) == 403  # out of reach
    assert administrator.get(f"/admin/auth/user/{person.pk}/second-factors/remove/").status_code == 302

    assert Authenticator.objects.count() == 4
    assert removals() == []


def test_the_command_removes_them_too() -> None:
    with_factors("vera")
    out = StringIO()

    call_command("reset_second_factor", "vera", stdout=out)
    call_command("reset_second_factor", "vera", stdout=out)

    assert out.getvalue() == "removed authenticator app, recovery codes\nthere was no second factor\n"
    assert removals() == [("command:reset_second_factor", "vera", ["recovery_codes", "totp"])]
    with pytest.raises(CommandError, match="no person with the username 'nobody'"):
        call_command("reset_second_factor", "nobody")


def test_a_password_that_somebody_else_has_set_has_to_be_changed(administrator: Client) -> None:
    new = "seven-tall-lamps-in-a-row"
    add(administrator, username="nina")
    assert [row.user.username for row in FirstPassword.objects.all()] == ["nina"]

    person, own = make_person("vera", "viewer"), User.objects.get(username="anna")
    for whose in (person, own):
        typed = {"password1": new, "password2": new, "usable_password": "true"}
        administrator.post(f"/admin/auth/user/{whose.pk}/password/", typed)
        whose.refresh_from_db()
        assert whose.check_password(new)

    assert {row.user.username for row in FirstPassword.objects.all()} == {"nina", "vera"}


def test_rows_of_factors_have_no_pages_of_their_own() -> None:
    superuser = sign_in(name="root", is_superuser=True)

    for model in ("mfa/authenticator", "account/emailaddress", "account/emailconfirmation"):
        assert superuser.get(f"/admin/{model}/").status_code == 404
