"""Search: what it finds, whatever the accents and case; exact names first; kept right by every write; its cost."""

import json
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cameras import actions, names, site_actions
from cameras.api.representation import BEST_FIRST, camera_pages
from cameras.facts import Interruptions
from cameras.intent import clean_camera, clean_site
from cameras.models import Camera, CameraVitals, Site
from cameras.search_conditions import ids_beginning_with
from cameras.transfer.imports import Upload, read_upload
from cameras.transfer.plan import apply_plan
from tests.admin_client import CAMERAS, SITES, sign_in
from tests.factories import AUTHOR, NOW, URL, ApiClient, make_camera, make_principal, make_site

pytestmark = pytest.mark.django_db

ID = UUID("3f2a9c1e-77d0-4b6a-9a54-0c1de2f3a4b5")
NEARBY = UUID("3f2a9c1e-77d0-4b6a-9a54-0c1de2f3a4b6")


@pytest.fixture
def anna(db: None) -> Client:
    return sign_in("administrator", name="anna")


def searched(text: str) -> list[str]:
    return sorted(camera.name for camera in Camera.objects.matching(text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Gdansk", ["Gdańsk Brama", "Peron"]),
        ("GDAŃSK", ["Gdańsk Brama", "Peron"]),
        ("munchen", ["München Tor"]),
        ("MÜNCHEN tor", ["München Tor"]),
        ("strasse", ["Hof"]),
        ("Straße", ["Hof"]),
        ("STRASSE hof", ["Hof"]),
        ("lodz", ["Łódź"]),
        ("orestad", ["Ørestad"]),
        ("ｈｏｆ", ["Hof"]),
        ("ho\u200bf", ["Hof"]),
        ("dluga", ["Peron"]),  # where the site is
        ("10.9.9", ["Hof"]),
        ("3f2a9c1e-77d0-4b6a-9a54-0c1de2f3a4b5", ["Hof"]),
        ("3F2A9C1E77D04B6A9A540C1DE2F3A4B5", ["Hof"]),
        ("3f2a9c1e", ["Hof", "Łódź"]),
        ("3f2a", ["Hof", "Łódź"]),
        ("3f2a9c1e-77d0-", ["Hof", "Łódź"]),
        ("3f2a9c1e77d0 hof", ["Hof"]),
        ("3f2a9-c1e", []),
        ("3f2", []),
        ("9c1e", []),
        ("100%", []),
        ("H_f", []),
        ("hof\\", []),
        ("gdansk hof", []),
        ("  ", ["Gdańsk Brama", "Hof", "München Tor", "Peron", "Ørestad", "Łódź"]),
    ],
)
def test_what_is_found(text: str, found: list[str]) -> None:
    site = make_site("Gdańsk Główny", location="ulica Długa")
    make_camera("Gdańsk Brama")
    make_camera("Peron", site=site)
    make_camera("München Tor")
    make_camera("Ørestad")
    of_id = {"connection_string": "rtsp://10.9.9.9/x", "location": "Hauptstraße"}
    for name, camera_id, values in (("Hof", ID, of_id), ("Łódź", NEARBY, {})):
        cleaned = clean_camera({"name": name, "connection_string": URL, **values})
        actions.register_camera(values=cleaned, by=AUTHOR, now=NOW, camera_id=camera_id)

    assert searched(text) == found


@pytest.mark.parametrize(
    ("word", "ids"),
    [
        ("3f2a", ("3f2a0000-0000-0000-0000-000000000000", "3f2affff-ffff-ffff-ffff-ffffffffffff")),
        (str(ID), (str(ID), str(ID))),
        (ID.hex.upper(), (str(ID), str(ID))),
        ("3f2a9c1e-", ("3f2a9c1e-0000-0000-0000-000000000000", "3f2a9c1e-ffff-ffff-ffff-ffffffffffff")),
        ("3f2", None),
        ("-3f2a", None),
        ("3f2a-", None),
        ("3f2g", None),
        (f"{ID}0", None),
        ("٣٣٣٣", None),
    ],
)
def test_the_beginning_of_an_id(word: str, ids: tuple[str, str] | None) -> None:
    assert ids_beginning_with(word) == (ids and (UUID(ids[0]), UUID(ids[1])))


