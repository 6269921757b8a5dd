"""Which account at the provider of single sign-on is whose here.

People are known by issuer and subject, never by a name or an address: those are given again. A person who has been
here before is connected by nobody but themselves, while they are signed in.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from controlplane.access import audit, claimed_roles, memberships
from controlplane.access.models import SingleSignOn
from controlplane.access.principals import Author, unlimited
from controlplane.addresses import NO_SOURCE

# Who gives and takes roles by the claim, in the audit trail.
GIVER = "single sign-on"
# In the session of who has come by the provider.
SESSION_KEY = "single_sign_on"
MAX_USERNAME = 150
MAX_NAME = 150
_NOT_IN_USERNAMES = re.compile(r"[^a-zA-Z0-9.@+_-]+")

Claims = Mapping[str, Any]


class NoRole(Exception):
    """The provider gives who has come no role, or none any more. `person` is None where they were never here."""

    def __init__(self, person: User | None) -> None:
        super().__init__()
        self.person = person


class OfSomebodyElse(Exception):
    """The account at the provider is another person's here."""


def giver_at(request: HttpRequest) -> Author:
    return unlimited(GIVER).author("admin", getattr(request, "source", NO_SOURCE))


def has_come_by_it(session: Any) -> bool:
    """Whether who holds the session has signed in at the provider, which has its own rules for second factors."""
    return bool(session.get(SESSION_KEY))


def account_of(person: Any) -> SingleSignOn | None:
    """The account at the present provider by which a person may come in; a query."""
    return SingleSignOn.objects.filter(user=person.pk, issuer=settings.OIDC_ISSUER).first()


# --- Coming in --------------------------------------------------------------------------------------------


def take_in(claims: Claims, *, by: Author, now: datetime) -> User:
    """The person of these claims, made the first time, with the roles that the claims give and no others.

    Somebody who may not sign in is returned as they were. Raises NoRole where nothing is left, and RolesUnreadable
    before anything has changed.
    """
    roles = claimed_roles.roles_in(claims)
    person = _person_of(claims)
    if person is None:
        if not roles:
            raise NoRole(None)
        try:
            with transaction.atomic():
                person = _make_person(claims, by, now)
        except IntegrityError:  # the same account came twice at one time
            person = _person_of(claims)
            if person is None:
                raise
    if memberships.may_enter(person):
        memberships.set_memberships(user=person, roles=roles, by=by, now=now)
        if not roles and not person.is_superuser:
            raise NoRole(person)
    return person


def _person_of(claims: Claims) -> User | None:
    accounts = SingleSignOn.objects.filter(issuer=claims["iss"], subject=claims["sub"])
    account = accounts.select_related("user").first()
    return account.user if account else None


def _make_person(claims: Claims, by: Author, now: datetime) -> User:
    person = User(
        username=_free_username(claims),
        email=_email_in(claims),
        first_name=_text_in(claims, "given_name", MAX_NAME),
        last_name=_text_in(claims, "family_name", MAX_NAME),
        is_staff=True,
    )
    person.set_unusable_password()
    person.save()
    SingleSignOn.objects.create(user=person, issuer=claims["iss"], subject=claims["sub"], connected_at=now)
    _record("created", person, by, now)
    return person


def _free_username(claims: Claims) -> str:
    """A name that nobody has, as near as may be to what the provider calls them."""
    said = (_text_in(claims, name, MAX_USERNAME) for name in ("preferred_username", "email", "name"))
    wanted = next(filter(None, (_NOT_IN_USERNAMES.sub("-", text).strip("-") for text in said)), "person")[:140]
    similar = User.objects.filter(username__istartswith=wanted).values_list("username", flat=True)
    taken = {name.lower() for name in similar}
    numbered = (f"{wanted}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (wanted, *numbered) if name.lower() not in taken)


def _email_in(claims: Claims) -> str:
    """For people to read: nobody is known by it, and no password is set by it."""
    email = _text_in(claims, "email", 254)
    try:
        validate_email(email)
    except ValidationError:
        return ""
    return email


def _text_in(claims: Claims, name: str, most: int) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        return ""
    return "".join(char for char in value[:most] if char.isprintable()).strip()


# --- Connecting -------------------------------------------------------------------------------------------


def connect(person: User, claims: Claims, *, by: Author, now: datetime) -> None:
    """Let a person who is signed in come by this account from now on, in the place of one that they had before.

    Raises OfSomebodyElse.
    """
    with transaction.atomic():
        other = _person_of(claims)
        if other is not None and other.pk != person.pk:
            raise OfSomebodyElse
        account = {"issuer": claims["iss"], "subject": claims["sub"], "connected_at": now}
        SingleSignOn.objects.update_or_create(user=person, defaults=account)
        _record("single_sign_on_connected", person, by, now)


def disconnect(person: User, *, by: Author, now: datetime) -> bool:
    """Let a person come in by their password alone; False where they have none, or nothing was connected."""
    with transaction.atomic():
        if not person.has_usable_password() or not SingleSignOn.objects.filter(user=person).delete()[0]:
            return False
        _record("single_sign_on_disconnected", person, by, now)
    return True


def _record(what: str, person: User, by: Author, now: datetime) -> None:
    audit.record(
        by=by,
        now=now,
        action=f"user.{what}",
        object_type="user",
        object_id=person.pk,
        object_name=person.get_username(),
        fields=["single_sign_on"] if what == "created" else [],
    )
