"""The change feed as a stream of events: what comes, by which ids it goes on, and what ends it."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from cameras import actions, status_feed
from cameras.api import stream, watch
from cameras.api.statuses import STATUS_FIELDS
from cameras.change_feed import current_cursor, renew_epoch
from cameras.intent import clean_camera
from cameras.models import Camera, Change, FleetVitals, KnownStatus, RevisionCounter
from controlplane.access.models import ApiToken, TokenBinding
from controlplane.access.tokens import memory, revoke_tokens
from telemetry.alerts.transitions import record_transitions
from tests.asgi_client import AsgiClient
from tests.event_stream import Events, Stream
from tests.factories import AUTHOR, ApiClient, make_camera, make_site, make_token, token_id_of
from tests.openapi.conformance import faults
from tests.openapi.document import OPERATIONS, resolved
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asgi(transactional_db: None) -> Iterator[AsgiClient]:
    client = AsgiClient(watch.application, watch.close_watch)
    yield client
    client.close()


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bookmarks, and with them the check of the principal, several times a second."""
    monkeypatch.setattr(stream, "BOOKMARK_SECONDS", 0.2)


def of_token(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def as_(role: str, *bound_to: Any) -> dict[str, str]:
    return of_token(make_token(role, *bound_to))


def begun(asgi: AsgiClient, query: str, headers: dict[str, str]) -> Stream:
    """A stream that has sent what was missed."""
    events = Stream(asgi, query, headers)
    events.wait_until(lambda it: it.of_kind("bookmark"))
    return events


def change(camera: Camera, **values: Any) -> None:
    actions.update_camera(
        camera_id=camera.pk,
        values=clean_camera(values, stored_redacted=camera.redacted_connection),
        by=AUTHOR,
        now=timezone.now(),
    )


def stored(camera: Camera, ago_seconds: float) -> None:
    """Its status was stored so long ago."""
    KnownStatus.objects.filter(pk=camera.pk).update(changed_at=timezone.now() - timedelta(seconds=ago_seconds))


def names(events: Stream) -> list[str]:
    return [event.data["name"] for event in events.of_kind("change")]


def cameras_with_status(events: Stream) -> set[UUID]:
    return {UUID(event.data["id"]) for event in events.of_kind("status")}


# --- What comes -------------------------------------------------------------------------------------------


def test_it_begins_with_what_was_missed_then_a_bookmark_then_what_happens(asgi: AsgiClient) -> None:
    make_camera("Gate")

    events = begun(asgi, "since=0", as_("viewer"))
    make_camera("Yard")
    events.wait_until(lambda it: len(names(it)) == 2)

    assert events.status == 200
    assert [event.kind for event in events.seen][:2] == ["change", "bookmark"]
    assert names(events) == ["Gate", "Yard"]
    assert 1_000 <= events.retry_milliseconds <= 5_000
    assert events.last_id.partition(".")[0] == str(current_cursor())
    assert abs(int(events.last_id.partition(".")[2]) - time.time()) < 10
    assert events.headers["content-type"] == "text/event-stream"
    assert events.headers["x-accel-buffering"] == "no"
    assert events.headers["cache-control"] == "no-store"
    assert "Accept" in events.headers["vary"]
    events.hang_up()


def test_a_change_is_what_a_page_of_the_feed_says(asgi: AsgiClient, viewer: ApiClient) -> None:
    make_camera("Gate")

    events = begun(asgi, "", of_token(viewer.secret or ""))

    assert [event.data for event in events.of_kind("change")] == viewer.get("/cameras/changes").json()["changes"]
    events.hang_up()


def test_statuses_come_when_they_are_stored_in_the_shape_of_the_list(asgi: AsgiClient, viewer: ApiClient) -> None:
    camera, secret = make_camera("Gate"), viewer.secret or ""
    without = begun(asgi, f"since={current_cursor()}", of_token(secret))
    events = begun(asgi, f"since={current_cursor()}&include=status", of_token(secret))
    assert events.of_kind("status") == []

    record_transitions(timezone.now())
    events.wait_until(lambda it: it.of_kind("status"))
    change(camera, desired_state="running")
    record_transitions(timezone.now())
    events.wait_until(lambda it: len(it.of_kind("status")) == 2)

    listed = viewer.get(f"/cameras?fields={','.join(STATUS_FIELDS)}").json()
    assert [event.data["status"] for event in events.of_kind("status")] == ["stopped", "pending"]
    assert events.of_kind("status")[-1].data == listed[0]
    without.wait_until(lambda it: names(it) == ["Gate"])
    assert without.of_kind("status") == []
    assert {str(event.data) for event in without.of_kind("bookmark")} == {"{}"}
    events.hang_up()
    without.hang_up()


def test_the_document_shows_such_a_stream(asgi: AsgiClient) -> None:
    operation = next(one for one in OPERATIONS if one.name == "list_changes")
    content = operation.answers[200]["content"]
    shown = Events()
    shown.feed(content["text/event-stream"]["examples"]["as-a-stream"]["value"].encode())
    page = resolved(content["application/json"]["schema"])
    shapes = {
        "change": page["properties"]["changes"]["items"],
        "status": {"$ref": "#/components/schemas/CameraListItem"},
    }
    make_camera("Gate")
    record_transitions(timezone.now())

    events = begun(asgi, "include=status", as_("viewer"))

    assert [event.kind for event in shown.seen] == [event.kind for event in events.seen][:3]
    for one, other in zip(shown.seen, events.seen, strict=False):
        assert one.data.keys() == other.data.keys()
        for data in (one.data, other.data):
            assert faults(data, shapes.get(one.kind, {})) == []
    events.hang_up()


def test_a_bookmark_says_up_to_when_statuses_are_known(asgi: AsgiClient, often: None) -> None:
    events = begun(asgi, "include=status", as_("viewer"))
    assert events.seen[-1].data == {"status_known_until": None}

    now = timezone.now()
    ticked_at = now - timedelta(seconds=3)
    FleetVitals.objects.update_or_create(pk=1, defaults={"ticked_at": ticked_at})
    record_transitions(now)

    shown = ticked_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    events.wait_until(lambda it: it.of_kind("bookmark")[-1].data == {"status_known_until": shown})
    events.hang_up()


# --- Where it goes on -------------------------------------------------------------------------------------


def test_it_goes_on_after_the_id_of_the_last_event_also_where_the_address_says_since(asgi: AsgiClient) -> None:
    headers = as_("viewer")
    make_camera("Gate")
    first = begun(asgi, "since=0", headers)
    first.hang_up()
    make_camera("Yard")

    by_header = begun(asgi, "since=0", headers | {"Last-Event-ID": first.last_id})
    by_parameter = begun(asgi, f"since={first.last_id}", headers)

    assert names(by_header) == names(by_parameter) == ["Yard"]
    by_header.hang_up()
    by_parameter.hang_up()


#: How long ago a status was stored, how long ago the second of the id is (None: a cursor alone), whether it is sent.
STORED = [
    (0, 0, True),
    (58, 0, True),
    (80, 0, False),
    (158, 100, True),
    (180, 100, False),
    (3_500, 3_550, True),
    (58, None, True),
    (80, None, False),
]


@pytest.mark.parametrize(("stored_ago", "second_ago", "is_sent"), STORED)
def test_statuses_are_sent_that_were_stored_since_the_second_of_the_id_less_60(
    asgi: AsgiClient, stored_ago: int, second_ago: int | None, is_sent: bool
) -> None:
    camera, other = make_camera("Gate"), make_camera("Yard")
    record_transitions(timezone.now())
    stored(camera, stored_ago)
    stored(other, 4_000)
    since = str(current_cursor()) if second_ago is None else f"{current_cursor()}.{int(time.time()) - second_ago}"

    events = begun(asgi, f"since={since}&include=status", as_("viewer"))

    assert cameras_with_status(events) == ({camera.pk} if is_sent else set())
    events.hang_up()


#: How long ago the second of the id is; of how many cameras, and of how many of them the status was stored since.
RELISTED = [(3_570, 9, 2, False), (3_610, 9, 0, True), (-120, 9, 0, True), (0, 12, 3, False), (0, 11, 3, True)]


@pytest.mark.parametrize(("second_ago", "cameras", "changed", "is_relisted"), RELISTED)
def test_all_are_to_be_listed_again_after_an_hour_or_where_over_a_quarter_was_missed(
    asgi: AsgiClient,
    second_ago: int,
    cameras: int,
    changed: int,
    is_relisted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(status_feed, "FEW", 2)
    site = make_site()
    made = [make_camera(f"Camera {number}", site=site) for number in range(cameras)]
    for number in range(40):
        make_camera(f"Elsewhere {number}")
    record_transitions(timezone.now())
    for number, camera in enumerate(made):
        stored(camera, 10 if number < changed else 5_000)
    since = f"{current_cursor()}.{int(time.time()) - second_ago}"

    events = begun(asgi, f"since={since}&include=status", as_("viewer", site))
    change(made[0], notes="seen")
    events.wait_until(lambda it: it.of_kind("change"))

    relist = [event.data for event in events.of_kind("relist")]
    assert relist == ([{"reason": "missed"}] if is_relisted else [])
    assert len(events.of_kind("status")) == (0 if is_relisted else changed)
    events.hang_up()


def test_few_statuses_are_sent_however_large_their_share_is(asgi: AsgiClient) -> None:
    camera = make_camera("Gate")
    record_transitions(timezone.now())

    events = begun(asgi, f"since={current_cursor()}&include=status", as_("viewer"))

    assert cameras_with_status(events) == {camera.pk}
    assert events.of_kind("relist") == []
    events.hang_up()


@pytest.mark.parametrize("seed", range(3))
def test_who_is_cut_off_again_and_again_sees_the_feed_and_the_last_status_of_each(
    asgi: AsgiClient, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream.feed, "MAX_LIMIT", 7)  # pages that end in the middle
    random = Random(seed)
    headers = as_("viewer")
    cameras = [make_camera(f"Camera {number}") for number in range(5)]
    revisions: list[int] = []
    status_of: dict[str, str] = {}
    last_id = ""
    running: Stream | None = None

    def cut_off() -> None:
        """At an event by chance: what the client has not read by then is lost to it."""
        nonlocal last_id, running
        if running is None:
            return
        running.hang_up()
        for event in running.seen[: random.randint(0, len(running.seen))]:
            last_id = event.id
            if event.kind == "change":
                revisions.append(event.data["revision"])
            if event.kind == "status":
                status_of[event.data["id"]] = event.data["status"]
        running = None

    for _ in range(60):
        camera = random.choice(cameras)
        what = random.randrange(5)
        if what == 0:
            change(camera, notes=str(random.random()))
        elif what == 1:
            change(camera, desired_state=random.choice(["running", "stopped"]))
        elif what == 2:
            record_transitions(timezone.now())
        elif running is None:
            running = Stream(asgi, "since=0&include=status", headers | {"Last-Event-ID": last_id})
        elif what == 3:
            running.wait_until(lambda it: it.of_kind("bookmark"))
        else:
            cut_off()
    cut_off()
    record_transitions(timezone.now())
    running = begun(asgi, "since=0&include=status", headers | {"Last-Event-ID": last_id})
    running.hang_up()
    revisions += [event.data["revision"] for event in running.of_kind("change")]
    status_of |= {event.data["id"]: event.data["status"] for event in running.of_kind("status")}

    assert revisions == list(range(1, current_cursor().revision + 1)), "each change once, in order"
    assert status_of == {str(row.pk): row.status for row in KnownStatus.objects.all()}


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
