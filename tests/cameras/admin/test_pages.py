"""The lists and pages of the admin: what each role sees and does, and what is asked before."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin import site as admin_site
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from cameras import actions
from cameras.intent import clean_camera
from cameras.models import Camera, CameraVitals, Change, Site
from controlplane.access import tokens
from controlplane.access.models import ApiToken, AuditEntry
from tests.admin_client import (
    CAMERAS,
    NEW_URL,
    SITES,
    TOKENS,
    administrator,
    bulk,
    confirm,
    new_camera,
    operator,
    page_of,
    shown_messages,
    sign_in,
    stored,
    viewer,
)
from tests.factories import AUTHOR, make_camera, make_site, scope_of
from tests.hostile import HOSTILE_MARKUP

__all__ = ["administrator", "operator", "viewer"]
pytestmark = pytest.mark.django_db


# --- Start and stop ---------------------------------------------------------------------------------------


def test_an_operator_stops_cameras_from_the_list_and_the_answer_says_how_many(operator: Client) -> None:
    cameras = [make_camera(f"Gate {n}", desired_state="running" if n < 2 else "stopped") for n in range(3)]

    asked = bulk(operator, "stop_cameras", cameras)
    assert Camera.objects.filter(desired_state="running").count() == 2
    response = confirm(operator, asked)

    assert not Camera.objects.filter(desired_state="running").exists()
    assert "2 cameras stopped. 1 was stopped already." in shown_messages(response)
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


def addresses_of_the_admin(object_id: object) -> dict[str, str]:
    """The address of every page that has a name, by that name; of the object where it is about one."""
    patterns = [
        pattern
        for group in admin_site.get_urls()
        for pattern in getattr(group, "url_patterns", [group])
        if pattern.name and pattern.name not in ("login", "logout", "app_list", "view_on_site")
    ]
    given = defaultdict(lambda: object_id, verb="start", revision=1, content_type_id=1, person_id=1)
    return {
        pattern.name: reverse(
            f"admin:{pattern.name}", kwargs={key: given[key] for key in pattern.pattern.converters}
        )
        for pattern in patterns
    }


def test_nobody_reads_anything_without_signing_in() -> None:
    read = [
        name
        for name, address in addresses_of_the_admin(make_camera().pk).items()
        if (answer := Client().get(address)).status_code != 302 or not answer.url.startswith("/admin/login/")
    ]

    assert read == []


def test_whoever_may_do_nothing_reads_no_page_about_the_fleet(db: None) -> None:
    nobody = sign_in(name="nobody")
    answers = {name: nobody.get(address) for name, address in addresses_of_the_admin(make_camera().pk).items()}
    ours = {
        name: answer for name, answer in answers.items() if name.startswith(("access_", "alerts_", "cameras_"))
    }

    own = ours.pop("access_session_changelist")
    assert "nobody (this session)" in own.content.decode()
    assert len(ours) > 40
    assert [name for name, answer in ours.items() if answer.status_code not in (302, 403, 405)] == []


# --- Removing ---------------------------------------------------------------------------------------------


def test_a_camera_is_retired_after_a_confirmation(administrator: Client) -> None:
    camera = make_camera()
    tokens.create_token(name="w", role="worker", by=AUTHOR, now=datetime.now(UTC), scope=scope_of(camera))

    asked = administrator.get(f"{CAMERAS}{camera.pk}/delete/")
    administrator.post(f"{CAMERAS}{camera.pk}/delete/", {"post": "yes"})

    assert "Changes stay in the log" in asked.content.decode()
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
        assert "There are still cameras at North (1): move or delete them first." in shown_messages(response)
    assert Site.objects.exists()
    actions.retire_camera(camera_id=camera.pk, by=AUTHOR, now=datetime.now(UTC))
    administrator.post(SITES, chosen)
    assert not Site.objects.exists()


# --- Reading ----------------------------------------------------------------------------------------------

LISTS = [
    (CAMERAS, 7),
    (f"{CAMERAS}?status=offline&desired_state__exact=running&q=gate", 7),
    (SITES, 5),
    (TOKENS, 6),
    ("/admin/cameras/change/", 6),  # with the sites to filter by, and those in differences
    ("/admin/access/auditentry/", 4),
    ("/admin/", 11),
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
        for kind, bound_to in (("camera", camera), ("site", site)):
            scope = scope_of(bound_to)
            tokens.create_token(name=f"{kind} {n}", role="worker", by=AUTHOR, now=long_ago, scope=scope)
    administrator.get(path)  # Django remembers content types

    with django_assert_num_queries(queries):
        page = administrator.get(path)

    assert page.status_code == 200


def test_a_page_takes_few_queries(administrator: Client, django_assert_num_queries: Any) -> None:
    camera = make_camera(site=make_site())
    token, _ = tokens.create_token(
        name="w", role="worker", by=AUTHOR, now=datetime.now(UTC), scope=scope_of(camera)
    )

    for path, queries in [
        (page_of(camera), 9),
        (f"{CAMERAS}add/", 3),
        (f"{SITES}{camera.site_id}/change/", 8),
        (f"{TOKENS}{token.pk}/change/", 5),
        (f"/admin/cameras/change/{Change.objects.get().pk}/change/", 6),
        (f"/admin/access/auditentry/{AuditEntry.objects.first().pk}/change/", 4),
    ]:
        administrator.get(path)  # Django remembers content types
        with django_assert_num_queries(queries):
            assert administrator.get(path).status_code == 200, path


@pytest.mark.parametrize("name", HOSTILE_MARKUP)
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
    token, _ = tokens.create_token(
        name=name, role="worker", by=AUTHOR, now=datetime.now(UTC), scope=scope_of(camera)
    )
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
        f"{CAMERAS}?_facets=True&all=",
        f"{CAMERAS}?e=1",
        "/admin/search/?s=gate",
        f"{CAMERAS}?p=999999",
        f"{CAMERAS}nonsense/change/",
        f"{CAMERAS}00000000-0000-0000-0000-000000000000/change/",
        "/admin/cameras/change/999999999999999999999999/change/",
        "/admin/cameras/change/?p=99999999",
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
            ("/admin/access/auditentry/", AuditEntry.objects.get(action="site.created")),
        ]:
            assert client.get(path).status_code == 200
            assert client.get(f"{path}{row.pk}/change/").status_code == 200
            assert client.post(f"{path}{row.pk}/change/", {"by": "x"}).status_code == 403
            assert client.post(f"{path}add/", {"by": "x"}).status_code == 403
            assert client.post(f"{path}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_difference_shows_before_and_after_with_the_names_of_sites(administrator: Client) -> None:
    north, south = make_site("North"), make_site("South")
    camera = make_camera(site=north)
    values = clean_camera(
        {"site": str(south.pk), "desired_state": "running", "connection_string": NEW_URL}, stored_redacted=""
    )
    actions.update_camera(camera_id=camera.pk, values=values, by=AUTHOR, now=datetime.now(UTC))

    page = administrator.get(
        f"/admin/cameras/change/{Change.objects.latest('revision').pk}/change/"
    ).content.decode()

    for part in (
        "North",
        "South",
        "Stopped",
        "Running",
        "10.0.0.5:554",
        "10.0.0.6:554",
        "secrets are not kept here",
    ):
        assert part in page


# --- Entries of the log -----------------------------------------------------------------------------------


def test_a_bulk_change_is_one_row_of_the_changes_which_opens_into_its_rows(administrator: Client) -> None:
    site = make_site("Berlin Mitte")
    cameras = [make_camera(f"Gate {number}", site=site, desired_state="running") for number in range(3)]
    confirm(administrator, bulk(administrator, "stop_cameras", cameras))

    rows = administrator.get("/admin/cameras/change/").context["cl"].result_list
    entry = administrator.get(f"/admin/cameras/change/entry/{rows[0].pk}/")

    assert [(row.block.count, row.block.action) for row in rows] == [(3, "stopped"), *[(1, "registered")] * 3]
    assert "3 cameras at Berlin Mitte stopped by anna" in entry.content.decode()
    assert {change.name for change, *_ in entry.context["changes"]} == {"Gate 0", "Gate 1", "Gate 2"}
    assert administrator.get("/admin/cameras/change/entry/5/").status_code == 404


@pytest.mark.parametrize("term", ["Gate 2", "the camera's id"])
def test_an_entry_is_found_by_any_of_its_cameras(administrator: Client, term: str) -> None:
    cameras = [make_camera(f"Gate {number}") for number in range(3)]
    confirm(administrator, bulk(administrator, "start_cameras", cameras))
    term = str(cameras[2].pk) if term == "the camera's id" else term

    found = administrator.get("/admin/cameras/change/", {"q": term}).context["cl"].result_list

    assert [row.block.action for row in found] == ["started", "registered"]
