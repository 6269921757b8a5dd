"""The console: bulk actions that ask, clones, replacements, reveals, the list's filters, and the first page."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from cameras import actions, credentials
from cameras.models import Camera, CameraVitals, Change, ChangeKind, DesiredState, FleetVitals, Site
from controlplane.access import tokens
from controlplane.access.models import ApiToken, AuditEntry
from tests.admin_client import (
    CAMERAS,
    administrator,
    bulk,
    confirm,
    form_of,
    new_camera,
    operator,
    page_of,
    shown_messages,
    sign_in,
    viewer,
)
from tests.factories import AUTHOR, SECRET, URL, make_camera, make_site, scope_of
from tests.hostile import HOSTILE_NAMES

__all__ = ["administrator", "operator", "viewer"]
pytestmark = pytest.mark.django_db
FLEET = f"{CAMERAS}fleet/"
NEW_URL = "rtsp://user:Typed-0nce@10.0.0.6/other"


# --- Bulk -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("start_cameras", ["2 cameras will be started", "1 more was chosen and is so already"]),
        ("stop_cameras", ["1 camera will be stopped", "2 more were chosen and are so already"]),
        ("move_cameras", ["3 cameras will be moved", "Their history and samples stay."]),
        ("delete_selected", ["3 cameras will be deleted", "can be restored for 30 days", "1 of them is running"]),
    ],
)
def test_the_page_that_asks_names_how_many_which_and_what_is_lost(
    administrator: Client, action: str, words: list[str]
) -> None:
    cameras = [make_camera(f"Gate {n}", desired_state="running" if n == 0 else "stopped") for n in range(3)]

    text = re.sub(r"\s+", " ", bulk(administrator, action, cameras).content.decode())

    for part in words:
        assert part in text
    assert "<bdi>Gate 0</bdi>" in text or action == "start_cameras"
    assert not Change.objects.exclude(kind=ChangeKind.CREATED).exists()


def test_cameras_are_moved_to_a_site_and_out_of_all(administrator: Client) -> None:
    site = make_site("North")
    cameras = [make_camera(f"Gate {n}") for n in range(3)]
    asked = bulk(administrator, "move_cameras", cameras)

    there = confirm(administrator, asked, site=str(site.pk))
    again = confirm(administrator, asked, site=str(site.pk))
    wrong = confirm(administrator, asked, site="nonsense")

    assert "3 cameras moved to <bdi>North</bdi>." in shown_messages(there)
    assert "0 cameras moved" in shown_messages(again)
    assert wrong.context["form"].errors
    assert Camera.objects.filter(site=site).count() == 3
    confirm(administrator, asked, site="")
    assert not Camera.objects.filter(site=site).exists()


def test_a_bulk_action_is_one_block_of_the_log(administrator: Client, django_assert_max_num_queries: Any) -> None:
    cameras = [make_camera(f"Gate {n}", desired_state="running") for n in range(50)]
    asked = bulk(administrator, "stop_cameras", cameras)

    with django_assert_max_num_queries(130):  # two a camera, and a few for all
        confirm(administrator, asked)

    changes = Change.objects.filter(kind="updated").order_by("revision")
    assert [change.revision for change in changes] == list(range(51, 101))
    assert changes.values("at").distinct().count() == 1


def test_what_was_chosen_is_what_was_named_even_if_others_came_since(administrator: Client) -> None:
    make_camera("Gate", desired_state="running")
    asked = administrator.post(
        CAMERAS, {"action": "stop_cameras", "select_across": "1", "_selected_action": [Camera.objects.get().pk]}
    )
    make_camera("Later", desired_state="running")

    confirm(administrator, asked)

    assert Camera.objects.get(desired_state="running").name == "Later"


def test_what_is_gone_meanwhile_is_not_reported_as_stopped_already(administrator: Client) -> None:
    cameras = [make_camera(f"Gate {n}", desired_state="running") for n in range(4)]
    asked = bulk(administrator, "stop_cameras", cameras)
    actions.retire_camera(camera_id=cameras[0].pk, by=AUTHOR, now=datetime.now(UTC))
    actions.set_desired_state(
        camera_ids=[cameras[1].pk], desired_state=DesiredState.STOPPED, by=AUTHOR, now=datetime.now(UTC)
    )

    confirmed = confirm(administrator, asked)

    assert shown_messages(confirmed).startswith("2 cameras stopped. 1 was stopped already. 1 is gone. <a ")


@pytest.mark.parametrize(
    ("group", "verbs"),
    [("viewer", []), ("operator", ["start", "stop"]), ("administrator", ["start", "stop", "move", "delete"])],
)
def test_only_who_may_do_it_to_one_may_do_it_to_many(group: str, verbs: list[str]) -> None:
    client = sign_in(group)
    for verb in ("start", "stop", "move", "delete"):
        camera = make_camera(desired_state="running" if verb == "stop" else "stopped")
        answer = client.post(f"{CAMERAS}bulk/{verb}/", {"ids": str(camera.pk), "site": ""})
        assert answer.status_code == (302 if verb in verbs else 403), verb


@pytest.mark.parametrize("ids", ["", "nonsense", ",,", "00000000-0000-0000-0000-000000000000", "\0"])
def test_ids_that_are_none_do_nothing(administrator: Client, ids: str) -> None:
    camera = make_camera()

    assert administrator.post(f"{CAMERAS}bulk/delete/", {"ids": ids}).status_code == 302
    assert administrator.get(f"{CAMERAS}bulk/delete/").status_code == 302
    assert administrator.get(f"{CAMERAS}bulk/nonsense/").status_code == 404
    assert Camera.objects.get() == camera


# --- Hardware ---------------------------------------------------------------------------------------------


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


# --- The list ---------------------------------------------------------------------------------------------


def test_the_list_is_sorted_by_status_the_most_urgent_first(viewer: Client) -> None:
    now = datetime.now(UTC)
    for name, heard_ago, desired_state in [
        ("healthy", 0, "running"),
        ("stale", 40, "running"),
        ("offline", 4_000, "running"),
        ("stopped", 4_000, "stopped"),
        ("orphaned", 0, "stopped"),
    ]:
        row = make_camera(name, desired_state=desired_state, now=now - timedelta(days=1))
        CameraVitals.objects.filter(pk=row.pk).update(
            last_contact=now - timedelta(seconds=heard_ago), last_sample_at=now - timedelta(seconds=heard_ago)
        )

    def listed(query: str) -> list[str]:
        return [camera.name for camera in viewer.get(CAMERAS + query).context["cl"].result_list]

    assert listed("?o=1") == ["offline", "orphaned", "stale", "healthy", "stopped"]
    assert listed("?o=-1&status=stale") == ["stale"]
    assert listed("?o=-1") == ["stopped", "healthy", "stale", "orphaned", "offline"]


# When each camera was started or stopped, and when it was last heard.
HOUR, WEEK, YEAR = timedelta(hours=1, seconds=1), timedelta(days=7, seconds=1), timedelta(days=365)
SILENCES = {
    "heard now": ("running", YEAR, timedelta()),
    "heard an hour ago": ("running", YEAR, HOUR),
    "heard a week ago": ("running", YEAR, WEEK),
    "never heard": ("running", YEAR, None),
    "heard a week ago, started an hour ago": ("running", HOUR, WEEK),
    "started now, never heard": ("running", timedelta(), None),
    "stopped": ("stopped", YEAR, WEEK),
    "stopped, never heard": ("stopped", YEAR, None),
}


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ("5m", set(SILENCES) - {"heard now", "started now, never heard", "stopped", "stopped, never heard"}),
        ("1h", set(SILENCES) - {"heard now", "started now, never heard", "stopped", "stopped, never heard"}),
        ("6h", {"heard a week ago", "never heard"}),
        ("7d", {"heard a week ago", "never heard"}),
        ("30d", {"never heard"}),
    ],
)
def test_silent_for_longer_means_running_cameras_by_their_start_or_last_contact(
    viewer: Client, chosen: str, names: set[str]
) -> None:
    now = datetime.now(UTC)
    for name, (desired_state, ago, heard_ago) in SILENCES.items():
        camera = make_camera(name, desired_state=desired_state, now=now - ago)
        if heard_ago is not None:
            CameraVitals.objects.filter(pk=camera.pk).update(
                last_contact=now - heard_ago, last_sample_at=now - heard_ago
            )

    listed = viewer.get(f"{CAMERAS}?silent={chosen}").context["cl"].result_list

    assert {camera.name for camera in listed} == names


@pytest.mark.parametrize(("chosen", "names"), [("Contended", {"two"}), ("WorkerFailed", set())])
def test_the_list_is_filtered_by_condition(viewer: Client, chosen: str, names: set[str]) -> None:
    make_camera("one")
    CameraVitals.objects.filter(camera=make_camera("two")).update(contended_at=datetime.now(UTC))

    listed = viewer.get(f"{CAMERAS}?condition={chosen}").context["cl"].result_list

    assert {camera.name for camera in listed} == names


@pytest.mark.parametrize("count", [1, 50])
def test_the_last_day_of_a_page_is_a_few_queries(
    viewer: Client, django_assert_num_queries: Any, count: int
) -> None:
    cameras = [make_camera(f"Gate {n}", site=make_site(f"Site {n}")) for n in range(count)]
    asked = "&".join(f"camera={camera.pk}&site={camera.site_id}" for camera in cameras)
    viewer.get(f"{CAMERAS}last-day/")

    with django_assert_num_queries(LAST_DAY_QUERIES):
        answer = viewer.get(f"{CAMERAS}last-day/?{asked}&camera=nonsense")

    assert answer.content.decode().count("data-day=") == 2 * count


LAST_DAY_QUERIES = 7


# --- The first page ---------------------------------------------------------------------------------------


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
    assert (context["attention_count"], context["others_count"]) == (8, 2)
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


# --- Hostile texts ----------------------------------------------------------------------------------------


class Elements(HTMLParser):
    """Whatever a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str]]] = []
        self.isolated: list[str] = []
        self.inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attributes}))
        if tag == "bdi":
            self.inside.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "bdi" and self.inside:
            self.isolated.append(self.inside.pop())

    def handle_data(self, text: str) -> None:
        if self.inside:
            self.inside[-1] += text

    def dangers(self) -> Iterator[str]:
        for tag, attributes in self.found:
            inert = attributes.get("src") or attributes.get("type") == "application/json"
            if (tag == "script" and not inert) or tag in ("iframe", "object", "base"):
                yield tag
            for name, value in attributes.items():
                leads = name in ("href", "src", "action", "formaction")
                if name.startswith("on") or (leads and value.strip().lower().startswith("javascript:")):
                    yield f"{tag} {name}={value}"
                # What Alpine runs must hold nothing that somebody typed.
                if name.startswith(("x-", ":", "@")) and "alert" in value:
                    yield f"{tag} {name}={value}"
            if attributes.get("src") == "x":
                yield f"{tag} src=x"


