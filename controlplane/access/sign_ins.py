"""Who signed in, failed to, and signed out, in the audit trail.

These are the framework's own events, sent wherever somebody is signed in: by a form, by a key, by another service.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest
from django.utils import timezone

from controlplane.access import audit, throttle
from controlplane.access.allowance import Allowance
from controlplane.access.authentication import named
from controlplane.access.principals import NOBODY, Principal
from controlplane.addresses import NO_SOURCE, holder_at

# Failures, in ten minutes of one process: from one address, and in all.
allowance = Allowance(each=100, in_all=1_000)
MAX_NAME = 150


def begin_recording() -> None:
    """From now on these events are written."""
    user_logged_in.connect(_signed_in, dispatch_uid="audit")
    user_logged_out.connect(_signed_out, dispatch_uid="audit")
    user_login_failed.connect(_failed, dispatch_uid="audit")


def record_throttled(request: HttpRequest, name: str) -> None:
    """Write that an attempt for a name was not even looked at."""
    _record_attempt(request, "sign_in_refused", name)


def record_failed(request: HttpRequest, name: str) -> None:
    """Write that somebody was not let in who has come by another service; the name is empty for a stranger."""
    _record_attempt(request, "sign_in_failed", name)


def _signed_in(request: HttpRequest | None, user: Any, **_event: Any) -> None:
    _record(request, "signed_in", named(user), user)
    if request is not None:
        throttle.clear(name=user.get_username(), address=holder_at(_address_of(request)))


def _signed_out(request: HttpRequest | None, user: Any, **_event: Any) -> None:
    if user is not None:
        _record(request, "signed_out", named(user), user)


def _failed(credentials: dict[str, Any], request: HttpRequest | None = None, **_event: Any) -> None:
    if request is not None:
        name = credentials.get(get_user_model().USERNAME_FIELD) or credentials.get("email") or ""
        _record_attempt(request, "sign_in_failed", name)


def _record_attempt(request: HttpRequest, what: str, name: Any) -> None:
    if (mentioned := allowance.take(_address_of(request))) is not None:
        _record(request, what, NOBODY, _person_called(name), mentioned)


def _person_called(name: Any) -> Any:
    """Whose name was typed; None for a name that nobody has. That one is not written down: people type passwords
    into the field of the name.
    """
    users = get_user_model()
    if not isinstance(name, str) or len(name) > MAX_NAME or not name.isprintable():
        name = ""  # asked for all the same: the answer to a name that exists takes no longer
    return users.objects.filter(**{users.USERNAME_FIELD: name}).first()


def _address_of(request: HttpRequest) -> str:
    return str(getattr(request, "source", NO_SOURCE).address)


def _record(request: Any, what: str, by: Principal, person: Any, fields: Sequence[str] = ()) -> None:
    source = getattr(request, "source", None)
    if source is None:  # a script that signs somebody in, with no request of HTTP
        return
    by_whom = by.author("admin", source)
    audit.record_of_person(by=by_whom, now=timezone.now(), what=what, person=person, fields=fields)