# --- The API ----------------------------------------------------------------------------------------------


def listed(client: ApiClient, query: str) -> list[str]:
    return [item["name"] for item in client.get(f"/cameras?{query}").json()]


def pages(client: ApiClient, query: str, limit: int) -> list[str]:
    found, path = [], f"/cameras?{query}&limit={limit}"
    while path:
        answer = client.get(path)
        assert len(answer.json()) <= limit
        found += [item["name"] for item in answer.json()]
        path = answer.headers.get("Link", "").partition("<http://testserver")[2].partition(">")[0]
    return found


def test_the_exact_name_comes_first_unless_an_ordering_is_given(viewer: ApiClient) -> None:
    for name in ("Dock 17", "Dock 70", "Dock 7", "dock  7", "Aisle at dock 7", "Dock"):
        make_camera(name)
    whole = listed(viewer, "search=dock%207")

    assert set(whole[:2]) == {"Dock 7", "dock  7"}
    assert whole[2:] == sorted(whole[2:])
    assert set(whole) == {"Dock 17", "Dock 70", "Dock 7", "dock  7", "Aisle at dock 7"}
    assert listed(viewer, "search=dock%207&ordering=name") == sorted(whole)
    assert listed(viewer, "search=dock%207&ordering=-name") == sorted(whole, reverse=True)
    assert listed(viewer, "search=") == listed(viewer, "ordering=name")


def test_pages_of_a_search_hold_every_camera_once_in_the_order_of_the_whole(viewer: ApiClient) -> None:
    for name in ("Tor", "tor", "TÓR", "Tor", "Tor 1", "Tor 2", "Hintertor", "Hof"):
        make_camera(name)

    for query in ("search=tor", "search=tor&ordering=-name", "search=tor&ordering=created_at", "search=none"):
        whole = listed(viewer, query)
        assert len(whole) == (0 if "none" in query else 7)
        for limit in range(1, 9):
            assert pages(viewer, query, limit) == whole, (query, limit)


def test_a_cursor_of_a_ranked_list_is_of_no_other(viewer: ApiClient) -> None:
    for name in ("Tor", "Tor 1"):
        make_camera(name)
    path = viewer.get("/cameras?search=tor&limit=1").headers["Link"].partition("cursor=")[2].partition(">")[0]

    assert viewer.get(f"/cameras?search=tor&cursor={path}").status_code == 200
    for query in ("", "&ordering=name", "&search=", "&search=tor&ordering=name"):
        answer = viewer.get(f"/cameras?limit=1&cursor={path}{query}")
        assert answer.status_code == 400, query
        assert answer.json()["errors"][0]["field"] == "cursor"


# --- The admin --------------------------------------------------------------------------------------------


def test_the_lists_and_the_pickers_fold_rank_and_know_ids(anna: Client) -> None:
    gdansk = make_site("Gdańsk")
    make_site("Gdańsk Wrzeszcz")
    first = make_camera("Łódź 7")
    for name in ("A Łódź 7", "Łódź 70"):
        make_camera(name)

    def rows(address: str) -> list[str]:
        return [row.name for row in anna.get(address).context["cl"].result_list]

    def offered(model: str, field: str, term: str) -> list[str]:
        query = {"app_label": "cameras", "model_name": model, "field_name": field, "term": term}
        return [row["text"] for row in anna.get("/admin/autocomplete/", query).json()["results"]]

    assert rows(f"{CAMERAS}?q=lodz+7") == ["Łódź 7", "A Łódź 7", "Łódź 70"]
    assert rows(f"{CAMERAS}?q=lodz+7&o=1") == sorted(rows(f"{CAMERAS}?q=lodz+7"))
    assert rows(f"{CAMERAS}?q={first.pk}") == rows(f"{CAMERAS}?q={str(first.pk)[:8]}") == ["Łódź 7"]
    assert rows(f"{SITES}?q=gdansk") == ["Gdańsk", "Gdańsk Wrzeszcz"]
    assert rows(f"{SITES}?q={quote('GDAŃSK')}") == ["Gdańsk", "Gdańsk Wrzeszcz"]
    assert offered("camera", "site", "gdansk") == [gdansk.name, "Gdańsk Wrzeszcz"]