def test_hostile_texts_run_nowhere_and_turn_no_line_around(administrator: Client) -> None:
    """Texts that the rules refuse today are put into the rows by hand: they may be older than the rules."""
    now = datetime.now(UTC) - timedelta(days=1)
    for number, name in enumerate(HOSTILE_NAMES):
        site = make_site(f"Site {number}")
        camera = make_camera(f"Gate {number}", site=site, desired_state="running", now=now)
        Site.objects.filter(pk=site.pk).update(name=name, location=name)
        Camera.objects.filter(pk=camera.pk).update(
            name=name, location=name, notes=name, model_config={name: name}, address=name
        )
    camera = Camera.objects.first()
    Change.objects.bulk_create(
        Change(
            revision=1_000 + number, at=now, kind="updated", camera_id=camera.pk, name=name, generation=1,
            desired_state="stopped", by=name, via=name[:20], request_id=name[:64], note=name,
            diff={"notes": {"before": name, "after": "x"}, "model_config": {"before": {}, "after": {name: name}}},
        )
        for number, name in enumerate(HOSTILE_NAMES)
    )  # fmt: skip
    token, _ = tokens.create_token(name="w", role="worker", by=AUTHOR, now=now, scope=scope_of(camera))
    ApiToken.objects.update(name=HOSTILE_NAMES[1])
    cameras = list(Camera.objects.all())
    pages = {
        "the first page": administrator.get("/admin/"),
        "its fragment": administrator.get(FLEET),
        "the list": administrator.get(CAMERAS),
        "a search": administrator.get(CAMERAS, {"q": HOSTILE_NAMES[1]}),
        "the sites": administrator.get("/admin/cameras/site/"),
        "the history": administrator.get(f"{CAMERAS}{camera.pk}/history/"),
        "the changes": administrator.get("/admin/cameras/change/"),
        "the tokens": administrator.get("/admin/access/apitoken/"),
        "a token": administrator.get(f"/admin/access/apitoken/{token.pk}/change/"),
        "stopping": bulk(administrator, "stop_cameras", cameras),
        "deleting": bulk(administrator, "delete_selected", cameras[:12]),
    }
    for number, row in enumerate(cameras):
        pages[f"camera {number}"] = administrator.get(page_of(row))
        pages[f"revert {number}"] = administrator.get(f"{CAMERAS}{camera.pk}/revert/{1_000 + number}/")
        pages[f"clone {number}"] = administrator.get(f"{CAMERAS}add/?clone_of={row.pk}")
    moved = confirm(administrator, bulk(administrator, "move_cameras", cameras[:1]), site=str(cameras[1].site_id))
    pages["a message"] = administrator.get(moved.url)
    pages["what was refused"] = administrator.post(f"{CAMERAS}add/", new_camera(name=HOSTILE_NAMES[1], site="x"))

    read = {name: Elements(page.content.decode()) for name, page in pages.items()}

    assert {name: page.status_code for name, page in pages.items() if page.status_code != 200} == {}
    assert {name: list(page.dangers()) for name, page in read.items() if list(page.dangers())} == {}
    for page in ("the first page", "the list", "the history", "stopping", "a message"):
        assert any(name in read[page].isolated for name in HOSTILE_NAMES), page
    for name in HOSTILE_NAMES[18:23]:
        assert name in read["the list"].isolated
