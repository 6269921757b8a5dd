"""What the zone editor asks of the server, who may ask, and the page that holds it."""

import json
import math
import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from cameras.admin import json_text
from cameras.admin.zones.editor import MAX_OFFERED, MAX_TEXT_BYTES
from cameras.geometry import MAX_ZONES, canonical_zones
from cameras.models import Camera
from cameras.outlines import MAX_POINTS
from tests.admin_client import administrator, edit, operator, sign_in, viewer
from tests.factories import make_camera, make_site
from tests.hostile import HOSTILE_MARKUP

CHECK = "/admin/cameras/camera/zones/check/"
OTHERS = "/admin/cameras/camera/zones/others/"
TRIANGLE = {"type": "Polygon", "coordinates": [[[0, 0], [0.5, 0], [0.5, 1]]]}
BOW_TIE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1]]]}

__all__ = ["administrator", "operator", "viewer"]
pytestmark = pytest.mark.django_db


def most_zones(points: int = MAX_POINTS) -> dict[str, Any]:
    """As many zones as the rules allow, and points, each number with as many digits as a computer writes."""
    angles = [turn / points * math.tau for turn in range(points)]
    ring = [[0.5 + 0.3 * math.cos(angle), 0.5 + 0.3 * math.sin(angle)] for angle in angles]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    names = [f"{number} ".ljust(100, "口") for number in range(MAX_ZONES)]
    features = [{"type": "Feature", "properties": {"name": name}, "geometry": geometry} for name in names]
    return dict(canonical_zones({"type": "FeatureCollection", "features": features}))


def check(client: Client, body: Any) -> Any:
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post(CHECK, data, content_type="application/json")


@pytest.mark.parametrize("value", [{}, TRIANGLE, {"type": "FeatureCollection", "features": []}])
def test_valid_zones_are_answered_in_their_canonical_form(administrator: Client, value: Any) -> None:
    assert check(administrator, value).json() == {"zones": canonical_zones(value), "problems": []}


def test_an_empty_text_is_no_zones(administrator: Client) -> None:
    assert check(administrator, " \n").json() == {"zones": canonical_zones({}), "problems": []}


@pytest.mark.parametrize(
    ("body", "path", "detail"),
    [
        (BOW_TIE, "coordinates", "Zone 1: its edges cross or overlap at (0.5, 0.5); redraw it there."),
        (
            {
                "type": "FeatureCollection",
                "features": [
                    {"type": "Feature", "geometry": TRIANGLE},
                    {
                        "type": "Feature",
                        "properties": {"name": "Thin"},
                        "geometry": TRIANGLE | {"coordinates": [[[0, 0], [1, 1]]]},
                    },
                ],
            },
            "features[1].geometry.coordinates[0]",
            'Zone 2 ("Thin"): it needs at least three different points.',
        ),
        (
            "[]",
            "",
            "Zones are {} (none) or GeoJSON: a Polygon, MultiPolygon, LineString, Feature or FeatureCollection.",
        ),
        ('{"a": 1, "a": 2}', "", "a: The key stands here twice."),
        (b"\xff", "", "The text is not UTF-8."),
        (b'"\xed\xa0\x80"', "", "The text is not UTF-8."),
        ("[" * 100_000, "", "The JSON is nested deeper than 64 levels."),
    ],
)
def test_what_is_refused_is_reported_with_its_place_and_reason(
    administrator: Client, body: Any, path: str, detail: str
) -> None:
    answer = check(administrator, body)

    assert answer.status_code == 200
    assert answer.json() == {"zones": None, "problems": [{"path": path, "detail": detail}]}


