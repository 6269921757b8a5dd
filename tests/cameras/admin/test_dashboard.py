"""The first page."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from cameras.models import Camera, CameraVitals, FleetVitals, Site
from controlplane.access import tokens
from tests.admin_client import CAMERAS, administrator, operator, viewer
from tests.factories import AUTHOR, make_camera, make_site

__all__ = ["administrator", "operator", "viewer"]
pytestmark = pytest.mark.django_db
FLEET = f"{CAMERAS}fleet/"
NEW_URL = "rtsp://user:Typed-0nce@10.0.0.6/other"


def test_what_needs_attention_comes_first_the_longest_first_with_its_reason(viewer: Client) -> None:
    now = datetime.now(UTC)

    def camera(name: str, heard_ago: timedelta | None, **values: Any) -> None:
        row = make_camera(name, now=now - timedelta(days=3), **values)
        if heard_ago is not None:
            CameraVitals.objects.filter(pk=row.pk).update(
                last_contact=now - heard_ago, last_sample_at=now - heard_ago
            )

    camera("b silent for an hour", timedelta(hours=1), desired_state="running")
    camera("a silent for a minute and more", timedelta(seconds=70), desired_state="running")
    camera("c never heard", None, desired_state="running")
    camera("d late", timedelta(seconds=40), desired_state="running")
    camera("e healthy", timedelta(), desired_state="running")
    camera("f orphaned", timedelta(seconds=5))
    camera("g stopped", None)

    context = viewer.get("/admin/").context

    assert [(line["name"][0], line["label"]) for line in context["attention"]] == [
        ("c", "Offline"),
        ("b", "Offline"),
        ("a", "Offline"),
        ("f", "Orphaned"),
        ("d", "Stale"),
    ]
    assert context["attention"][0]["reason"] == "Nothing was heard since the camera was started."
    assert (context["attention_count"], context["cameras_count"]) == (5, 7)


def test_in_a_mass_silence_banner_tiles_and_list_agree_and_name_sites_not_cameras(viewer: Client) -> None:
    now = datetime.now(UTC)
    fell_at = now - timedelta(minutes=3)
    north, south = make_site("North"), make_site("South")

    def camera(name: str, heard_at: datetime | None, site: Site | None, desired_state: str = "running") -> None:
        row = make_camera(name, site=site, now=now - timedelta(days=3), desired_state=desired_state)
        CameraVitals.objects.filter(pk=row.pk).update(last_contact=heard_at, last_sample_at=heard_at)

    for n in range(3):
        camera(f"North {n}", fell_at - timedelta(seconds=n), north)
    camera("South", fell_at, south)
    camera("Alone", fell_at, None)
    camera("First to go", fell_at - timedelta(seconds=70), south)  # offline before anybody noticed
    camera("Long gone", fell_at - timedelta(hours=5), north)
    camera("Healthy", now, north)
    camera("Orphaned", now, north, desired_state="stopped")
    FleetVitals.objects.update_or_create(
        defaults={"mass_silence_began_at": fell_at, "ticked_at": now, "mass_silence_ended_at": None}
    )

    context = viewer.get("/admin/").context

    notice = context["notices"][0].text
    assert notice.startswith(f"6 of the 8 cameras that should run fell silent at once, at {fell_at:%H:%M} UTC.")
    assert notice.endswith("1 of them had been called offline before it was noticed.")
    silent = [(site.name, site.silent, site.running) for site in context["silence"].sites]
    assert silent == [("North", 3, 5), ("South", 2, 2), ("Without a site", 1, 1)]
    assert [line["name"] for line in context["attention"]] == ["Long gone", "Orphaned"]
    assert (context["attention_count"], context["attention_is_cut"]) == (8, False)
    counts = {tile["status"]: tile["count"] for tile in context["statuses"] if tile["count"]}
    assert counts == {"healthy": 1, "stale": 5, "offline": 2, "orphaned": 1}


def test_sites_show_their_statuses_and_the_occupancy_that_is_known(viewer: Client) -> None:
    now = datetime.now(UTC)
    north = make_site("North")
    for n, heard_at in enumerate([now, now - timedelta(days=1)]):
        row = make_camera(f"Gate {n}", site=north, desired_state="running", now=now - timedelta(days=2))
        CameraVitals.objects.filter(pk=row.pk).update(
            last_contact=heard_at,
            last_sample_at=heard_at,
            latest_timestamp=heard_at,
            latest_occupancy=7,
            accepted_count=3,
        )
    make_camera("Alone")

    context = viewer.get("/admin/").context

    first, second = context["sites"]
    assert (first["name"], first["cameras"], first["trouble"], first["occupancy"]) == ("North", 2, 1, 7)
    assert [part["label"] for part in first["bar"]] == ["1 Healthy", "1 Offline"]
    assert (second["name"], second["known"]) == ("Without a site", 0)
    assert (context["occupancy"], context["known"], context["accepted"]) == (7, 1, 6)
    assert context["first_steps"] == []
    listed = viewer.get(second["url"]).context["cl"].result_list
    assert [camera.name for camera in listed] == ["Alone"]


def test_an_empty_fleet_shows_what_to_do_first(administrator: Client, viewer: Client) -> None:
    text = administrator.get("/admin/").content.decode()

    for name in ("cameras_site_add", "cameras_camera_add", "access_apitoken_add"):
        assert reverse(f"admin:{name}") in text
    make_site()
    steps = administrator.get("/admin/").context["first_steps"]
    assert [step["done"] for step in steps] == [True, False, False, False]
    tokens.create_token(name="gate", role="worker", by=AUTHOR, now=datetime.now(UTC))
    assert [step["done"] for step in administrator.get("/admin/").context["first_steps"]][2]
    assert reverse("admin:cameras_camera_add") not in viewer.get("/admin/").content.decode()


def test_the_fragment_is_sent_again_only_where_it_differs(viewer: Client) -> None:
    make_camera(desired_state="stopped", now=datetime.now(UTC) - timedelta(days=40))
    etag = viewer.get(FLEET)["ETag"]

    def again() -> Any:
        return viewer.get(FLEET, headers={"If-None-Match": etag})

    same, changed = again(), None
    Camera.objects.update(desired_state="running")
    changed = again()

    assert (same.status_code, same.content) == (304, b"")
    assert changed.status_code == 200
    assert changed["ETag"] != etag
    assert Client().get(FLEET).status_code == 302
