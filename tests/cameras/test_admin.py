"""The admin of the fleet: what each role sees and does, and that a save writes only what the person touched."""

import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.messages import get_messages
from django.test import Client

from cameras import actions, credentials
from cameras.geometry import canonical_zones
from cameras.intent import clean_camera, clean_site
from cameras.models import Camera, CameraVitals, Change, Site
from controlplane.access import tokens
from controlplane.access.models import ApiToken, AuditEntry
from tests.factories import AUTHOR, SECRET, make_camera, make_site

CAMERAS = "/admin/cameras/camera/"
SITES = "/admin/cameras/site/"
TOKENS = "/admin/access/apitoken/"
NEW_SECRET = "Typed-0nce-only"
NEW_URL = f"rtsp://user:{NEW_SECRET}@10.0.0.6/other"
HOSTILE = [
    "<script>alert(1)</script>",
    "{{7*7}}",
    '"><img src=x onerror=alert(1)>',
    "=HYPERLINK(1)",
    "' onload='x",
]

pytestmark = pytest.mark.django_db


class FormReader(HTMLParser):
    """Reads a page's edit form as a browser would send it."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id, self.data = form_id, {}
        self.inside = False
        self.select = self.textarea = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.inside = given.get("id") == self.form_id
        if not self.inside:
            return
        name = given.get("name", "")
        if tag == "input" and name and given.get("type") not in ("submit", "checkbox", "radio"):
            self.data[name] = given.get("value", "")
        elif tag == "input" and name and "checked" in given:
            self.data.setdefault(name, []).append(given.get("value", "on"))
        elif tag == "select":
            self.select = name
            if "multiple" not in given:
                self.data.setdefault(name, "")
        elif tag == "option" and "selected" in given and self.select:
            self.data[self.select] = given.get("value", "")
        elif tag == "textarea":
            self.textarea, self.data[name] = name, ""

    def handle_data(self, text: str) -> None:
        if self.textarea:
            self.data[self.textarea] += text

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.data[self.textarea] = self.data[self.textarea].removeprefix("\n").replace("\n", "\r\n")
            self.textarea = ""
        elif tag == "form":
            self.inside = False


def form_of(page: Any, form_id: str) -> dict[str, Any]:
    reader = FormReader(form_id)
    reader.feed(page.content.decode())
    return reader.data


def sign_in(*groups: str, name: str = "person", **fields: Any) -> Client:
    person = User.objects.create_user(name, password="none-of-them", is_staff=True, **fields)
    person.groups.set(Group.objects.filter(name__in=groups))
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def viewer(groups: None) -> Client:
    return sign_in("Viewers", name="vera")


@pytest.fixture
def operator(groups: None) -> Client:
    return sign_in("Operators", name="oskar")


@pytest.fixture
def administrator(groups: None) -> Client:
    return sign_in("Administrators", name="anna")


def page_of(camera: Camera) -> str:
    return f"{CAMERAS}{camera.pk}/change/"


def edit(client: Client, camera: Camera, **typed: Any) -> Any:
    """Open the form and send it with some fields typed anew."""
    return client.post(page_of(camera), form_of(client.get(page_of(camera)), "camera_form") | typed)


def stored(camera: Camera) -> Camera:
    return Camera.objects.get(pk=camera.pk)


def told(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def new_camera(**typed: Any) -> dict[str, Any]:
    given = {
        "name": "New",
        "connection_string": NEW_URL,
        "desired_state": "stopped",
        "expected_interval_seconds": "10",
    }
    return given | typed


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
    assert Change.objects.values_list("kind", "by", "door").get() == ("created", "user:anna", "admin")


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
    CameraVitals.objects.filter(pk=camera.pk).update(last_contact=heard_at, accepted_count=7)

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
    assert "Somebody else changed this" in refused.context["errors"][0][0]
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
    assert "Somebody else changed this" in page
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


def test_a_form_of_a_site_overwrites_nothing_that_the_person_left_alone(administrator: Client) -> None:
    site = make_site(timezone="Europe/Berlin", latitude=1.5)
    page = f"{SITES}{site.pk}/change/"
    form = form_of(administrator.get(page), "site_form")
    meanwhile = clean_site({"latitude": 7.25, "location": "moved"}, new=False)
    actions.update_site(site=site, values=meanwhile, by=AUTHOR, now=datetime.now(UTC))

    administrator.post(page, form | {"name": "South"})

    site = Site.objects.get()
    assert (site.name, site.timezone, site.latitude, site.location) == ("South", "Europe/Berlin", 7.25, "moved")


def test_a_twin_in_the_same_site_is_warned_of(administrator: Client) -> None:
    make_camera("New")

    response = administrator.post(f"{CAMERAS}add/", new_camera())

    assert "Another camera of this site is called “<bdi>New</bdi>” too." in told(response)
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

    taken = administrator.post(f"{SITES}add/", {"name": "North", "timezone": "UTC"})
    wrong = administrator.post(
        f"{SITES}add/", {"name": "x", "timezone": "Mars/Base", "latitude": "91", "longitude": "x"}
    )

    assert "Another site has this name." in str(taken.context["adminform"].form.errors["name"])
    assert wrong.context["adminform"].form.errors.keys() == {"timezone", "latitude", "longitude"}
    assert Site.objects.count() == 1


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
    assert Change.objects.latest("revision").diff["connection_string"] == {"changed": True}


# --- Start and stop ---------------------------------------------------------------------------------------


def bulk(client: Client, action: str, cameras: list[Camera], **more: str) -> Any:
    return client.post(
        CAMERAS, {"action": action, "_selected_action": [str(camera.pk) for camera in cameras], **more}
    )


def confirm(client: Client, asked: Any, **typed: str) -> Any:
    """Press the button of the page that asked."""
    context = asked.context
    return client.post(f"{CAMERAS}bulk/{context['verb']}/", {"ids": context["ids"], **typed})


def test_an_operator_stops_cameras_from_the_list_and_is_told_how_many(operator: Client) -> None:
    cameras = [make_camera(f"Gate {n}", desired_state="running" if n < 2 else "stopped") for n in range(3)]

    asked = bulk(operator, "stop_cameras", cameras)
    assert Camera.objects.filter(desired_state="running").count() == 2
    response = confirm(operator, asked)

    assert not Camera.objects.filter(desired_state="running").exists()
    assert "2 cameras stopped. 1 was stopped already." in told(response)
    assert Change.objects.filter(kind="updated", by="user:oskar").count() == 2


def test_an_operator_starts_a_camera_from_its_page_and_edits_nothing(operator: Client) -> None:
    camera = make_camera()
    url = f"{CAMERAS}{camera.pk}/desired-state/"

    assert operator.get(url).status_code == 302
    assert stored(camera).desired_state == "stopped"
    response = operator.post(url, {"desired_state": "running"})

    assert response.url == page_of(camera)
    assert stored(camera).desired_state == "running"
    assert "_save" not in operator.get(page_of(camera)).content.decode()


def test_starting_needs_the_csrf_token(operator: Client) -> None:
    camera = make_camera()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="oskar"))

    response = strict.post(f"{CAMERAS}{camera.pk}/desired-state/", {"desired_state": "running"})

    assert response.status_code == 403
    assert stored(camera).desired_state == "stopped"


def test_who_may_not_edit_a_camera_reads_its_model_configuration(viewer: Client) -> None:
    camera = make_camera(model_config={"detector": "person"})

    text = viewer.get(f"{CAMERAS}{camera.pk}/change/").content.decode()

    assert "&quot;detector&quot;: &quot;person&quot;" in text


def test_forged_posts_of_a_viewer_change_nothing(viewer: Client) -> None:
    site = make_site()
    camera = make_camera(site=site)
    before = list(Camera.objects.values()), list(Site.objects.values())
    chosen = {"_selected_action": [str(camera.pk)], "post": "yes"}

    for path, data in [
        (page_of(camera), new_camera()),
        (f"{CAMERAS}add/", new_camera()),
        (f"{CAMERAS}{camera.pk}/delete/", {"post": "yes"}),
        (f"{CAMERAS}{camera.pk}/desired-state/", {"desired_state": "running"}),
        (CAMERAS, {"action": "start_cameras", **chosen}),
        (CAMERAS, {"action": "delete_selected", **chosen}),
        (f"{SITES}{site.pk}/change/", {"name": "x", "timezone": "UTC"}),
        (f"{SITES}add/", {"name": "x", "timezone": "UTC"}),
        (f"{SITES}{site.pk}/delete/", {"post": "yes"}),
        (f"{TOKENS}add/", {"name": "x", "role": "administrator"}),
    ]:
        assert viewer.post(path, data).status_code in (200, 302, 403), path

    assert (list(Camera.objects.values()), list(Site.objects.values())) == before
    assert (Change.objects.count(), ApiToken.objects.count()) == (1, 0)


def test_forged_posts_of_an_operator_change_nothing_but_the_desired_state(operator: Client) -> None:
    site = make_site()
    camera = make_camera(site=site)

    assert operator.post(page_of(camera), new_camera()).status_code == 403
    assert operator.post(f"{CAMERAS}add/", new_camera()).status_code == 403
    assert operator.post(f"{CAMERAS}{camera.pk}/delete/", {"post": "yes"}).status_code == 403
    assert operator.post(f"{SITES}{site.pk}/change/", {"name": "x", "timezone": "UTC"}).status_code == 403
    bulk(operator, "delete_selected", [camera], post="yes")

    assert stored(camera).name == "Gate"
    assert Change.objects.count() == 1


@pytest.mark.parametrize("path", ["", "cameras/camera/", "auth/user/", "access/auditentry/", "cameras/change/"])
def test_nobody_reads_anything_without_signing_in(db: None, path: str) -> None:
    assert Client().get(f"/admin/{path}").url.startswith("/admin/login/")


# --- Removing ---------------------------------------------------------------------------------------------


def test_a_camera_is_retired_after_a_confirmation(administrator: Client) -> None:
    camera = make_camera()
    tokens.create_token(name="w", role="worker", by=AUTHOR, now=datetime.now(UTC), camera_id=camera.pk)

    asked = administrator.get(f"{CAMERAS}{camera.pk}/delete/")
    administrator.post(f"{CAMERAS}{camera.pk}/delete/", {"post": "yes"})

    assert "its changes stay in the log" in asked.content.decode()
    assert not Camera.objects.exists()
    assert not CameraVitals.objects.exists()
    assert Change.objects.latest("revision").kind == "deleted"
    assert ApiToken.objects.get().revoked_at


def test_selected_cameras_are_retired_after_a_confirmation_and_each_is_logged(administrator: Client) -> None:
    cameras = [make_camera(f"Gate {n}") for n in range(3)]

    asked = bulk(administrator, "delete_selected", cameras)
    assert "Gate 1" in asked.content.decode()
    assert Camera.objects.count() == 3
    confirm(administrator, asked)

    assert not Camera.objects.exists()
    assert Change.objects.filter(kind="deleted", by="user:anna").count() == 3


def test_a_site_with_cameras_stays_and_the_message_says_why(administrator: Client) -> None:
    site = make_site()
    camera = make_camera(site=site)

    alone = administrator.post(f"{SITES}{site.pk}/delete/", {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [str(site.pk)], "post": "yes"}
    selected = administrator.post(SITES, chosen)

    for response in (alone, selected):
        assert "There are still cameras at North (1): move or delete them first." in told(response)
    assert Site.objects.exists()
    actions.retire_camera(camera_id=camera.pk, by=AUTHOR, now=datetime.now(UTC))
    administrator.post(SITES, chosen)
    assert not Site.objects.exists()


# --- Reading ----------------------------------------------------------------------------------------------

LISTS = [
    (CAMERAS, 7),
    (f"{CAMERAS}?status=offline&desired_state__exact=running&q=gate", 7),
    (SITES, 6),
    (TOKENS, 8),
    ("/admin/cameras/change/", 5),
    ("/admin/access/auditentry/", 5),
    ("/admin/", 10),
]


@pytest.mark.parametrize("count", [1, 50])
@pytest.mark.parametrize(("path", "queries"), LISTS)
def test_a_list_takes_the_same_few_queries_for_1_row_and_for_50(
    administrator: Client, django_assert_num_queries: Any, path: str, queries: int, count: int
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=1)
    for n in range(count):
        site = make_site(f"Site {n}")
        camera = make_camera(f"Gate {n}", site=site, desired_state="running", now=long_ago)
        for binding in ({"camera_id": camera.pk}, {"site_id": site.pk}):
            tokens.create_token(name=f"t{n}", role="worker", by=AUTHOR, now=long_ago, **binding)
    administrator.get(path)  # Django remembers content types

    with django_assert_num_queries(queries):
        page = administrator.get(path)

    assert page.status_code == 200


def test_a_page_takes_few_queries(administrator: Client, django_assert_num_queries: Any) -> None:
    camera = make_camera(site=make_site())
    token, _ = tokens.create_token(name="w", role="worker", by=AUTHOR, now=datetime.now(UTC), camera_id=camera.pk)

    for path, queries in [
        (page_of(camera), 8),
        (f"{CAMERAS}add/", 4),
        (f"{SITES}{camera.site_id}/change/", 5),
        (f"{TOKENS}{token.pk}/change/", 6),
        (f"/admin/cameras/change/{Change.objects.get().pk}/change/", 7),
        (f"/admin/access/auditentry/{AuditEntry.objects.first().pk}/change/", 5),
    ]:
        administrator.get(path)  # Django remembers content types
        with django_assert_num_queries(queries):
            assert administrator.get(path).status_code == 200, path


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_shown_as_text_on_every_page(administrator: Client, name: str) -> None:
    site = make_site(name, location=name)
    camera = make_camera(
        name, site=site, location=name, notes=name, model_config={name: name}, desired_state="running"
    )
    actions.update_camera(
        camera_id=camera.pk,
        values={"notes": "", "model_config": {}, "site": None},
        by=AUTHOR,
        now=datetime.now(UTC),
    )
    token, _ = tokens.create_token(name=name, role="worker", by=AUTHOR, now=datetime.now(UTC), camera_id=camera.pk)
    change = Change.objects.latest("revision")

    for path in [
        "/admin/",
        CAMERAS,
        page_of(camera),
        f"{CAMERAS}{camera.pk}/delete/",
        SITES,
        f"{SITES}{site.pk}/change/",
        f"{SITES}{site.pk}/delete/",
        TOKENS,
        f"{TOKENS}{token.pk}/change/",
        "/admin/cameras/change/",
        f"/admin/cameras/change/{change.pk}/change/",
        "/admin/access/auditentry/",
    ]:
        page = administrator.get(path, follow=True).content.decode()
        for raw in ("<script>alert", "<img src=x", "' onload='"):
            assert raw not in page, path
        assert "{{7*7}}" in page or "{{" not in name or path == "/admin/", path
        assert ">49<" not in page


def test_the_badge_names_the_status_with_its_reason(viewer: Client) -> None:
    silent_since = datetime.now(UTC) - timedelta(hours=2)
    camera = make_camera(desired_state="running", now=silent_since)

    for path in (CAMERAS, page_of(camera), "/admin/"):
        page = viewer.get(path).content.decode()
        assert "Offline" in page
        assert "Nothing was heard since the camera was started." in page


def test_the_list_is_filtered_by_derived_status_and_searched_in_all_its_words(viewer: Client) -> None:
    north = make_site("North")
    make_camera("Silent", desired_state="running", now=datetime.now(UTC) - timedelta(days=1))
    make_camera("Still", site=north, location="roof")

    def listed(query: str) -> set[str]:
        return {camera.name for camera in viewer.get(CAMERAS + query).context["cl"].result_list}

    assert listed("?status=offline") == {"Silent"}
    assert listed("?status=stopped") == {"Still"}
    assert listed("?q=nor") == listed("?q=ROOF") == listed(f"?site__id__exact={north.pk}") == {"Still"}
    assert listed("?q=10.0.0.5") == {"Silent", "Still"}


@pytest.mark.parametrize(
    "path",
    [
        f"{CAMERAS}?q=%00",
        f"{CAMERAS}?status=%00",
        f"{CAMERAS}?status=nonsense",
        f"{CAMERAS}?_facets=True&all=",
        f"{CAMERAS}?e=1",
        "/admin/search/?s=gate",
        f"{CAMERAS}?site__id__exact=nonsense",
        f"{CAMERAS}?p=999999",
        f"{CAMERAS}?o=99.-1.x",
        f"{CAMERAS}nonsense/change/",
        f"{CAMERAS}00000000-0000-0000-0000-000000000000/change/",
        "/admin/cameras/change/999999999999999999999999/change/",
        "/admin/cameras/change/?p=99999999",
        "/admin/cameras/change/?kind__exact=%00",
        "/admin/autocomplete/?app_label=cameras&model_name=camera&field_name=site&term=%00",
        f"{TOKENS}?state=nonsense",
        "/admin/nothing-here/",
    ],
)
def test_a_nonsense_address_never_crashes(administrator: Client, path: str) -> None:
    make_camera()

    assert administrator.get(path, follow=True).status_code in (200, 404)


def test_the_change_log_and_the_audit_trail_are_only_read(administrator: Client) -> None:
    make_camera(site=make_site())
    superuser = sign_in(name="root", is_superuser=True)

    for client in (administrator, superuser):
        for path, row in [
            ("/admin/cameras/change/", Change.objects.get()),
            ("/admin/access/auditentry/", AuditEntry.objects.get()),
        ]:
            assert client.get(path).status_code == 200
            assert client.get(f"{path}{row.pk}/change/").status_code == 200
            assert client.post(f"{path}{row.pk}/change/", {"by": "x"}).status_code == 403
            assert client.post(f"{path}add/", {"by": "x"}).status_code == 403
            assert client.post(f"{path}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_difference_is_told_before_and_after_with_the_names_of_sites(administrator: Client) -> None:
    north, south = make_site("North"), make_site("South")
    camera = make_camera(site=north)
    values = clean_camera(
        {"site": str(south.pk), "desired_state": "running", "connection_string": NEW_URL}, stored_redacted=""
    )
    actions.update_camera(camera_id=camera.pk, values=values, by=AUTHOR, now=datetime.now(UTC))

    page = administrator.get(
        f"/admin/cameras/change/{Change.objects.latest('revision').pk}/change/"
    ).content.decode()

    for part in ("North", "South", "Stopped", "Running", "changed; secrets are not kept here"):
        assert part in page


# --- Tokens -----------------------------------------------------------------------------------------------


def make_by_form(client: Client, **typed: Any) -> Any:
    return client.post(f"{TOKENS}add/", {"name": "worker 1", "role": "worker", **typed})


def test_a_token_is_shown_once_and_kept_nowhere(administrator: Client) -> None:
    camera = make_camera()

    page = make_by_form(administrator, camera=str(camera.pk))

    secret = page.context["secret"]
    token = ApiToken.objects.get()
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    assert secret in page.content.decode()
    assert (token.digest, token.camera_id) == (tokens.digest_of(secret), camera.pk)
    assert tokens.verify(secret, datetime.now(UTC)).camera_id == camera.pk
    assert not any(secret in cookie.value for cookie in page.cookies.values())
    assert secret not in json.dumps(dict(administrator.session.items()))
    assert secret not in LogEntry.objects.get().change_message
    for path in (TOKENS, f"{TOKENS}{token.pk}/change/", "/admin/"):
        assert secret not in administrator.get(path).content.decode()


def test_a_token_with_a_fault_is_not_made(administrator: Client) -> None:
    site = make_site()
    camera = make_camera(site=site)

    both = make_by_form(administrator, camera=str(camera.pk), site=str(site.pk))
    past = make_by_form(administrator, expires_at_0="2020-01-01", expires_at_1="00:00:00")
    unknown = make_by_form(administrator, role="king")
    nameless = make_by_form(administrator, name=" ")

    faults = [page.context["adminform"].form.errors.keys() for page in (both, past, unknown, nameless)]
    assert faults == [{"site"}, {"expires_at"}, {"role"}, {"name"}]
    assert not ApiToken.objects.exists()


def test_nobody_makes_a_token_that_may_do_more_than_they(groups: None) -> None:
    client = sign_in("Operators", name="olga")
    olga = User.objects.get(username="olga")
    olga.user_permissions.set(Group.objects.get(name="Administrators").permissions.filter(codename="add_apitoken"))

    assert make_by_form(client, role="administrator").status_code == 200
    assert not ApiToken.objects.exists()
    assert make_by_form(client, role="operator").context["secret"]


def test_a_token_is_revoked_by_a_post_and_never_changed_or_deleted(administrator: Client, viewer: Client) -> None:
    token, secret = tokens.create_token(name="w", role="viewer", by=AUTHOR, now=datetime.now(UTC))
    page = f"{TOKENS}{token.pk}/change/"

    administrator.get(f"{TOKENS}{token.pk}/revoke/")
    assert viewer.post(f"{TOKENS}{token.pk}/revoke/").status_code == 403
    assert administrator.post(page, {"name": "x"}).status_code == 403
    assert administrator.post(f"{TOKENS}{token.pk}/delete/", {"post": "yes"}).status_code == 403
    assert tokens.verify(secret, datetime.now(UTC))

    response = administrator.post(f"{TOKENS}{token.pk}/revoke/")

    assert "1 token revoked." in told(response)
    assert tokens.verify(secret, datetime.now(UTC)) is None
    assert "Revoked" in administrator.get(page).content.decode()
    assert AuditEntry.objects.filter(action="token.revoked", by="user:anna", door="admin").count() == 1
