"""People who sign in at the form, and the codes that their authenticator apps show."""

import re
import time
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.models import User
from django.test import Client

from tests.admin_client import give

PASSWORD = "a-password-for-one-test"
SIGN_IN = "/admin/account/login/"
SECOND_FACTOR = "/admin/account/login/second-factor/"
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def make_person(name: str = "anna", role: str = "", **fields: Any) -> User:
    """Somebody with a password, and with a role for the whole fleet or none."""
    person = User.objects.create_user(name, password=PASSWORD, is_staff=True, **fields)
    if role:
        give(person, (role, None))
    return person


def give_app(person: User) -> Authenticator:
    """An authenticator app with the secret SEED."""
    return totp.TOTP.activate(person, SEED).instance


def give_recovery_codes(person: User) -> list[str]:
    return RecoveryCodes.activate(person).get_unused_codes()


def code_of(seed: str = SEED, periods_ago: int = 0) -> str:
    """What the app shows."""
    return totp.format_hotp_value(totp.hotp_value(seed, int(time.time()) // 30 - periods_ago))


def sign_in(client: Client, name: str = "anna", password: str = PASSWORD, following: str = "") -> Any:
    address = f"{SIGN_IN}?next={following}" if following else SIGN_IN
    return client.post(address, {"login": name, "password": password, "next": following})


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def seed_shown(page: Any) -> str:
    """The secret that the page of a new app shows for typing."""
    found = re.search(r'id="app-secret".*?value="([A-Z2-7]+)"', page.content.decode(), re.DOTALL)
    assert found
    return found[1]
