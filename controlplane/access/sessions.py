"""Ending sessions of people: one's own, or those of others; an entry in the audit trail for each person."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from controlplane.access import audit
from controlplane.access.models import Session
from controlplane.access.principals import Author
from controlplane.access.session_store import SessionStore, digest_of
from controlplane.addresses import NO_SOURCE
from controlplane.admission import remember_owner


class SessionUse:
    """Gives a session whence it is used, and `admission` whose it is; notes the use, at most once a minute.

    A page that keeps itself up to date is nobody's use: left open on a wall it would keep a session alive.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        session: Any = request.session
        session.source = getattr(request, "source", NO_SOURCE)
        session.user_agent = _printable(request.headers.get("User-Agent", ""))
        response = self.get_response(request)
        session = request.session
        if session.accessed and session.session_key and (owner := session.get(SESSION_KEY)):
            remember_owner(session.session_key, f"user:{owner}")
            if "X-Refresh" not in request.headers:
                session.note_use(timezone.now())
        return response


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())


def key_of_row(session: SessionStore) -> str:
    """The key of a session's row; empty for one that is not stored."""
    return digest_of(session.session_key) if session.session_key else ""


def end_sessions(*, which: Any, by: Author, now: datetime) -> int:
    """End the sessions of people among these rows, at once and everywhere; returns how many."""
    with transaction.atomic():
        rows = list(which.filter(user__isnull=False).select_related("user").select_for_update(of=("self",)))
        Session.objects.filter(pk__in=[row.pk for row in rows]).delete()
        people = {row.user.pk: row.user for row in rows}
        for user_id, count in Counter(row.user.pk for row in rows).items():
            audit.record_count(
                by=by,
                now=now,
                action="user.sessions_ended",
                object_type="user",
                object_id=user_id,
                object_name=people[user_id].get_username(),
                count=count,
            )
    return len(rows)


def end_sessions_of(user: Any, *, by: Author, now: datetime, but: str = "") -> int:
    """End all sessions of a person but the one with this key of its row; returns how many."""
    return end_sessions(which=Session.objects.filter(user=user).exclude(pk=but), by=by, now=now)
