"""Sessions of people in the browser, in a table of our own: whose, since when, last used when, from where.

The SESSION_ENGINE. A session ends SESSION_IDLE_SECONDS after its last use, SESSION_COOKIE_AGE after the sign-in.
The database holds the digest of a key: nobody takes over a session by reading the table, or a log of its queries.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from controlplane.access.models import Session
from controlplane.addresses import NO_SOURCE, Source

MAX_USER_AGENT = 200
# The last use is written no more often than this.
USE_SECONDS = 60


def digest_of(session_key: str) -> str:
    """What is stored of a key, which has 165 random bits: SHA-256 in hex."""
    return hashlib.sha256(session_key.encode("utf-8", "surrogateescape")).hexdigest()


def live_sessions(now: datetime) -> QuerySet[Session]:
    """The rows of sessions that have not ended by their time."""
    return Session.objects.filter(_is_live(now))


def ended_sessions(now: datetime) -> QuerySet[Session]:
    """The rows of all others, which `maintain` removes."""
    return Session.objects.filter(~_is_live(now))


def _is_live(now: datetime) -> Q:
    idle_since = now - timedelta(seconds=settings.SESSION_IDLE_SECONDS)
    return Q(expire_date__gt=now, last_used_at__gt=idle_since)


class SessionStore(SessionBase):
    """One session. Its row is read and written in one query each; what is not used is not read."""

    # Whence the request comes that holds it; `SessionUse` says so before anything is saved.
    source: Source = NO_SOURCE
    user_agent = ""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._last_used_at: datetime | None = None

    def exists(self, session_key: str) -> bool:
        return Session.objects.filter(pk=digest_of(session_key)).exists()

    def load(self) -> dict[str, Any]:
        key = self.session_key
        row = live_sessions(timezone.now()).filter(pk=digest_of(key)).first() if key else None
        if row is None:
            self._session_key: str | None = None
            return {}
        self._last_used_at = row.last_used_at
        return dict(self.decode(row.session_data))

    def create(self) -> None:
        while True:
            self._session_key = self._get_new_session_key()  # type: ignore[attr-defined]
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:
        """Raises UpdateError where it was ended meanwhile: a request that is under way does not revive it."""
        if self.session_key is None:
            self.create()
            return
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        kept = {"session_data": self.encode(data), "user_id": data.get(SESSION_KEY)}
        row = Session.objects.filter(pk=digest_of(self.session_key))
        if not must_create:
            if not row.update(**kept):
                raise UpdateError
            return
        now = timezone.now()
        try:
            with transaction.atomic():
                Session.objects.create(
                    pk=digest_of(self.session_key),
                    created_at=now,
                    last_used_at=now,
                    expire_date=now + timedelta(seconds=settings.SESSION_COOKIE_AGE),
                    address=self.source.address,
                    user_agent=self.user_agent[:MAX_USER_AGENT],
                    **kept,
                )
        except IntegrityError:
            if self.exists(self.session_key):
                raise CreateError from None
            raise
        self._last_used_at = now

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            Session.objects.filter(pk=digest_of(key)).delete()

    def note_use(self, now: datetime) -> None:
        """Write that somebody used it, if that was not written within USE_SECONDS; a query then."""
        used_at = self._last_used_at
        if self.session_key and used_at and now - used_at >= timedelta(seconds=USE_SECONDS):
            live_sessions(now).filter(pk=digest_of(self.session_key)).update(
                last_used_at=now, address=self.source.address, user_agent=self.user_agent[:MAX_USER_AGENT]
            )

    @classmethod
    def clear_expired(cls) -> None:
        """For `manage.py clearsessions`."""
        ended_sessions(timezone.now()).delete()