def test_the_palette_finds_sites_pages_and_cameras_that_the_person_may_open(anna: Client) -> None:
    site = make_site("Gdańsk")
    camera = make_camera("Łódź 7", site=site)
    make_camera("A Łódź 7")

    def found(client: Client, text: str) -> list[tuple[str, str]]:
        results = client.get("/admin/search/", {"s": text}).context["results"]
        return [(one.title, one.link) for one in results]

    assert found(anna, "lodz 7")[0] == ("Łódź 7", f"{CAMERAS}{camera.pk}/change/")
    assert found(anna, str(camera.pk)) == [("Łódź 7", f"{CAMERAS}{camera.pk}/change/")]
    assert found(anna, "gdansk")[0] == ("Gdańsk", f"{SITES}{site.pk}/change/")
    assert found(anna, "audit") == [
        ("Audit trail", "/admin/access/auditentry/"), ("Download CSV", "/admin/access/auditentry/csv/"),
    ]  # fmt: skip
    assert ("Add camera", f"{CAMERAS}add/") in found(anna, "add cam")
    assert ("Import", f"{CAMERAS}import/") in found(anna, "import")
    assert found(anna, "no such thing") == found(anna, "") == []
    assert "Nothing found for “&lt;b&gt;”." in anna.get("/admin/search/", {"s": "<b>"}).content.decode()

    vera = sign_in("viewer", name="vera")
    assert found(vera, "lodz 7")[0][0] == "Łódź 7"
    assert found(vera, "audit") == found(vera, "import") == found(vera, "add") == []
    assert found(sign_in(name="nobody"), "lodz") == []


@pytest.mark.parametrize("count", [1, 40])
def test_the_palette_takes_few_queries_and_shows_few_cameras(
    anna: Client, django_assert_num_queries: Any, count: int
) -> None:
    for number in range(count):
        make_camera(f"Gate {number:02}", site=make_site(f"Site {number}"))

    with django_assert_num_queries(5):  # the session, the person, their roles, the sites, the cameras
        results = anna.get("/admin/search/", {"s": "gate"}).context["results"]

    assert len(results) == min(count, 21)
    if count > 20:
        assert (results[-1].title, results[-1].link) == ("All cameras with “gate”", f"{CAMERAS}?q=gate")


# --- Kept right by what writes ------------------------------------------------------------------------------


def assert_folded() -> None:
    for row in (*Camera.objects.all(), *Site.objects.all()):
        sources = [row.name, row.address, row.location] if isinstance(row, Camera) else [row.name, row.location]
        assert row.name_key == names.key(row.name)
        assert row.searched == "\n".join(map(names.folded, sources))


