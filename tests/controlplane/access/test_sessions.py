"""Sessions of people: when they end, what is stored of them, and what they cost."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import UpdateError
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from controlplane.access.models import AuditEntry, Session
from controlplane.access.session_store import SessionStore, digest_of, ended_sessions
from controlplane.access.sessions import end_sessions_of
from telemetry.maintenance.steps import Turn
from telemetry.maintenance.table import loops
from tests.factories import AUTHOR, ApiClient, make_token

pytestmark = pytest.mark.django_db

PAGE = "/admin/preferences/"
START = datetime(2026, 3, 4, 12, tzinfo=UTC)
IDLE, AGE = timedelta(hours=12), timedelta(days=7)


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna", password="none-of-them", is_staff=True)


def signed_in(person: User, **headers: str) -> Client:
    client = Client(headers=headers)
    client.force_login(person)
    return client


def is_in(client: Client, path: str = PAGE, **headers: str) -> bool:
    return client.get(path, headers=headers).status_code == 200


#: the hours at which the page is used, and whether it answers the last time
USES: list[tuple[list[float], bool]] = [
    ([11.99], True),
    ([12], False),
    ([11, 22, 33, 44], True),
    ([11, 23], False),
    ([*range(6, 168, 6), 167.9], True),
    ([*range(6, 168, 6), 168], False),
]


@pytest.mark.parametrize(("hours", "answers"), USES)
def test_a_session_ends_when_it_is_idle_and_when_it_is_old(anna: User, hours: list[float], answers: bool) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client = signed_in(anna)
        for hour in hours:
            clock.move_to(START + timedelta(hours=hour))
            answer = is_in(client)

        assert answer is answers
        assert client.get("/me").status_code == (200 if answers else 401)


def test_a_page_that_keeps_itself_up_to_date_keeps_no_session_alive(anna: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client = signed_in(anna)
        clock.move_to(START + timedelta(hours=11))
        assert is_in(client, **{"X-Refresh": "1"})
        clock.move_to(START + timedelta(hours=12))
        assert not is_in(client)


def test_the_settings_say_how_long(anna: User, settings: Any) -> None:
    settings.SESSION_IDLE_SECONDS, settings.SESSION_COOKIE_AGE = 60, 100
    with time_machine.travel(START, tick=False) as clock:
        idle, old = signed_in(anna), signed_in(anna)
        answers = []
        for seconds, client in ((59, old), (60, idle), (99, old), (100, old)):
            clock.move_to(START + timedelta(seconds=seconds))
            answers.append(is_in(client))

    assert answers == [True, False, False, False], "a use is written once a minute: 59 s was not"


def test_the_use_of_a_session_is_written_once_a_minute_with_address_and_browser(
    anna: User, django_assert_num_queries: Any
) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client = signed_in(anna)
        for second, queries in ((59, 2), (60, 3), (119, 2), (120, 3)):
            clock.move_to(START + timedelta(seconds=second))
            with django_assert_num_queries(queries):  # the session and the person; the use
                assert is_in(client, "/admin/jsi18n/", **{"User-Agent": "Firefox\x01/140.0" + "x" * 300})

    row = Session.objects.get()
    assert (row.created_at, row.last_used_at) == (START, START + timedelta(seconds=120))
    assert (row.address, row.user_agent[:13], len(row.user_agent)) == ("127.0.0.1", "Firefox/140.0", 200)


def test_a_request_with_a_token_asks_for_no_session(anna: User, django_assert_num_queries: Any) -> None:
    client = ApiClient(make_token("viewer"))
    client.get("/sites")
    client.client.cookies["sessionid"] = signed_in(anna).session.session_key

    with django_assert_num_queries(1):
        client.get("/sites")


def test_the_key_of_a_session_is_stored_nowhere(anna: User) -> None:
    client = signed_in(anna)
    key = client.session.session_key
    client.get(PAGE)

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM access_session")
        stored = str(cursor.fetchall())
        cursor.execute("SELECT count(*) FROM django_session")
        assert cursor.fetchone() == (0,)
    assert key not in stored
    assert digest_of(key) in stored
    assert not SessionStore(digest_of(key)).load(), "whoever reads the table cannot come in by what stands there"


def test_a_sign_in_changes_the_key_and_a_sign_out_removes_the_session(anna: User) -> None:
    anna.set_password("long-and-of-four-words")
    anna.save()
    client = Client()
    before = SessionStore()
    before.create()
    client.cookies["sessionid"] = before.session_key

    client.post("/admin/account/login/", {"login": "anna", "password": "long-and-of-four-words"})

    assert client.cookies["sessionid"].value != before.session_key
    assert list(Session.objects.values_list("user", flat=True)) == [anna.pk]
    client.post("/admin/logout/")
    assert not Session.objects.exists()


def test_a_session_that_is_ended_while_it_is_used_does_not_come_back(anna: User) -> None:
    client = signed_in(anna)
    session = client.session
    assert session["_auth_user_id"] == str(anna.pk)

    assert end_sessions_of(anna, by=AUTHOR, now=timezone.now()) == 1
    session.note_use(timezone.now() + timedelta(hours=1))
    with pytest.raises(UpdateError):
        session.save()

    assert not is_in(client)
    assert not Session.objects.exists()
    entry = AuditEntry.objects.get(action="user.sessions_ended")
    assert (entry.object_id, entry.object_name, entry.object_count) == (str(anna.pk), "anna", 1)


@pytest.mark.parametrize("command", ["maintain", "clearsessions"])
def test_what_has_ended_is_cleared_away(anna: User, command: str) -> None:
    now = timezone.now()
    live, idle, old = (signed_in(anna).session.session_key for _ in range(3))
    Session.objects.filter(pk=digest_of(idle)).update(last_used_at=now - IDLE)
    Session.objects.filter(pk=digest_of(old)).update(expire_date=now)
    assert ended_sessions(now).count() == 2
    (step,) = [step for loop in loops(10) for step in loop.steps if step.name == "sessions"]
    assert step.plan(Turn(now)) == "would remove 2 sessions that have ended"

    if command == "maintain":
        assert step.run(Turn(now)) == "removed 2 sessions that had ended"
    else:
        call_command("clearsessions", stdout=StringIO())

    assert list(Session.objects.values_list("pk", flat=True)) == [digest_of(live)]