def test_check_and_form_take_as_much_as_the_rules_allow_and_refuse_more_in_the_same_words(
    administrator: Client,
) -> None:
    camera = make_camera()
    most = most_zones()
    text = json_text.pretty(most)
    # What a browser sends has two bytes at each end of a line, and counts no more for it.
    largest = text.replace("\n", "\r\n") + " " * (MAX_TEXT_BYTES - len(text.encode()) - 1) + "\r\n"
    assert check(administrator, text).json() == {"zones": most, "problems": []}
    assert check(administrator, largest.replace("\r\n", "\n")).json()["problems"] == []
    assert edit(administrator, camera, zone_config=largest).status_code == 302
    assert Camera.objects.get().zone_config == most

    refused = "The text is larger than 3 MiB."
    too_large = check(administrator, b"[" * (MAX_TEXT_BYTES + 1))
    assert too_large.json() == {"zones": None, "problems": [{"path": "", "detail": refused}]}
    answer = edit(administrator, camera, zone_config="[" * (MAX_TEXT_BYTES + 1))
    assert answer.context["adminform"].form.errors["zone_config"] == [refused]
    assert Camera.objects.get().zone_config == most
    assert check(administrator, b" " * 5_000_000).status_code == 400


def test_only_who_may_change_cameras_has_zones_judged(
    administrator: Client, operator: Client, viewer: Client
) -> None:
    assert [check(client, {}).status_code for client in (administrator, operator, viewer)] == [200, 403, 403]
    assert check(Client(), {}).headers["Location"].startswith("/admin/login/")
    assert administrator.get(CHECK).status_code == 405


def test_the_check_wants_the_token_of_the_form(administrator: Client) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.cookies = administrator.cookies
    assert check(careful, {}).status_code == 403


def test_zones_are_offered_of_the_cameras_that_have_some_and_match(viewer: Client) -> None:
    yard = make_camera("Yard", site=make_site("South"), zone_config=TRIANGLE)
    make_camera("Attic", zone_config=TRIANGLE)
    make_camera("Empty yard")

    def names(query: str) -> list[str]:
        return [camera["name"] for camera in viewer.get(OTHERS, {"q": query}).json()["cameras"]]

    assert names("") == ["Attic", "Yard"]
    assert names("yar") == names("south") == names(" Yard") == ["Yard"]
    assert names("nowhere") == []
    assert viewer.get(OTHERS, {"q": "south"}).json()["cameras"] == [
        {"id": str(yard.pk), "name": "Yard", "site": "South", "zones": yard.zone_config}
    ]


def test_the_cameras_of_others_are_for_who_may_see_them(db: None) -> None:
    nobody = sign_in(name="nora")
    assert nobody.get(OTHERS).status_code == 403
    assert Client().get(OTHERS).headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("count", [1, 50])
def test_offers_cost_the_same_however_many_cameras(
    viewer: Client, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    for number in range(count):
        make_camera(f"Gate {number:02}", zone_config=TRIANGLE)
    with django_assert_num_queries(4):  # the session, the person, their roles, the cameras
        offered = viewer.get(OTHERS).json()["cameras"]
    assert len(offered) == min(count, MAX_OFFERED)


@pytest.mark.parametrize("name", HOSTILE_MARKUP)
def test_the_page_holds_the_text_escaped_and_without_a_script_of_its_own(administrator: Client, name: str) -> None:
    zones = {"type": "Feature", "properties": {"name": name}, "geometry": TRIANGLE}
    camera = make_camera(zone_config=zones)
    page = administrator.get(f"/admin/cameras/camera/{camera.pk}/change/").content.decode()
    editor = page[page.index("data-zone-editor") : page.index("Edit as JSON")]

    assert '<details class="ze-json" data-ze="json" open>' in page, "without a script the text is seen"
    assert '<script src="/static/cameras/zone_editor/main.js" type="module"></script>' in page
    assert re.search(r"<form[^>]* enctype=\"multipart/form-data\"[^>]* id=\"camera_form\"", page), (
        "room for most zones"
    )
    assert "style=" not in editor
    assert editor.count("<script") == editor.count('<script type="application/json">') == 1
    assert name not in page or not set(name) & set("<>'\"&")
