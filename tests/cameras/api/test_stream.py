"""The change feed as a stream of events: what comes, by which ids it goes on, and what ends it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from cameras.api import watch
from cameras.change_feed import current_cursor
from telemetry.alerts.transitions import record_transitions
from tests.asgi_client import AsgiClient
from tests.event_stream import Stream
from tests.factories import make_camera, make_token

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asgi(transactional_db: None) -> Iterator[AsgiClient]:
    client = AsgiClient(watch.application, watch.close_watch)
    yield client
    client.close()


def as_(role: str, *bound_to: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_token(role, *bound_to)}"}


def test_it_begins_with_what_was_missed_then_a_bookmark_then_what_happens(asgi: AsgiClient) -> None:
    make_camera("Gate")

    events = Stream(asgi, "since=0", as_("viewer"))
    events.wait_until(lambda it: it.of_kind("bookmark"))
    make_camera("Yard")
    events.wait_until(lambda it: len(it.of_kind("change")) == 2)

    assert events.status == 200
    assert [event.kind for event in events.seen[:2]] == ["change", "bookmark"]
    assert [event.data["name"] for event in events.of_kind("change")] == ["Gate", "Yard"]
    assert 1_000 <= events.retry_milliseconds <= 5_000
    assert events.last_id.partition(".")[0] == str(current_cursor())
    assert events.headers["x-accel-buffering"] == "no"
    assert events.headers["cache-control"] == "no-store"
    events.hang_up()


def test_statuses_come_as_they_are_stored(asgi: AsgiClient) -> None:
    camera = make_camera("Gate")
    events = Stream(asgi, f"since={current_cursor()}&include=status", as_("viewer"))
    events.wait_until(lambda it: it.of_kind("bookmark"))
    assert events.of_kind("status") == []

    record_transitions(timezone.now())
    events.wait_until(lambda it: it.of_kind("status"))

    (event,) = events.of_kind("status")
    assert (event.data["id"], event.data["status"]) == (str(camera.pk), "stopped")
    events.hang_up()
