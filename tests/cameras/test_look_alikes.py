"""Cameras and sites whose names look the same, and names that show nothing: what each endpoint says."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from cameras.management.terminal import site_named
from cameras.models import Camera, Change, Site
from cameras.transfer.imports import Upload, read_upload
from cameras.transfer.plan import Effect, Plan, apply_plan
from controlplane.access.models import ApiToken
from telemetry.alerts.models import Subscription
from tests.admin_client import (
    CAMERAS,
    SITES,
    TOKENS,
    bulk,
    confirm,
    edit,
    form_of,
    new_camera,
    shown_messages,
    sign_in,
)
from tests.factories import AUTHOR, NOW, URL, ApiClient, make_camera, make_principal, make_site, make_token

pytestmark = pytest.mark.django_db

ANNA = make_principal("administrator", name="anna")
NBSP = "Gate\u00a0Q"
INVISIBLE = "\u3164"
CASES = [json.loads(line) for line in Path(__file__).with_name("name_cases.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture
def anna(db: None) -> Client:
    return sign_in("administrator", name="anna")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']}: {case['kind']}")
def test_cases_from_public_reports(administrator: ApiClient, case: dict[str, Any]) -> None:
    answers = [administrator.post("/cameras", {"name": name, "connection_string": URL}) for name in case["names"]]

    assert [answer.status_code for answer in answers] == case["expected"]["status"]
    if "warned" in case["expected"]:
        assert "warnings" not in answers[0].json()
        assert ("warnings" in answers[1].json()) is case["expected"]["warned"]


# --- The API ----------------------------------------------------------------------------------------------


def test_who_registers_a_twin_or_makes_one_by_a_change_is_told_which_camera_it_is(
    administrator: ApiClient,
) -> None:
    north, south = make_site("North"), make_site("South")
    first = make_camera("Gate Q", site=north)
    body = {"name": NBSP, "connection_string": URL}
    alike = "Another camera of this site has a name that looks the same: “Gate Q”."
    same = "Another camera of this site is called “Gate Q” too."

    made = administrator.post("/cameras", body | {"site": str(north.pk)}).json()
    assert made["warnings"] == [f"{alike} Its id is {first.pk}."]

    other = administrator.post("/cameras", body | {"site": str(south.pk)}).json()
    assert "warnings" not in other
    moved = administrator.patch(f"/cameras/{other['id']}", {"site": str(north.pk)}).json()
    assert moved["warnings"][0].startswith(alike)
    renamed = administrator.patch(f"/cameras/{made['id']}", {"name": "Gate Q"}).json()
    assert renamed["warnings"] == [f"{same} Its id is {first.pk}."]
    assert "warnings" not in administrator.patch(f"/cameras/{made['id']}", {"notes": "x"}).json()
    assert "warnings" not in administrator.patch(f"/cameras/{made['id']}", {"name": "Gate R"}).json()
    assert "warnings" not in administrator.get(f"/cameras/{first.pk}").json()


def test_cameras_without_a_site_are_one_place(administrator: ApiClient) -> None:
    make_camera("gate q")

    made = administrator.post("/cameras", {"name": "Gate Q", "connection_string": URL}).json()

    words = "Another camera without a site has a name that looks the same: “gate q”."
    assert made["warnings"][0].startswith(words)


def test_nobody_is_told_of_a_camera_that_they_may_not_see() -> None:
    site = make_site()
    make_camera("Gate", site=site)
    mine = make_camera("Mine", site=site)
    orchestrator = ApiClient(make_token("administrator", mine))

    answer = orchestrator.patch(f"/cameras/{mine.pk}", {"name": "Gate"})

    assert answer.status_code == 200
    assert "warnings" not in answer.json()


def test_sites_whose_names_look_the_same_are_refused(administrator: ApiClient, anna: Client) -> None:
    make_site("North")
    south = make_site("South")
    words = "Another site has a name that looks the same"

    made = administrator.post("/sites", {"name": "NORTH\u00a0"})
    renamed = administrator.patch(f"/sites/{south.pk}", {"name": "No\u00adrth"})
    typed = anna.post(f"{SITES}add/", {"name": "north", "timezone": "UTC"})

    assert (made.status_code, renamed.status_code) == (400, 400)
    assert made.json()["errors"][0]["field"] == renamed.json()["errors"][0]["field"] == "name"
    assert words in made.json()["detail"]
    assert words in str(typed.context["adminform"].form.errors["name"])
    assert "Another site has this name." in administrator.post("/sites", {"name": "North"}).json()["detail"]
    assert administrator.patch(f"/sites/{south.pk}", {"name": "SOUTH"}).status_code == 200
    assert sorted(Site.objects.values_list("name", flat=True)) == ["North", "SOUTH"]


# --- The admin --------------------------------------------------------------------------------------------


def test_the_form_a_clone_a_revert_and_a_move_of_many_tell_of_twins(anna: Client) -> None:
    north, south = make_site("North"), make_site("South")
    gate = make_camera("Gate Q", site=north)
    alike = "Another camera of this site has a name that looks the same: “<bdi>Gate Q</bdi>”."

    added = anna.post(f"{CAMERAS}add/", new_camera(name=NBSP, site=str(north.pk)))
    assert alike in shown_messages(added)

    form = form_of(anna.get(f"{CAMERAS}add/?clone_of={gate.pk}"), "camera_form")
    cloned = anna.post(f"{CAMERAS}add/?clone_of={gate.pk}", form | {"name": "gate q"})
    assert alike in shown_messages(cloned)

    other = make_camera("GATE Q", site=south)
    assert "looks the same" not in shown_messages(edit(anna, other, location="roof"))
    asked = bulk(anna, "move_cameras", [other, make_camera("Yard")])
    moved = confirm(anna, asked, site=str(north.pk))
    assert "1 of them looks the same by name as another camera there: <bdi>GATE Q</bdi>." in shown_messages(moved)

    edit(anna, other, name="Ramp")
    revision = Change.objects.latest("revision").revision
    page = f"/admin/cameras/camera/{other.pk}/revert/{revision}/"
    sent = {"field": "name", "seen_revision": Camera.objects.get(pk=other.pk).revision}
    assert alike in shown_messages(anna.post(page, sent))


# --- Names of nothing visible -----------------------------------------------------------------------------


def test_no_endpoint_takes_a_name_that_shows_nothing(administrator: ApiClient, anna: Client) -> None:
    camera = make_camera()
    body = {"name": INVISIBLE, "connection_string": URL}
    ring = [[0, 0], [1, 0], [1, 1]]
    zone = {"type": "Feature", "properties": {"name": INVISIBLE}}
    zone["geometry"] = {"type": "Polygon", "coordinates": [ring]}
    named = {"name": INVISIBLE, "role": "viewer", "channel": "email", "timezone": "UTC"}

    for answer in (
        administrator.post("/cameras", body),
        administrator.patch(f"/cameras/{camera.pk}", {"name": INVISIBLE}),
        administrator.patch(f"/cameras/{camera.pk}", {"zone_config": zone}),
        administrator.post("/sites", {"name": INVISIBLE}),
    ):
        assert answer.status_code == 400, answer.content
    for page in (
        anna.post(f"{CAMERAS}add/", new_camera(name=INVISIBLE)),
        anna.post(f"{SITES}add/", named),
        anna.post(f"{TOKENS}add/", named),
        anna.post("/admin/alerts/subscription/add/", named),
    ):
        assert "that can be seen" in str(page.context["adminform"].form.errors["name"])
    with pytest.raises(CommandError, match="printable name"):
        call_command("create_token", INVISIBLE, role="viewer")
    plan = planned([{"name": INVISIBLE, "connection_string": URL}, {"name": "x", "site": INVISIBLE}])
    assert [row.effect for row in plan.rows] == [Effect.REFUSED, Effect.REFUSED]
    assert (Camera.objects.count(), Site.objects.count()) == (1, 0)
    assert (ApiToken.objects.exclude(name="administrator").count(), Subscription.objects.count()) == (0, 0)


# --- Imports ----------------------------------------------------------------------------------------------


def planned(rows: list[dict[str, Any]]) -> Plan:
    return read_upload(Upload(json.dumps(rows).encode(), "cameras.json")).plan(ANNA)


def stored(rows: list[dict[str, Any]]) -> Plan:
    plan = planned(rows)
    apply_plan(plan, fingerprint=plan.fingerprint, by=AUTHOR, now=NOW)
    return plan


def of(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": name, "connection_string": URL, **more} for name in names]


def test_a_camera_whose_name_looks_the_same_is_that_camera_and_keeps_its_name() -> None:
    site = make_site("North")
    camera = make_camera("Gate Q", site=site)

    again = planned(of(NBSP, site="north"))
    plan = stored(of("GATE  q", site="North\u200e", notes="from the file"))

    assert again.rows[0].effect is Effect.UNCHANGED
    assert again.rows[0].remarks == [
        "The site “North” looks the same by name, and is taken.",
        "“Gate Q” looks the same by name: it is that camera, and keeps its name. Give its id to rename it.",
    ]
    assert plan.rows[0].effect is Effect.CHANGE
    assert plan.rows[0].diff.keys() == {"notes"}
    kept = Camera.objects.get()
    assert (kept.pk, kept.name, kept.notes) == (camera.pk, "Gate Q", "from the file")


def test_an_exact_name_goes_before_one_that_looks_the_same() -> None:
    first, second = make_camera("Gate Q"), make_camera("gate q")

    plan = planned(of("gate q", "Gate Q"))
    neither = planned(of("GATE Q"))

    assert [row.match.camera for row in plan.rows] == [second, first]
    assert [row.remarks for row in plan.rows] == [[], []]
    assert neither.rows[0].faults == [("name", "Fits 2 cameras: give its id or its site.")]


def test_a_file_with_twins_makes_both_says_so_and_is_no_change_when_it_is_read_again() -> None:
    rows = of("Gate Q", NBSP, "Yard")

    plan = stored(rows)
    again = planned(rows)

    assert [row.effect for row in plan.rows] == [Effect.CREATE] * 3
    assert [row.remarks for row in plan.rows] == [
        ["Looks the same by name as the camera at 2 of this file."],
        ["Looks the same by name as the camera at 1 of this file."],
        [],
    ]
    assert [row.effect for row in again.rows] == [Effect.UNCHANGED] * 3
    assert [row.remarks for row in again.rows] == [[], [], []]


def test_a_twin_that_was_removed_is_made_again_by_its_file() -> None:
    make_camera("Gate Q")

    plan = stored(of("Gate Q", "gate q"))

    assert [row.effect for row in plan.rows] == [Effect.UNCHANGED, Effect.CREATE]
    assert plan.rows[1].remarks == ["Looks the same by name as the camera at 1 of this file."]
    assert sorted(Camera.objects.values_list("name", flat=True)) == ["Gate Q", "gate q"]


def test_a_camera_that_a_file_renames_or_moves_to_a_twin_is_remarked_on() -> None:
    north = make_site("North")
    gate, yard, roof = make_camera("Gate", site=north), make_camera("Yard", site=north), make_camera("GATE")

    plan = planned([{"id": str(yard.pk), "name": "gate"}, {"id": str(roof.pk), "site": "North"}])

    remark = "Looks the same by name as another camera of the site: “Gate”."
    assert [row.effect for row in plan.rows] == [Effect.CHANGE, Effect.CHANGE]
    assert plan.rows[0].remarks == ["Looks the same by name as the camera at 2 of this file.", remark]
    assert plan.rows[1].remarks == ["Looks the same by name as the camera at 1 of this file.", remark]
    assert gate.name == "Gate"


def test_a_site_that_a_file_writes_in_two_ways_is_made_once_also_where_rows_are_left_out() -> None:
    rows = [{"name": "", "site": "NORTH"}, *of("Gate", site="North"), *of("Yard", site="north\u00a0")]
    plan = planned(rows)

    apply_plan(plan, fingerprint=plan.fingerprint, by=AUTHOR, now=NOW, skips_refused=True)

    assert [row.effect for row in plan.rows] == [Effect.REFUSED, Effect.CREATE, Effect.CREATE]
    assert plan.new_sites == ["NORTH"]
    assert Site.objects.get().cameras.count() == 2


def test_rows_that_are_left_out_do_not_change_which_camera_another_row_means() -> None:
    make_camera("Gate Q")
    plan = planned([*of("Gate Q", expected_interval_seconds=-1), *of("gate q")])

    apply_plan(plan, fingerprint=plan.fingerprint, by=AUTHOR, now=NOW, skips_refused=True)

    assert [row.effect for row in plan.rows] == [Effect.REFUSED, Effect.CREATE]


def test_the_page_and_the_command_show_the_remarks(anna: Client, tmp_path: Path) -> None:
    make_camera("Gate Q")
    file = tmp_path / "cameras.json"
    file.write_text(json.dumps(of("gate q")), encoding="utf-8")
    said = "looks the same by name: it is that camera, and keeps its name."
    printed = StringIO()

    call_command("import_cameras", str(file), dry_run=True, stdout=printed)
    with file.open("rb") as sent:
        page = anna.post(f"{CAMERAS}import/", {"file": sent, "format": "", "site": ""})

    assert said in printed.getvalue()
    assert said in page.content.decode()


def test_a_command_finds_a_site_by_a_name_that_looks_the_same() -> None:
    site = make_site("North Lot")

    assert site_named("north  lot") == site