def test_every_way_to_write_keeps_what_is_searched() -> None:
    site = make_site("Süd", location="Straße 1")
    camera = make_camera("Tür", site=site, location="Flur")
    assert_folded()

    values = clean_camera({"name": "Törchen"}, stored_redacted="")
    actions.update_camera(camera_id=camera.pk, values=values, by=AUTHOR, now=NOW)
    assert_folded()
    values = clean_camera({"location": "Größe"}, stored_redacted="")
    actions.update_camera(camera_id=camera.pk, values=values, by=AUTHOR, now=NOW)
    assert searched("grosse") == ["Törchen"]
    url = clean_camera({"connection_string": "rtsp://10.77.1.1/x"}, stored_redacted="")["connection_string"]
    actions.replace_hardware(camera_id=camera.pk, connection_string=url, reason="", by=AUTHOR, now=NOW)
    assert searched("10.77") == ["Törchen"]
    clone = actions.clone_camera(source_id=camera.pk, values={"name": "Kopie"}, by=AUTHOR, now=NOW)
    assert searched("kopie") == ["Kopie"]
    assert_folded()

    site_actions.update_site(site=site, values=clean_site({"name": "Łódź"}, new=False), by=AUTHOR, now=NOW)
    assert searched("lodz") == ["Törchen"]
    assert searched("sud") == []
    actions.move_cameras(camera_ids=[clone.pk], site_id=site.pk, by=AUTHOR, now=NOW)
    assert searched("lodz") == ["Kopie", "Törchen"]

    rows = [
        {"id": str(camera.pk), "name": "Ærø", "location": "Żuraw"},
        {"name": "Đà Nẵng", "connection_string": URL, "site": "Nový"},
    ]
    plan = read_upload(Upload(json.dumps(rows).encode(), "x.json")).plan(make_principal("administrator"))
    apply_plan(plan, fingerprint=plan.fingerprint, by=AUTHOR, now=NOW)
    assert (searched("aero"), searched("zuraw"), searched("novy")) == (["Ærø"], ["Ærø"], ["Đà Nẵng"])
    assert_folded()


# --- What it costs ----------------------------------------------------------------------------------------


def make_fleet(count: int) -> None:
    sites = Site.objects.bulk_create(
        Site(name=f"Site {number}", location=f"Street {number}") for number in range(20)
    )
    times = dict.fromkeys(("created_at", "updated_at", "desired_state_at"), NOW)
    sealed = "x" * 300  # about as long as a sealed connection string
    # Names that do not come in the order of the table.
    fleet = Camera.objects.bulk_create(
        Camera(
            name=f"Gate {number * 7_919 % count}",
            site=sites[number % 20],
            address="10.0.0.1:554",
            sealed_connection=sealed,
            **times,
        )
        for number in range(count)
    )
    CameraVitals.objects.bulk_create(CameraVitals(camera=camera) for camera in fleet)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def plan_of(query: dict[str, str]) -> Any:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + query["sql"])
            return cursor.fetchone()[0][0]["Plan"]
        cursor.execute("EXPLAIN QUERY PLAN " + query["sql"])
        return " | ".join(row[3] for row in cursor.fetchall())


def rows_visited(node: Any) -> int:
    """Of cameras, by a plan of PostgreSQL: those that were read, whether they fitted or not."""
    visited = sum(map(rows_visited, node.get("Plans", ())))
    if node.get("Relation Name") == "cameras_camera":
        visited += (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return int(visited)


@pytest.mark.parametrize("text", ["gate", "street", "gate 1", "10.0.0.1 gate site", "nothing of it"])
def test_the_pages_of_a_search_look_at_each_camera_a_few_times_however_many_there_are(text: str) -> None:
    count, size = 3_000, 50
    make_fleet(count)
    found = Camera.objects.matching(text)
    expected = found.count()

    with CaptureQueriesContext(connection) as queries:
        pages_read = camera_pages(
            found.named(text),
            found.not_named(text),
            ordering=BEST_FIRST,
            fields=["id"],
            now=NOW,
            interruptions=Interruptions(),
            size=size,
        )
        ids = [item["id"] for items, _next in pages_read for item in items]

    assert len(set(ids)) == len(ids) == expected
    plans = [plan_of(query) for query in list(queries)]
    assert len(plans) == 1 + max(1, -(-expected // size))
    if connection.vendor == "postgresql":
        # Twice: for the exact names, and for the others. When each page searched all that was left it was 30 times.
        assert sum(map(rows_visited, plans)) <= 3 * count
    else:
        assert all("USING INDEX camera_by_name" in plan for plan in plans[1:])
        assert all("camera_by_name (name>?)" in plan for plan in plans[2:])
