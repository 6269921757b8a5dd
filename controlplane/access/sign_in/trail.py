"""What people do about their own sign-in, in the audit trail; in the caller's transaction."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from controlplane.access import audit
from controlplane.access.authentication import named
from controlplane.access.principals import Author
from controlplane.addresses import NO_SOURCE


def author_of(request: HttpRequest, person: Any) -> Author:
    """The person as who does it, also before they are signed in."""
    return named(person).author("admin", getattr(request, "source", NO_SOURCE))


def record(request: HttpRequest, person: Any, what: str, fields: Sequence[str] = ()) -> None:
    """Write that a person, who may still be signing in, has done something to their own account: `factor_added`,
    `password_changed`. `fields` name kinds of factors; a secret is in no entry.
    """
    audit.record_of_person(
        by=author_of(request, person), now=timezone.now(), what=what, person=person, fields=fields
    )
