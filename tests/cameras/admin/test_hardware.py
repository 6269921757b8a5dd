"""Clones, replacements of hardware, and reveals of a connection."""

import pytest
from django.test import Client

from cameras import credentials
from cameras.models import Camera, Change
from controlplane.access.models import AuditEntry
from tests.admin_client import CAMERAS, administrator, form_of, new_camera, operator, page_of, viewer
from tests.factories import SECRET, URL, make_camera, make_site

__all__ = ["administrator", "operator", "viewer"]
pytestmark = pytest.mark.django_db
FLEET = f"{CAMERAS}fleet/"
NEW_URL = "rtsp://user:Typed-0nce@10.0.0.6/other"


def test_a_clone_takes_over_everything_but_the_id_the_name_and_the_state(administrator: Client) -> None:
    zone = {"type": "Polygon", "coordinates": [[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]]}
    source = make_camera(site=make_site(), notes="n", zone_config=zone, desired_state="running", location="roof")
    page = f"{CAMERAS}add/?clone_of={source.pk}"

    shown = administrator.get(page)
    form = form_of(shown, "camera_form")
    response = administrator.post(page, form)

    clone = Camera.objects.exclude(pk=source.pk).get()
    assert response.status_code == 302
    assert SECRET not in shown.content.decode()
    assert credentials.unseal(clone.pk, clone.sealed_connection) == URL
    assert (clone.name, clone.desired_state) == ("Gate (copy)", "stopped")
    for name in ("site_id", "notes", "location", "zone_config", "model_config", "address"):
        assert getattr(clone, name) == getattr(source, name), name


def test_a_clone_may_be_reached_otherwise(administrator: Client) -> None:
    source = make_camera()
    form = form_of(administrator.get(f"{CAMERAS}add/?clone_of={source.pk}"), "camera_form")

    administrator.post(f"{CAMERAS}add/", form | {"connection_string": NEW_URL, "name": "Other"})

    clone = Camera.objects.get(name="Other")
    assert credentials.unseal(clone.pk, clone.sealed_connection) == NEW_URL


@pytest.mark.parametrize("source", ["", "nonsense", "00000000-0000-0000-0000-000000000000"])
def test_a_clone_of_nothing_is_a_new_camera_that_needs_a_connection_string(
    administrator: Client, source: str
) -> None:
    sent = new_camera(clone_of=source, connection_string="")

    assert administrator.get(f"{CAMERAS}add/?clone_of={source}").status_code == 200
    assert "connection_string" in administrator.post(f"{CAMERAS}add/", sent).context["adminform"].form.errors


def test_other_hardware_keeps_the_camera_and_says_why_in_the_log(administrator: Client) -> None:
    camera = make_camera()
    page = f"{CAMERAS}{camera.pk}/replace/"

    refused = administrator.post(page, {"connection_string": "http://10.0.0.1/Typed-0nce", "reason": "Hail"})
    told_wrong = administrator.post(page, {"connection_string": NEW_URL, "reason": "a\u202eb"})
    done = administrator.post(page, {"connection_string": NEW_URL, "reason": "Hail"})

    for response in (refused, told_wrong):
        assert response.status_code == 200
        assert "Typed-0nce" not in response.content.decode()
    assert done.status_code == 302
    now = Camera.objects.get()
    assert credentials.unseal(now.pk, now.sealed_connection) == NEW_URL
    assert (now.pk, now.generation) == (camera.pk, 2)
    change = Change.objects.latest("revision")
    address = {"before": "10.0.0.5:554", "after": "10.0.0.6:554"}
    assert (change.note, change.diff) == (
        "Hardware replaced: Hail",
        {"connection_string": {"changed": True, "address": address}},
    )

    again = administrator.post(page, {"connection_string": NEW_URL, "reason": "Frost"})
    assert "It has this one already; nothing was changed." in again.content.decode()
    assert again.context["form"]["reason"].value() == "Frost"
    assert Change.objects.latest("revision") == change


def test_a_connection_string_is_revealed_by_a_post_to_who_may_and_audited(
    administrator: Client, operator: Client
) -> None:
    camera = make_camera()
    url = f"{CAMERAS}{camera.pk}/reveal/"

    shown = administrator.post(url)

    assert shown.json() == {"connection_string": URL}
    assert "no-store" in shown["Cache-Control"]
    entry = AuditEntry.objects.get(action="credentials.revealed")
    assert (entry.by, entry.via, entry.object_id) == ("user:anna", "admin", str(camera.pk))
    assert administrator.get(url).status_code == 405
    assert operator.post(url).status_code == 403
    assert "/reveal/" not in operator.get(page_of(camera)).content.decode()
    assert AuditEntry.objects.filter(action="credentials.revealed").count() == 1


def test_a_reveal_that_no_key_opens_says_what_to_do(administrator: Client) -> None:
    camera = make_camera()
    Camera.objects.update(sealed_connection="nonsense")

    answer = administrator.post(f"{CAMERAS}{camera.pk}/reveal/")

    assert answer.status_code == 409
    assert "FIELD_ENCRYPTION_KEYS" in answer.json()["detail"]
    assert not AuditEntry.objects.filter(action="credentials.revealed").exists()
