"""The history of a camera in the admin, and the page that asks what to revert."""

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from cameras.models import Camera, Change
from tests.admin_client import shown_messages, sign_in
from tests.cameras.test_reverts import OTHER_URL, change, stored
from tests.factories import SECRET, make_camera, make_site

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator(db: None) -> Client:
    return sign_in("administrator", name="anna")


def page_of(camera: Camera, revision: int) -> str:
    return reverse("admin:cameras_camera_revert", args=[camera.pk, revision])


def test_the_history_names_who_when_and_which_way_and_no_secret(administrator: Client) -> None:
    camera = make_camera(site=make_site(timezone="Asia/Kathmandu"))
    change(camera, notes="seen", connection_string=OTHER_URL, site=None)

    text = administrator.get(f"/admin/cameras/camera/{camera.pk}/history/").content.decode()

    assert '<bdi class="cp-who">user:factory</bdi>' in text
    assert "<b>test</b>" in text
    assert "2026-03-04 12:00:00 UTC" in text  # it has left the site, and its time zone
    assert "<bdi>North</bdi>" in text
    assert "secrets are not kept here" in text
    assert SECRET not in text
    assert "0ther-secret" not in text


def test_times_are_those_of_the_site(administrator: Client) -> None:
    camera = make_camera(site=make_site(timezone="Asia/Kathmandu"))

    for page in ("history", "change"):
        text = administrator.get(f"/admin/cameras/camera/{camera.pk}/{page}/").content.decode()
        assert "2026-03-04 17:45:00 +0545" in text
        assert "Times are in Asia/Kathmandu." in text


def test_a_long_history_comes_in_pages(administrator: Client, django_assert_num_queries: Any) -> None:
    camera = make_camera()
    for number in range(30):
        change(camera, notes=str(number))
    url = f"/admin/cameras/camera/{camera.pk}/history/"
    administrator.get(url)

    with django_assert_num_queries(6):
        first = administrator.get(url)
    rest = administrator.get(f"{url}?before={first.context['older']}")

    assert [len(page.context["entries"]) for page in (first, rest)] == [25, 6]
    assert rest.context["older"] is None
    assert administrator.get(f"{url}?before={'9' * 40}").status_code == 200


def test_a_person_reverts_and_the_page_says_what_stays(administrator: Client) -> None:
    camera = make_camera(notes="a", location="x")
    undone = change(camera, notes="b", location="y", connection_string=OTHER_URL)
    change(camera, location="z")
    page = page_of(camera, undone.revision)

    asked = administrator.get(page)
    text = asked.content.decode()
    done = administrator.post(page, {"field": ["notes"], "seen_revision": stored(camera).revision})

    assert "This was changed again since" in text
    assert "secrets are not kept in the history" in text
    assert text.count("checked") == 1
    assert done.status_code == 302
    assert (stored(camera).notes, stored(camera).location) == ("a", "z")
    assert Change.objects.latest("revision").by == "user:anna"


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ({}, "Choose at least one field"),
        ({"field": ["nonsense"]}, "Choose at least one field"),
        (
            {"field": ["notes"], "seen_revision": "1"},
            "factory changed the camera at 2026-03-04 12:00 UTC; nothing was reverted",
        ),
        (
            {"field": ["notes"], "seen_revision": "x"},
            "factory changed the camera at 2026-03-04 12:00 UTC; nothing was reverted",
        ),
        ({"field": ["connection_string"], "seen_revision": "2"}, "Choose at least one field"),
    ],
)
def test_a_revert_that_is_not_meant_so_changes_nothing(
    administrator: Client, sent: dict[str, Any], answer: str
) -> None:
    camera = make_camera(notes="a")
    undone = change(camera, notes="b")

    response = administrator.post(page_of(camera, undone.revision), sent)

    assert answer in shown_messages(response)
    assert stored(camera).notes == "b"


def test_a_change_of_another_camera_is_not_found(administrator: Client) -> None:
    camera, other = make_camera(), make_camera("Other")
    theirs = change(other, notes="b")

    for revision in (theirs.revision, Change.objects.earliest("revision").revision, 10**30, 999):
        assert administrator.get(page_of(camera, revision)).status_code == 404
    nobody = UUID(int=0)
    assert administrator.get(f"/admin/cameras/camera/{nobody}/history/").status_code == 404


@pytest.mark.parametrize("group", ["viewer", "operator"])
def test_whoever_may_not_change_cameras_reads_their_history_and_reverts_nothing(group: str) -> None:
    client = sign_in(group)
    camera = make_camera(notes="a")
    undone = change(camera, notes="b")

    text = client.get(f"/admin/cameras/camera/{camera.pk}/history/").content.decode()

    assert "user:factory" in text
    assert "/revert/" not in text
    assert client.get(page_of(camera, undone.revision)).status_code == 403
    sent = {"field": ["notes"], "seen_revision": undone.revision}
    assert client.post(page_of(camera, undone.revision), sent).status_code == 403
    assert stored(camera).notes == "b"
