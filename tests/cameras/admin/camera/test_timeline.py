"""What stands under the chart of a camera: its status over time, and where its configuration was changed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from cameras import actions
from cameras.intent import clean_camera
from cameras.models import Camera, KnownStatus
from telemetry.alerts.models import Transition
from tests.admin_client import CAMERAS, administrator, page_of, sign_in, viewer
from tests.factories import AUTHOR, make_camera, make_site
from tests.telemetry.history.samples import report

__all__ = ["administrator", "viewer"]
pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC).replace(microsecond=0)
MADE = -600  # minutes from now, as all times here
WENT_OFFLINE = [(-500, "pending", "healthy"), (-300, "healthy", "offline"), (-200, "offline", "healthy")]


def moment(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def a_camera(transitions: list[tuple[float, str, str]]) -> Camera:
    camera = make_camera("Gate", site=make_site(), now=moment(MADE), desired_state="running")
    for minutes, before, after in transitions:
        Transition.objects.create(
            camera_id=camera.pk,
            camera_name=camera.name,
            at=moment(minutes),
            from_status=before,
            to_status=after,
            reason="reporting" if after == "healthy" else "silent",
            detected_at=NOW,
        )
    return camera


def timeline(client: Client, camera: Camera, start: float, end: float) -> Any:
    asked = {"from": moment(start).isoformat(), "to": moment(end).isoformat()}
    return client.get(f"{CAMERAS}{camera.pk}/timeline/", asked)


@pytest.mark.parametrize(
    ("transitions", "start", "end", "expected"),
    [
        (WENT_OFFLINE, -100, -50, [(-200, None, "healthy")]),
        (WENT_OFFLINE, -250, -210, [(-300, -200, "offline")]),
        (WENT_OFFLINE, -300, -200, [(-500, -300, "healthy"), (-300, -200, "offline")]),
        (WENT_OFFLINE, -400, 0, [(-500, -300, "healthy"), (-300, -200, "offline"), (-200, None, "healthy")]),
        (WENT_OFFLINE, -550, -400, [(-550, -500, "pending"), (-500, -300, "healthy")]),
        (WENT_OFFLINE, -580, -550, [(-580, -500, "pending")]),
        (WENT_OFFLINE, -900, -550, [(MADE, -500, "pending")]),
        (WENT_OFFLINE, -900, -700, []),
        ([], -400, 0, []),
    ],
)
def test_the_status_of_a_range_has_the_ends_that_it_really_had(
    viewer: Client, transitions: Any, start: float, end: float, expected: Any
) -> None:
    spans = timeline(viewer, a_camera(transitions), start, end).json()["statuses"]

    assert [(span["start"], span["end"], span["status"]) for span in spans] == [
        (_written(began), _written(ended), status) for began, ended, status in expected
    ]


def _written(minutes: float | None) -> str | None:
    return None if minutes is None else moment(minutes).isoformat().replace("+00:00", "Z")


def test_a_camera_whose_status_never_changed_has_the_one_that_is_known(viewer: Client) -> None:
    camera = a_camera([])
    KnownStatus.objects.create(camera=camera, status="stopped", since_at=moment(-90))

    [span] = timeline(viewer, camera, -100, 0).json()["statuses"]

    assert (span["start"], span["end"], span["label"]) == (_written(-90), None, "Stopped")


def test_changes_of_the_intent_are_marked_but_not_starts_and_stops(viewer: Client) -> None:
    camera = a_camera([])
    for minutes, values in [(-90, {"notes": "new"}), (-60, {"desired_state": "stopped"}), (-30, {"notes": "<b>"})]:
        cleaned = clean_camera(values, stored_redacted="")
        actions.update_camera(camera_id=camera.pk, values=cleaned, by=AUTHOR, now=moment(minutes))

    changes = timeline(viewer, camera, -100, 0).json()["changes"]

    assert [(change["at"], change["what"]) for change in changes] == [
        (_written(-90), "notes:  → new"),
        (_written(-30), "notes: new → <b>"),
    ]
    assert "/history/?before=" in changes[0]["url"]
    assert 'id="change-' in viewer.get(changes[0]["url"]).content.decode()


@pytest.mark.parametrize("count", [1, 40])
def test_it_takes_the_same_few_queries_for_one_change_and_for_many(
    viewer: Client, django_assert_num_queries: Any, count: int
) -> None:
    camera = a_camera(
        [(-n, "healthy" if n % 2 else "offline", "offline" if n % 2 else "healthy") for n in range(count)]
    )
    timeline(viewer, camera, -100, 0)

    # The session, the person, their permissions (2), the camera, the interruptions, transitions (3), changes.
    with django_assert_num_queries(9):
        assert timeline(viewer, camera, -100, 0).status_code == 200


def test_who_may_not_see_samples_or_asks_for_no_range_is_refused(viewer: Client) -> None:
    camera = a_camera([])

    assert sign_in(name="nobody").get(f"{CAMERAS}{camera.pk}/timeline/").status_code == 403
    assert Client().get(f"{CAMERAS}{camera.pk}/timeline/").status_code == 302
    assert viewer.get(f"{CAMERAS}{camera.pk}/timeline/", {"from": "yesterday"}).status_code == 400


def test_the_page_shows_the_occupancy_of_each_zone_as_far_as_it_is_known(viewer: Client) -> None:
    ring = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.1]]
    features = [
        {
            "type": "Feature",
            "id": zone,
            "properties": {"name": zone.title(), "kind": kind, "capacity": 3}
            if kind == "area"
            else {"name": zone, "kind": kind},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        for zone, kind in [("queue", "area"), ("hall", "area"), ("street", "exclusion")]
    ]
    camera = make_camera(
        site=make_site(), zone_config={"type": "FeatureCollection", "features": features}, desired_state="running"
    )
    now = datetime.now(UTC)
    report(
        camera.pk,
        [("", now, 7), ("queue", now - timedelta(seconds=70), 5), ("queue", now - timedelta(seconds=90), 1)],
        now,
    )

    page = viewer.get(page_of(camera))

    zones = [(zone["name"], zone["occupancy"], zone["is_over"], zone["ago"]) for zone in page.context["zones_now"]]
    assert zones == [
        ("Whole frame", 7, False, ""),
        ("Queue", 5, True, "1\xa0minute ago"),
        ("Hall", None, False, ""),
    ]
    assert "duplicate" not in page.content.decode().split("cp-ingest")[0].lower()
