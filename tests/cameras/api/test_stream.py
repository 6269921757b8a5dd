"""The change feed as a stream of events: what comes, and by which ids it goes on."""

import time
from datetime import UTC, timedelta
from random import Random

import pytest
from django.utils import timezone

from cameras import status_feed
from cameras.api import stream
from cameras.api.statuses import STATUS_FIELDS
from cameras.change_feed import current_cursor
from cameras.models import FleetVitals, KnownStatus
from telemetry.alerts.transitions import record_transitions
from tests.asgi_client import AsgiClient
from tests.cameras.api.streams import as_, begun, cameras_with_status, change, names, of_token, stored
from tests.event_stream import Events, Stream
from tests.factories import ApiClient, make_camera, make_site
from tests.openapi.conformance import faults
from tests.openapi.document import OPERATIONS, resolved

pytestmark = pytest.mark.django_db(transaction=True)


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
