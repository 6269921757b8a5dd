"""Second factors of people: who has one, what they are, taking them away; and their secrets at rest.

The rows are allauth's.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext, ngettext

from controlplane.access import audit
from controlplane.access.principals import Author
from controlplane.problems import Problem
from controlplane.sealing import ROTATED, Seal, Unreadable

APP, PASSKEY, CODES = Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN, Authenticator.Type.RECOVERY_CODES
# The member of a row's data that is sealed, by the type of the row. Of a passkey only the public key is stored.
SEALED_MEMBERS = {APP: "secret", CODES: "seed"}
# Allauth seals without saying for whom: the purpose is bound, and the row's own person is not.
_SEAL, _OWNER = Seal("second factor"), ""


# --- Who has which ----------------------------------------------------------------------------------------


def marked(people: QuerySet[Any]) -> QuerySet[Any]:
    """The people, each with what `has_one` asks for."""
    return people.annotate(has_second_factor=Exists(_that_count().filter(user=OuterRef("pk"))))


def has_one(person: Any) -> bool:
    """Whether the person has a second factor beside recovery codes; a query, unless they are `marked`."""
    known = getattr(person, "has_second_factor", None)
    return _that_count().filter(user=person.pk).exists() if known is None else known


def kinds_of(person: Any) -> Counter[str]:
    """How many factors of each type a person has: a query."""
    return Counter(Authenticator.objects.filter(user=person.pk).values_list("type", flat=True))


def in_words(kinds: Counter[str]) -> str:
    """What `kinds_of` found: "authenticator app, 2 passkeys, recovery codes"; empty where there is none."""
    passkeys = ngettext("%(count)d passkey", "%(count)d passkeys", kinds[PASSKEY]) % {"count": kinds[PASSKEY]}
    named = {APP: gettext("authenticator app"), PASSKEY: passkeys, CODES: gettext("recovery codes")}
    return ", ".join(words for kind, words in named.items() if kinds[kind])


def remove_all(*, person: Any, by: Author, now: datetime) -> Counter[str]:
    """Take away all second factors of a person, recovery codes too; returns how many there were of each type."""
    with transaction.atomic():
        factors = Authenticator.objects.select_for_update().filter(user=person.pk)
        kinds = Counter(factor.type for factor in factors)
        if kinds:
            factors.delete()
            audit.record_of_person(by=by, now=now, what="factor_removed", person=person, fields=sorted(kinds))
    return kinds


def _that_count() -> QuerySet[Authenticator]:
    return Authenticator.objects.exclude(type=CODES)


# --- One use of a code -------------------------------------------------------------------------------------


def use_once(factor: Authenticator, counter: int) -> bool:
    """Note that the code of a moment of an authenticator app was used; False if it, or a later one, was before."""
    with transaction.atomic():
        stored = Authenticator.objects.select_for_update().get(pk=factor.pk)
        if stored.data.get("last_counter", -1) >= counter:
            return False
        stored.data["last_counter"] = counter
        stored.save(update_fields=["data"])
    factor.data = stored.data
    return True


# --- Secrets at rest --------------------------------------------------------------------------------------


def seal(text: str) -> str:
    return _SEAL.close(_OWNER, text.encode())


def unseal(sealed: str) -> str:
    """The text again. Raises Problem 503 where no key of the ring opens it."""
    try:
        return _SEAL.open(_OWNER, sealed).decode()
    except Unreadable:
        raise Problem(
            503,
            "The secret of this second factor cannot be read: no key of FIELD_ENCRYPTION_KEYS opens it. An"
            " administrator can remove the factor, so that it is set up anew.",
        ) from None


class _Secrets:
    """For `rotate_field_keys`: they stand inside a column of JSON."""

    def count_on_old_keys(self) -> int:
        return sum(1 for _ in self._on_old_keys())

    def move_to_first_key(self) -> int:
        moved = 0
        for factor_id, member in self._on_old_keys():
            with transaction.atomic():
                factor = Authenticator.objects.select_for_update().filter(pk=factor_id).first()
                if factor is not None:  # else it was removed meanwhile
                    factor.data[member] = seal(unseal(factor.data[member]))
                    factor.save(update_fields=["data"])
                    moved += 1
        return moved

    def _on_old_keys(self) -> Iterator[tuple[int, str]]:
        for factor in Authenticator.objects.filter(type__in=SEALED_MEMBERS).order_by("pk"):
            member = SEALED_MEMBERS[Authenticator.Type(factor.type)]
            try:
                if not _SEAL.is_up_to_date(_OWNER, factor.data[member]):
                    yield factor.pk, member
            except Unreadable:
                continue  # the person learns it at the next sign-in


ROTATED.append(_Secrets())
