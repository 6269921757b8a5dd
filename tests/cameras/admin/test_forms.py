"""The forms of the admin: a save writes only what the person touched, faults stand at their fields, no secret shows."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from cameras import actions, credentials, site_actions
from cameras.geometry import canonical_zones
from cameras.intent import clean_camera, clean_site
from cameras.models import Camera, CameraVitals, Change, Site
from tests.admin_client import (
    CAMERAS,
    NEW_SECRET,
    NEW_URL,
    SITES,
    administrator,
    edit,
    form_of,
    new_camera,
    page_of,
    shown_messages,
    stored,
)
from tests.factories import AUTHOR, SECRET, make_camera, make_site

__all__ = ["administrator"]
pytestmark = pytest.mark.django_db


# --- Registering and editing ------------------------------------------------------------------------------


def test_a_camera_is_registered_from_the_form(administrator: Client) -> None:
    site = make_site()
    zone = json.dumps({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1]]]})

    response = administrator.post(
        f"{CAMERAS}add/",
        new_camera(site=str(site.pk), zone_config=zone, model_config='{"model": "v4"}', notes="a\r\nb"),
    )

    camera = Camera.objects.get()
    assert response.status_code == 302
    assert (camera.name, camera.site, camera.desired_state) == ("New", site, "stopped")
    assert credentials.unseal(camera.pk, camera.sealed_connection) == NEW_URL
    assert (camera.model_config, camera.notes) == ({"model": "v4"}, "a\nb")
    assert len(camera.zone_config["features"]) == 1
    assert Change.objects.values_list("kind", "by", "via").get() == ("created", "user:anna", "admin")


def test_saving_without_a_change_writes_nothing(administrator: Client) -> None:
    camera = make_camera(
        notes="two\nlines",
        location=" é ",
        model_config={"b": [1, 2.5], "a": "x\ny"},
        zone_config={"type": "Polygon", "coordinates": [[[0, 0], [0.25, 0], [1, 1]]]},
        site=make_site(),
    )

    response = edit(administrator, camera)

    assert response.status_code == 302
    assert Change.objects.count() == 1
    assert stored(camera).updated_at == camera.updated_at


def test_a_save_writes_the_touched_field_and_names_it_in_the_log(administrator: Client) -> None:
    camera = make_camera()

    edit(administrator, camera, name="Back gate")

    assert Change.objects.latest("revision").diff == {"name": {"before": "Gate", "after": "Back gate"}}
    assert stored(camera).generation == camera.generation


def test_what_others_changed_while_the_form_was_open_survives(administrator: Client) -> None:
    camera = make_camera(site=make_site(), notes="old", model_config={"model": "v1"})
    form = form_of(administrator.get(page_of(camera)), "camera_form")
    meanwhile = {
        "notes": "new",
        "site": None,
        "desired_state": "running",
        "model_config": {"model": "v2"},
        "connection_string": NEW_URL,
        "expected_interval_seconds": 30,
        "location": "roof",
    }
    actions.update_camera(
        camera_id=camera.pk,
        values=clean_camera(meanwhile, stored_redacted=""),
        by=AUTHOR,
        now=datetime.now(UTC),
    )

    response = administrator.post(page_of(camera), form | {"name": "Mine"})

    now = stored(camera)
    assert response.status_code == 302
    assert (now.name, now.notes, now.site, now.desired_state) == ("Mine", "new", None, "running")
    assert (now.model_config, now.expected_interval_seconds, now.location) == ({"model": "v2"}, 30, "roof")
    assert credentials.unseal(now.pk, now.sealed_connection) == NEW_URL
    assert Change.objects.latest("revision").diff.keys() == {"name"}


def test_a_telemetry_post_while_the_form_was_open_survives(administrator: Client) -> None:
    camera = make_camera()
    form = form_of(administrator.get(page_of(camera)), "camera_form")
    heard_at = datetime(2026, 3, 4, 13, tzinfo=UTC)
    CameraVitals.objects.filter(pk=camera.pk).update(
        last_contact=heard_at, last_sample_at=heard_at, accepted_count=7
    )

    administrator.post(page_of(camera), form | {"name": "Mine"})

    vitals = CameraVitals.objects.get(pk=camera.pk)
    assert (vitals.last_contact, vitals.accepted_count) == (heard_at, 7)
    assert stored(camera).name == "Mine"


def rename(camera: Camera, name: str) -> None:
    actions.update_camera(camera_id=camera.pk, values={"name": name}, by=AUTHOR, now=datetime.now(UTC))


def test_a_field_that_both_changed_is_refused_with_its_present_value_and_the_second_save_counts(
    administrator: Client,
) -> None:
    camera = make_camera()
    form = form_of(administrator.get(page_of(camera)), "camera_form") | {"name": "Mine", "notes": "mine too"}
    rename(camera, "Theirs")

    refused = administrator.post(page_of(camera), form)

    assert refused.status_code == 200
    by_whom = r"^factory changed this at \d\d:\d\d UTC, while the form was open; nothing was saved\."
    assert re.search(by_whom, refused.context["errors"][0][0])
    assert "Theirs" in refused.context["errors"][0][0]
    assert (stored(camera).name, stored(camera).notes) == ("Theirs", "")
    again = form_of(refused, "camera_form")
    assert (again["name"], again["notes"]) == ("Mine", "mine too")
    assert administrator.post(page_of(camera), again).status_code == 302
    assert (stored(camera).name, stored(camera).notes) == ("Mine", "mine too")


def test_a_conflict_over_something_long_shows_where_it_differs(administrator: Client) -> None:
    square = [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]]

    def zones(*capacities: int) -> dict[str, Any]:
        shapes = ({"type": "Polygon", "coordinates": [square]} for _ in capacities)
        features = [
            {"type": "Feature", "id": f"z{n}", "properties": {"capacity": capacities[n]}, "geometry": shape}
            for n, shape in enumerate(shapes)
        ]
        return canonical_zones({"type": "FeatureCollection", "features": features})

    camera = make_camera(zone_config=zones(5, 5, 5))
    form = form_of(administrator.get(page_of(camera)), "camera_form")
    theirs = clean_camera({"zone_config": zones(5, 5, 99), "notes": "x" * 700 + "theirs <b>"}, stored_redacted="")
    actions.update_camera(camera_id=camera.pk, values=theirs, by=AUTHOR, now=datetime.now(UTC))

    mine = {"zone_config": json.dumps(zones(77, 5, 5)), "notes": "x" * 700 + "mine"}
    page = administrator.post(page_of(camera), form | mine).content.decode()

    for line in (
        "-        &quot;capacity&quot;: 99",
        "+        &quot;capacity&quot;: 5",
        "-        &quot;capacity&quot;: 5",
        "+        &quot;capacity&quot;: 77",
        "-" + "x" * 700 + "theirs &lt;b&gt;",
        "+" + "x" * 700 + "mine",
    ):
        assert line in page, line
    assert stored(camera).zone_config == zones(5, 5, 99)


def test_a_refused_form_shows_what_others_changed_in_the_fields_that_the_person_left_alone(
    administrator: Client,
) -> None:
    camera = make_camera()
    form = form_of(administrator.get(page_of(camera)), "camera_form") | {"expected_interval_seconds": "0"}
    rename(camera, "Theirs")

    refused = administrator.post(page_of(camera), form)

    again = form_of(refused, "camera_form")
    assert again["name"] == "Theirs"
    administrator.post(page_of(camera), again | {"expected_interval_seconds": "20"})
    assert (stored(camera).name, stored(camera).expected_interval_seconds) == ("Theirs", 20)


def test_the_same_change_by_two_people_is_no_conflict(administrator: Client) -> None:
    camera = make_camera()
    form = form_of(administrator.get(page_of(camera)), "camera_form") | {"name": "Same"}
    rename(camera, "Same")

    assert administrator.post(page_of(camera), form).status_code == 302


def test_a_connection_string_that_both_changed_is_refused(administrator: Client) -> None:
    camera = make_camera()
    form = form_of(administrator.get(page_of(camera)), "camera_form")
    theirs = "rtsp://user:theirs@10.0.0.5:554/stream"
    actions.update_camera(
        camera_id=camera.pk,
        values=clean_camera({"connection_string": theirs}, stored_redacted=""),
        by=AUTHOR,
        now=datetime.now(UTC),
    )

    refused = administrator.post(page_of(camera), form | {"connection_string": NEW_URL})

    page = refused.content.decode()
    assert "factory changed this at " in page
    assert "theirs" not in page
    assert NEW_SECRET not in page
    assert credentials.unseal(camera.pk, stored(camera).sealed_connection) == theirs


def test_a_camera_that_changes_between_reading_and_locking_is_read_anew(
    administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = make_camera()
    form = form_of(administrator.get(page_of(camera)), "camera_form") | {"name": "Mine"}
    update, seen = actions.update_camera, []

    def interrupted(**given: Any) -> Camera:
        seen.append(given["if_revision_in"])
        if len(seen) == 1:
            raise actions.StaleRevision(99)
        return update(**given)

    monkeypatch.setattr(actions, "update_camera", interrupted)

    assert administrator.post(page_of(camera), form).status_code == 302
    assert (len(seen), stored(camera).name) == (2, "Mine")


def test_a_camera_that_changes_at_each_reading_is_left_as_it_is(
    administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = make_camera()
    form = form_of(administrator.get(page_of(camera)), "camera_form") | {"name": "Mine"}

    def interrupted(**given: Any) -> Camera:
        raise actions.StaleRevision(99)

    monkeypatch.setattr(actions, "update_camera", interrupted)

    response = administrator.post(page_of(camera), form)

    assert response["Location"] == page_of(camera)
    assert "This is being changed by others" in shown_messages(response)
    assert stored(camera).name == camera.name


def test_what_only_the_action_finds_stands_at_its_field(
    administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera, site = make_camera(), make_site("North")
    form = form_of(administrator.get(page_of(camera)), "camera_form") | {"site": str(site.pk), "name": "Mine"}
    update = actions.update_camera

    def too_late(**given: Any) -> Camera:
        site.delete()
        return update(**given)

    monkeypatch.setattr(actions, "update_camera", too_late)

    response = administrator.post(page_of(camera), form)

    assert response.context["adminform"].form.errors.keys() == {"site"}
    assert "There is no site with this id." in response.content.decode()
    assert (stored(camera).name, stored(camera).site_id) == (camera.name, None)


def test_a_form_of_a_site_overwrites_nothing_that_the_person_left_alone(administrator: Client) -> None:
    site = make_site(timezone="Europe/Berlin", latitude=1.5)
    page = f"{SITES}{site.pk}/change/"
    form = form_of(administrator.get(page), "site_form")
    meanwhile = clean_site({"latitude": 7.25, "location": "moved"}, new=False)
    site_actions.update_site(site=site, values=meanwhile, by=AUTHOR, now=datetime.now(UTC))

    administrator.post(page, form | {"name": "South"})

    site = Site.objects.get()
    assert (site.name, site.timezone, site.latitude, site.location) == ("South", "Europe/Berlin", 7.25, "moved")


def test_a_twin_in_the_same_site_is_warned_of(administrator: Client) -> None:
    make_camera("New")

    response = administrator.post(f"{CAMERAS}add/", new_camera())

    assert "Another camera without a site is called “<bdi>New</bdi>” too." in shown_messages(response)
    assert Camera.objects.count() == 2


# --- Faults at their fields -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "typed", "fault"),
    [
        ("name", "a\u202eb", "cannot be shown"),
        ("name", " ", "This field is required."),
        ("connection_string", "http://10.0.0.1/", "rtsp"),
        ("connection_string", "", "This field is required."),
        ("expected_interval_seconds", "0", "from 1 to 86,400"),
        ("expected_interval_seconds", "ten", "whole number"),
        ("expected_interval_seconds", "9" * 5000, "whole number"),
        ("model_config", "[1]", "Must be a JSON object."),
        ("model_config", '{"a": 1,}', "line 1, column 9"),
        ("model_config", '{"a": {"b": 1, "b": 2}}', "a.b: The key stands here twice."),
        ("model_config", '{"a": NaN}', "NaN"),
        ("model_config", "[" * 5000, "nested deeper"),
        ("zone_config", '{"type": "Polygon", "coordinates": [[[0,0],[1,1]]]}', ""),
        ("zone_config", '"x"', ""),
        ("desired_state", "paused", "paused"),
        ("site", "00000000-0000-0000-0000-000000000000", "valid choice"),
        ("site", "nonsense", "not a valid UUID"),
    ],
)
def test_a_fault_stands_at_its_field_and_nothing_is_stored(
    administrator: Client, field: str, typed: str, fault: str
) -> None:
    response = administrator.post(f"{CAMERAS}add/", new_camera(**{field: typed}))

    errors = response.context["adminform"].form.errors
    assert response.status_code == 200
    assert fault in str(errors[field])
    assert set(errors) <= {field, "connection_string"}
    assert not Camera.objects.exists()


def test_a_fault_of_a_site_stands_at_its_field(administrator: Client) -> None:
    make_site("North")

    south = make_site("South")
    taken = administrator.post(f"{SITES}add/", {"name": "North", "timezone": "UTC"})
    renamed = administrator.post(f"{SITES}{south.pk}/change/", {"name": "North", "timezone": "UTC"})
    wrong = administrator.post(
        f"{SITES}add/", {"name": "x", "timezone": "Mars/Base", "latitude": "91", "longitude": "x"}
    )

    assert "Another site has this name." in str(taken.context["adminform"].form.errors["name"])
    assert "Another site has this name." in str(renamed.context["adminform"].form.errors["name"])
    assert renamed.context["subtitle"] == "South"
    assert wrong.context["adminform"].form.errors.keys() == {"timezone", "latitude", "longitude"}
    assert sorted(Site.objects.values_list("name", flat=True)) == ["North", "South"]


# --- Credentials ------------------------------------------------------------------------------------------


def test_no_page_shows_a_credential(administrator: Client) -> None:
    camera = make_camera()
    actions.update_camera(
        camera_id=camera.pk,
        values=clean_camera({"connection_string": NEW_URL}, stored_redacted=""),
        by=AUTHOR,
        now=datetime.now(UTC),
    )
    revision = Change.objects.latest("revision").pk
    sealed = stored(camera).sealed_connection

    for page in (
        "/admin/",
        CAMERAS,
        page_of(camera),
        f"{CAMERAS}{camera.pk}/delete/",
        "/admin/cameras/change/",
        f"/admin/cameras/change/{revision}/change/",
    ):
        text = administrator.get(page).content.decode()
        assert SECRET not in text
        assert NEW_SECRET not in text
        assert sealed not in text
    assert "rtsp://user:***@10.0.0.6/other" in administrator.get(page_of(camera)).content.decode()


def test_a_typed_connection_string_is_not_sent_back_and_has_to_be_typed_again(administrator: Client) -> None:
    added = administrator.post(f"{CAMERAS}add/", new_camera(name=""))
    camera = make_camera()
    changed = edit(administrator, camera, connection_string=NEW_URL, expected_interval_seconds="0")

    for response in (added, changed):
        page = response.content.decode()
        assert response.status_code == 200
        assert NEW_SECRET not in page
        assert "type it once more" in page


def test_an_empty_connection_string_keeps_the_stored_one(administrator: Client) -> None:
    camera = make_camera()

    edit(administrator, camera, connection_string="  ", name="Other")

    assert stored(camera).sealed_connection == camera.sealed_connection


def test_the_history_of_the_admin_holds_names_of_fields_and_no_value(administrator: Client) -> None:
    camera = make_camera()

    edit(administrator, camera, connection_string=NEW_URL, notes="the-noted-value")

    entry = LogEntry.objects.get()
    assert json.loads(entry.change_message) == [{"changed": {"fields": ["Connection string", "Notes"]}}]
    address = {"before": "10.0.0.5:554", "after": "10.0.0.6:554"}
    assert Change.objects.latest("revision").diff["connection_string"] == {"changed": True, "address": address}
