"""The change feed as a stream of events: what a principal sees of it, what ends it, what is refused."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from cameras.api import stream, watch
from cameras.change_feed import current_cursor, renew_epoch
from cameras.models import Change, RevisionCounter
from controlplane.access.models import ApiToken, TokenBinding
from controlplane.access.tokens import memory, revoke_tokens
from telemetry.alerts.transitions import record_transitions
from tests.asgi_client import AsgiClient
from tests.cameras.api.streams import as_, begun, cameras_with_status, change, names, of_token
from tests.event_stream import Stream
from tests.factories import AUTHOR, make_camera, make_site, make_token, token_id_of
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


# --- What a principal sees --------------------------------------------------------------------------------


def test_a_bound_principal_sees_its_own_and_a_camera_that_leaves_is_deleted_to_it(asgi: AsgiClient) -> None:
    mine, other = make_site("Mine"), make_site("Other")
    camera, hidden = make_camera("Gate", site=mine), make_camera("Hidden", site=other)
    events = begun(asgi, f"since={current_cursor()}&include=status", as_("viewer", mine))
    everything = begun(asgi, f"since={current_cursor()}&include=status", as_("viewer"))

    record_transitions(timezone.now())
    everything.wait_until(lambda it: cameras_with_status(it) == {camera.pk, hidden.pk})
    change(hidden, notes="seen by nobody")
    change(camera, site=str(other.pk))
    events.wait_until(lambda it: it.of_kind("change"))

    assert cameras_with_status(events) == {camera.pk}
    assert [(event.data["name"], event.data["kind"]) for event in events.of_kind("change")] == [
        ("Gate", "deleted")
    ]
    assert events.last_id.partition(".")[0] == str(current_cursor())
    events.hang_up()
    everything.hang_up()


def test_a_worker_of_some_cameras_streams_these(asgi: AsgiClient) -> None:
    camera = make_camera("Gate")
    make_camera("Yard")

    events = begun(asgi, "include=status", as_("worker", camera))

    assert names(events) == ["Gate"]
    events.hang_up()


def test_a_revoked_token_ends_its_streams_at_the_next_bookmark(asgi: AsgiClient, often: None) -> None:
    secret = make_token("viewer")
    events, other = begun(asgi, "", of_token(secret)), begun(asgi, "", as_("viewer"))

    revoke_tokens(ids=[token_id_of(secret)], by=AUTHOR, now=timezone.now())
    # As another process would have it, which does not know.
    events.wait_for_end()
    make_camera("Later")
    other.wait_until(lambda it: names(it) == ["Later"])

    assert (events.has_ended, names(events)) == (True, [])
    assert Stream(asgi, "", of_token(secret)).wait_for_end() is None
    other.hang_up()


def test_an_expired_token_ends_its_streams(asgi: AsgiClient, often: None) -> None:
    secret = make_token("viewer", expires_at=timezone.now() + timedelta(seconds=60))
    events = begun(asgi, "", of_token(secret))

    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    events.wait_for_end()

    assert events.has_ended


def test_a_principal_with_another_scope_lists_again(asgi: AsgiClient, often: None) -> None:
    mine, more = make_site("Mine"), make_site("More")
    secret = make_token("viewer", mine)
    events = begun(asgi, "", of_token(secret))

    TokenBinding.objects.create(token_id=token_id_of(secret), site_id=more.pk)
    events.wait_for_end()

    assert events.seen[-1][::2] == ("relist", {"reason": "scope"})
    assert events.has_ended


def test_the_tokens_of_many_streams_are_read_together(
    asgi: AsgiClient, often: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = [begun(asgi, "", as_("viewer")) for _ in range(20)]
    read: list[int] = []
    look_up = memory.look_up

    def counted(digests: Any, now: datetime) -> None:
        read.append(len(digests))
        look_up(digests, now)

    monkeypatch.setattr(memory, "look_up", counted)
    before = [len(each.of_kind("bookmark")) for each in streams]
    for each, count in zip(streams, before, strict=True):
        each.wait_until(lambda it, count=count: len(it.of_kind("bookmark")) >= count + 3)  # type: ignore[misc]

    assert sum(read) >= 60
    assert len(read) < sum(read) / 4
    for each in streams:
        each.hang_up()


def test_a_person_streams_by_session_until_it_ends(
    asgi: AsgiClient, django_user_model: Any, client: Any, often: None
) -> None:
    client.force_login(django_user_model.objects.create_superuser("ann", password="x"))
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    events = begun(asgi, "include=status", {"Cookie": cookie})
    make_camera("Gate")
    events.wait_until(lambda it: names(it) == ["Gate"])

    client.logout()
    events.wait_for_end()

    assert events.has_ended


def test_a_person_who_may_come_in_no_more_is_sent_no_news(
    asgi: AsgiClient, django_user_model: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "PERSON_SECONDS", 0)
    client.force_login(django_user_model.objects.create_superuser("ann", password="x"))
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    events = begun(asgi, "", {"Cookie": cookie})
    make_camera("Gate")
    events.wait_until(lambda it: names(it) == ["Gate"])

    django_user_model.objects.update(is_staff=False)
    make_camera("Yard")
    events.wait_for_end()

    assert names(events) == ["Gate"]


# --- What ends it, and what is refused --------------------------------------------------------------------


def test_a_cursor_of_another_history_is_410_or_ends_a_stream_as_gone(asgi: AsgiClient) -> None:
    headers = as_("viewer")
    make_camera("Gate")
    events = begun(asgi, "", headers)

    renew_epoch()
    events.wait_for_end()
    refused = Stream(asgi, "", headers | {"Last-Event-ID": events.seen[0].id})
    refused.wait_for_end()
    again = begun(asgi, "", headers | {"Last-Event-ID": events.last_id})

    kind, event_id, data = events.seen[-1]
    assert (kind, data["status"], data["current"]) == ("gone", 410, str(current_cursor()))
    assert event_id.partition(".")[0] == data["current"]
    assert (refused.status, refused.headers["content-type"]) == (410, "application/problem+json")
    assert json.loads(refused.body)["current"] == data["current"]
    assert names(again) == []
    again.hang_up()


def test_a_log_that_has_become_shorter_ends_a_stream_as_gone(asgi: AsgiClient) -> None:
    make_camera("Gate")
    make_camera("Yard")
    events = begun(asgi, "include=status", as_("viewer"))

    # As a copy of the file of before brings it back.
    Change.objects.filter(revision=2).delete()
    RevisionCounter.objects.update(revision=1)
    events.wait_for_end()

    assert (events.seen[-1].kind, events.seen[-1].data["current"]) == ("gone", str(current_cursor()))


REFUSED: list[tuple[str, dict[str, str], str]] = [
    ("", {"Last-Event-ID": "x"}, "Last-Event-ID"),
    ("", {"Last-Event-ID": "000000000000-1"}, "Last-Event-ID"),
    ("", {"Last-Event-ID": "000000000000-1."}, "Last-Event-ID"),
    ("", {"Last-Event-ID": "000000000000-1.01"}, "Last-Event-ID"),
    ("", {"Last-Event-ID": "000000000000-1.-1"}, "Last-Event-ID"),
    ("", {"Last-Event-ID": "000000000000-1.1.1"}, "Last-Event-ID"),
    ("", {"Last-Event-ID": "000000000000-1." + "9" * 12}, "Last-Event-ID"),
    ("", {"Last-Event-ID": "\u00ff"}, "Last-Event-ID"),
    ("", {"Last-Event-ID": "0"}, "Last-Event-ID"),
    ("since=x", {}, "since"),
    ("since=000000000000-1.", {}, "since"),
    ("since=0.1", {}, "since"),
    ("since=0&since=0", {}, "since"),
    ("include=everything", {}, "include"),
    ("include=", {}, "include"),
    ("wait=5", {}, "wait"),
    ("limit=5", {}, "limit"),
]


@pytest.mark.parametrize(("query", "headers", "field"), REFUSED)
def test_what_is_asked_for_wrongly_is_a_400_that_names_it(
    asgi: AsgiClient, query: str, headers: dict[str, str], field: str
) -> None:
    refused = Stream(asgi, query, as_("viewer") | headers)
    refused.wait_for_end()

    assert (refused.status, refused.headers["content-type"]) == (400, "application/problem+json")
    assert [error["field"] for error in json.loads(refused.body)["errors"]] == [field]


def test_who_may_not_watch_is_refused_before_it_begins(asgi: AsgiClient) -> None:
    for headers, status in [
        ({}, 401),
        (of_token("cpt_nobody"), 401),
        ({"Cookie": "sessionid=x"}, 401),
        (as_("worker"), 403),
        (as_("viewer") | {"accept": "image/png"}, 406),
        (as_("viewer") | {"accept": "text/event-stream;q=0, application/xml"}, 406),
    ]:
        refused = Stream(asgi, "", headers)
        refused.wait_for_end()
        assert (refused.status, refused.headers["content-type"]) == (status, "application/problem+json"), headers


def test_head_says_what_get_would_and_ends(asgi: AsgiClient) -> None:
    for accept, content_type in [("text/event-stream", "text/event-stream"), ("*/*", "application/json")]:
        answer = Stream(asgi, "", as_("viewer") | {"accept": accept}, method="HEAD")
        answer.wait_for_end()
        assert (answer.status, answer.headers["content-type"], answer.body) == (200, content_type, b"")
        assert answer.has_ended
    refused = Stream(asgi, "since=000000000000-1", as_("viewer"), method="HEAD")
    refused.wait_for_end()
    assert (refused.status, refused.body) == (410, b"")


def test_streams_and_waits_of_one_principal_count_together(
    asgi: AsgiClient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WATCHES_PER_PRINCIPAL = 2
    greedy, other = as_("viewer"), as_("viewer")
    streams = [begun(asgi, "", greedy), begun(asgi, "", greedy)]

    refused = Stream(asgi, "", greedy)
    refused.wait_for_end()
    waits = asgi.request("GET", f"/cameras/changes?since={current_cursor()}&wait=5", headers=greedy)
    others = begun(asgi, "", other)
    streams.pop().hang_up()
    streams.append(begun(asgi, "", greedy))

    assert (refused.status, refused.headers["retry-after"]) == (429, "2")
    assert waits.status_code == 429
    for each in (*streams, others):
        each.hang_up()


def test_a_slow_reader_is_ended_and_goes_on_without_loss_while_others_are_served(
    asgi: AsgiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SLOW_SECONDS", 0.5)
    headers = as_("viewer")
    slow, quick = begun(asgi, "", headers), begun(asgi, "", headers)
    slow.stall()

    for number in range(5):
        make_camera(f"Camera {number}")
        quick.wait_until(lambda it, count=number + 1: len(names(it)) == count, seconds=5)  # type: ignore[misc]
    slow.wait_for_end()
    again = begun(asgi, "", headers | {"Last-Event-ID": slow.last_id})

    assert slow.has_ended
    assert names(slow) + names(again) == names(quick) == [f"Camera {number}" for number in range(5)]
    again.hang_up()
    quick.hang_up()


def test_a_stop_ends_every_stream_at_once_also_that_of_a_slow_reader(asgi: AsgiClient) -> None:
    slow, quick = begun(asgi, "", as_("viewer")), begun(asgi, "", as_("viewer"))
    slow.stall()
    make_camera("Gate")
    quick.wait_until(lambda it: names(it) == ["Gate"])

    async def stop() -> None:
        watch.end_waits()

    asgi.run(stop())
    slow.wait_for_end(2)
    quick.wait_for_end(2)
    late = Stream(asgi, "", as_("viewer"))
    late.wait_for_end(2)

    assert slow.has_ended
    assert quick.has_ended
    assert (late.status, late.has_ended, names(late)) == (200, True, ["Gate"])


def test_idle_streams_cost_no_queries_of_their_own(asgi: AsgiClient) -> None:
    headers = as_("viewer")
    asked: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append(sql)
        return execute(sql, params, many, context)

    async def queries_of_ten_polls() -> int:
        poller = watch._of_this_loop()
        await poller.read(lambda: connection.execute_wrappers.append(note))
        before = poller.known
        asked.clear()
        for _ in range(10):
            await until(lambda before=before: poller.known is not before)  # type: ignore[misc]
            before = poller.known
        count = len(asked)
        await poller.read(lambda: connection.execute_wrappers.remove(note))
        return count

    streams = [begun(asgi, "include=status", headers)]
    alone = asgi.run(queries_of_ten_polls())
    streams += [begun(asgi, "include=status", headers) for _ in range(30)]
    many = asgi.run(queries_of_ten_polls())

    # The revision, up to when statuses are known, and those of lately; the last poll may be cut by the count.
    assert 27 <= alone <= 33
    assert 27 <= many <= 33
    for each in streams:
        each.hang_up()
