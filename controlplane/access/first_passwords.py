"""Passwords that somebody else has set: the person has to change them before they may do anything."""

from datetime import datetime
from typing import Any

from controlplane.access.models import FirstPassword


def must_change(person: Any) -> bool:
    """Whether the person has to change their password; a query, unless it was loaded with them."""
    return getattr(person, "first_password", None) is not None


def require_change(person: Any, now: datetime) -> None:
    """Have the password changed at the next sign-in."""
    FirstPassword.objects.update_or_create(user=person, defaults={"set_at": now})


def was_changed(person: Any) -> None:
    """The password is the person's own now."""
    FirstPassword.objects.filter(user=person).delete()
