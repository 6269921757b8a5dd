"""The time zone that a person chooses: on every page of the admin, and never in the API."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from cameras import actions
from cameras.models import Camera
from controlplane.access.models import ApiToken, AuditEntry, Preferences
from telemetry.alerts import outbox
from telemetry.alerts.models import Alert, Kind
from tests.admin_client import administrator, form_of, viewer
from tests.factories import AUTHOR, make_camera, make_site, make_token
from tests.telemetry.alerts.conftest import subscribe

__all__ = ["administrator", "viewer"]
pytestmark = pytest.mark.django_db

PREFERENCES = "/admin/preferences/"
HAPPENED = datetime(2026, 7, 1, 21, 30, tzinfo=UTC)
UTC_TEXT, BERLIN, TOKYO, DENVER = (
    "2026-07-01 21:30:00 UTC", "2026-07-01 23:30:00 CEST", "2026-07-02 06:30:00 JST", "2026-07-01 15:30:00 MDT",
)  # fmt: skip


def choose(client: Client, time_zone: str) -> Any:
    return client.post(PREFERENCES, {"time_zone": time_zone})


@pytest.fixture
def camera(administrator: Client) -> Camera:
    """What happened at one moment, in every log: a camera in Berlin, a token, a person, a delivery."""
    camera = make_camera(site=make_site("Berlin", timezone="Europe/Berlin"), now=HAPPENED)
    actions.update_camera(camera_id=camera.pk, values={"notes": "seen"}, by=AUTHOR, now=HAPPENED)
    make_token("worker", expires_at=HAPPENED)
    ApiToken.objects.update(last_used_at=HAPPENED)
    AuditEntry.objects.update(at=HAPPENED)
    User.objects.update(last_login=HAPPENED)
    subscribe()
    outbox.notify([Alert(kind=Kind.OFFLINE, at=HAPPENED, created_at=HAPPENED, text="Gate")], HAPPENED)
    return camera


PAGES = ("cameras/change/", "access/auditentry/", "alerts/delivery/", "access/apitoken/", "auth/user/")


@pytest.mark.parametrize(
    ("chosen", "browser", "of_no_site", "of_the_site"),
    [
        (None, "Asia/Tokyo", UTC_TEXT, BERLIN),
        ("site", "Asia/Tokyo", UTC_TEXT, BERLIN),
        ("UTC", "Asia/Tokyo", UTC_TEXT, UTC_TEXT),
        ("America/Denver", "Asia/Tokyo", DENVER, DENVER),
        ("browser", "Asia/Tokyo", TOKYO, TOKYO),
        ("browser", "../../etc/passwd", UTC_TEXT, BERLIN),
        ("browser", "", UTC_TEXT, BERLIN),
    ],
)
def test_all_pages_write_times_in_the_zone_that_the_person_has_chosen(
    administrator: Client, camera: Camera, chosen: str | None, browser: str, of_no_site: str, of_the_site: str
) -> None:
    if chosen:
        assert choose(administrator, chosen).status_code == 302
    administrator.cookies["time_zone"] = browser

    shown = {page: administrator.get(f"/admin/{page}").content.decode() for page in PAGES}
    of_camera = [
        administrator.get(f"/admin/cameras/camera/{camera.pk}/{page}/").content.decode()
        for page in ("change", "history")
    ]

    assert [page for page, text in shown.items() if of_no_site not in text] == []
    assert [of_the_site in text for text in of_camera] == [True, True]
    unlike = r"\b(a\.m\.|p\.m\.|noon|midnight)|(Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)\. \d"
    assert [page for page, text in shown.items() if re.search(unlike, text)] == []


def test_the_api_speaks_utc_to_a_person_too(administrator: Client, camera: Camera) -> None:
    choose(administrator, "America/Denver")

    assert administrator.get(f"/cameras/{camera.pk}").json()["created_at"] == "2026-07-01T21:30:00.000000Z"


def test_a_viewer_chooses_for_themselves_alone_and_it_is_audited_once(viewer: Client) -> None:
    other = User.objects.create_user("other", is_staff=True)

    for _again in range(2):
        choose(viewer, "Europe/Oslo")

    assert list(Preferences.objects.values_list("user__username", "time_zone")) == [("vera", "Europe/Oslo")]
    entries = AuditEntry.objects.filter(action="user.updated").values_list("by", "object_name", "fields")
    assert list(entries) == [("user:vera", "vera", ["time_zone"])]
    assert form_of(viewer.get(PREFERENCES), "preferences_form")["time_zone"] == "Europe/Oslo"
    assert not hasattr(User.objects.get(pk=other.pk), "preferences")


@pytest.mark.parametrize("text", ["", "Mars/Olympus", "localtime", "../etc"])
def test_what_is_no_zone_is_refused(viewer: Client, text: str) -> None:
    page = choose(viewer, text)

    assert page.status_code == 200
    assert "time_zone" in page.context["form"].errors
    assert not Preferences.objects.exists()


def test_who_is_not_signed_in_has_no_preferences(client: Client) -> None:
    assert client.get(PREFERENCES)["Location"] == f"/admin/login/?next={PREFERENCES}"


def test_a_date_is_typed_in_the_zone_that_the_field_names(administrator: Client) -> None:
    choose(administrator, "America/Denver")
    page = administrator.get("/admin/access/apitoken/add/")
    administrator.post(
        "/admin/access/apitoken/add/", {"name": "w", "role": "worker", "expires_at": "2099-07-01T15:30"}
    )

    assert "In America/Denver." in page.content.decode()
    assert ApiToken.objects.get().expires_at == datetime(2099, 7, 1, 21, 30, tzinfo=UTC)
