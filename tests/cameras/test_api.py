"""The API of cameras and sites: scenarios, roles, strictness, and what never leaves."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from cameras import credentials
from cameras.models import Camera, CameraVitals, Change, Purge
from controlplane.access.models import ApiToken, AuditEntry
from tests.factories import SECRET, URL, ApiClient, make_camera, make_site, make_token

pytestmark = pytest.mark.django_db

BRIEF = {
    "name": "South Gate",
    "connection_string": "rtsp://user:pass@10.0.0.5:554/stream",
    "zone_config": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
}
DETAIL_FIELDS = (
    "id name site location connection_string address model_config zone_config desired_state status status_reason "
    "status_since last_contact latest generation observed_generation expected_interval_seconds notes created_at "
    "updated_at"
).split()
LIST_FIELDS = "id name status status_reason desired_state site address last_contact generation".split()


# --- The scenarios of the brief -----------------------------------------------------------------------------


def test_scenario_a_a_new_camera_is_registered_stopped(administrator: ApiClient) -> None:
    answer = administrator.post("/cameras", BRIEF)

    told = answer.json()
    assert answer.status_code == 201
    assert list(told) == DETAIL_FIELDS
    assert answer["Location"] == f"/cameras/{told['id']}"
    assert (told["desired_state"], told["status"], told["generation"]) == ("stopped", "stopped", 1)
    assert (told["connection_string"], told["address"]) == ("rtsp://user:***@10.0.0.5:554/stream", "10.0.0.5:554")
    assert told["zone_config"]["features"][0]["geometry"]["type"] == "Polygon"
    assert administrator.get("/cameras").json()[0]["id"] == told["id"]


def test_scenario_b_an_operator_pauses_a_camera_and_it_stays_paused(operator: ApiClient) -> None:
    camera = make_camera(desired_state="running")

    answer = operator.patch(f"/cameras/{camera.pk}", {"desired_state": "stopped"})

    assert (answer.status_code, answer.json()["desired_state"]) == (200, "stopped")
    camera.refresh_from_db()
    assert (camera.desired_state, camera.generation) == ("stopped", 2)


def test_an_operator_changes_nothing_else(operator: ApiClient) -> None:
    camera = make_camera()

    for values in (
        {"name": "Other"},
        {"desired_state": "running", "notes": "x"},
        {"connection_string": "rtsp://h/"},
    ):
        assert operator.patch(f"/cameras/{camera.pk}", values).status_code == 403, values
    assert operator.post("/cameras", BRIEF).status_code == 403
    assert operator.delete(f"/cameras/{camera.pk}").status_code == 403
    assert Change.objects.count() == 1


# --- The list -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 50])
def test_the_list_takes_two_queries_however_long_it_is(
    viewer: ApiClient, count: int, django_assert_num_queries: Any
) -> None:
    site = make_site()
    for number in range(count):
        make_camera(f"camera {number:03}", site=site)
    viewer.get("/cameras")

    # The cursor (on PostgreSQL with the identity of its history), then the rows.
    with django_assert_num_queries(3 if connection.vendor == "postgresql" else 2):
        items = viewer.get("/cameras").json()

    assert [item["name"] for item in items] == [f"camera {number:03}" for number in range(count)]
    assert list(items[0]) == LIST_FIELDS


def listed(client: ApiClient, query: str = "") -> Any:
    return client.get(f"/cameras{query}").json()


def test_an_empty_fleet_is_an_empty_array_with_a_cursor(viewer: ApiClient) -> None:
    answer = viewer.get("/cameras")

    assert (answer.status_code, answer.json()) == (200, [])
    assert answer["X-Cursor"].endswith("-0")


def test_pages_meet_without_gap_or_overlap_in_every_order(viewer: ApiClient) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(7):
        make_camera(f"camera {number // 3}", now=start + timedelta(seconds=number // 2))
    for ordering in ("name", "-name", "created_at", "-created_at"):
        whole = [item["id"] for item in listed(viewer, f"?ordering={ordering}")]
        seen, path = [], f"/cameras?ordering={ordering}&limit=2"
        while path:
            answer = viewer.get(path)
            seen += [item["id"] for item in answer.json()]
            link = answer.headers.get("Link", "")
            path = link.partition("<http://testserver")[2].partition(">")[0]
        assert seen == whole, ordering
        assert len(set(seen)) == 7


def test_the_list_is_filtered_and_searched(viewer: ApiClient) -> None:
    north, south = make_site("North Lot"), make_site("South")
    make_camera("Gate", site=north, desired_state="running")
    make_camera("Roof", site=south, connection_string="rtsp://10.9.9.9/live")
    make_camera("Yard", location="Behind the gate")

    def names(query: str) -> list[str]:
        return [item["name"] for item in listed(viewer, query)]

    assert names("?desired_state=running") == ["Gate"]
    assert names(f"?site={south.pk}") == ["Roof"]
    assert names("?search=gate") == ["Gate", "Yard"]
    assert names("?search=north%20lot") == ["Gate"]
    assert names("?search=10.9.9") == ["Roof"]
    assert names("?status=stopped") == ["Roof", "Yard"]
    assert names("?status=offline") == ["Gate"]
    assert listed(viewer, "?fields=name,id&search=roof") == [
        {"name": "Roof", "id": str(Camera.objects.get(name="Roof").pk)}
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?nonsense=1", "nonsense"),
        ("?site__name=x", "site__name"),
        ("?status=sleeping", "status"),
        ("?desired_state=", "desired_state"),
        ("?desired_state=Running", "desired_state"),
        ("?site=5", "site"),
        ("?ordering=sealed_connection", "ordering"),
        ("?ordering=", "ordering"),
        ("?fields=connection_string", "fields"),
        ("?fields=", "fields"),
        ("?fields=id,id", "fields"),
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?limit=1e2", "limit"),
        ("?limit=%D9%A5", "limit"),
        ("?limit=5&limit=6", "limit"),
        ("?cursor=x", "cursor"),
        ("?cursor=W10", "cursor"),
        ("?search=%00", "search"),
        ("?search=" + "a" * 201, "search"),
    ],
)
def test_an_unknown_parameter_or_value_is_400_and_named(viewer: ApiClient, query: str, field: str) -> None:
    make_camera()

    answer = viewer.get(f"/cameras{query}")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), answer.content
    assert [error["field"] for error in answer.json()["errors"]] == [field]


# --- One camera ---------------------------------------------------------------------------------------------


def test_the_detail_shows_what_was_observed(viewer: ApiClient) -> None:
    camera = make_camera(desired_state="running", now=datetime.now(UTC) - timedelta(minutes=5))
    contact = datetime.now(UTC)
    CameraVitals.objects.update(
        last_contact=contact,
        latest_timestamp=contact,
        latest_occupancy=7,
        latest_confidence=0.5,
        observed_generation=1,
    )

    told = viewer.get(f"/cameras/{camera.pk}").json()

    assert (told["status"], told["status_since"], told["observed_generation"]) == ("healthy", None, 1)
    assert told["status_reason"].startswith("reporting")
    assert (told["latest"]["occupancy"], told["latest"]["confidence"]) == (7, 0.5)
    assert datetime.fromisoformat(told["last_contact"]) == contact


@pytest.mark.parametrize("id", ["nonsense", "0" * 36, "%7B%7D", "..%2f"])
def test_a_bad_id_is_404_for_every_method(administrator: ApiClient, id: str) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        answer = administrator.request(method, f"/cameras/{id}", {"notes": "x"} if method == "PATCH" else None)
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json"), method


def test_put_is_405_and_says_what_is_allowed(administrator: ApiClient) -> None:
    answer = administrator.request("PUT", f"/cameras/{make_camera().pk}", BRIEF)

    assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json")
    assert "PATCH" in answer["Allow"]


def test_a_patch_writes_just_the_fields_sent_and_one_change(administrator: ApiClient) -> None:
    camera = make_camera(notes="old")

    told = administrator.patch(f"/cameras/{camera.pk}", {"name": "New", "notes": "new"}).json()

    assert (told["name"], told["notes"], told["generation"]) == ("New", "new", 1)
    change = Change.objects.order_by("-revision")[0]
    assert change.diff == {"name": {"before": "Gate", "after": "New"}, "notes": {"before": "old", "after": "new"}}


@pytest.mark.parametrize(
    ("values", "rises"),
    [
        ({"desired_state": "running"}, True),
        ({"expected_interval_seconds": 5}, True),
        ({"model_config": {"fps": 5}}, True),
        ({"zone_config": BRIEF["zone_config"]}, True),
        ({"connection_string": "rtsp://user:other@10.0.0.5:554/stream"}, True),
        ({"connection_string": URL}, False),
        ({"name": "Renamed"}, False),
        ({"location": "Roof"}, False),
        ({"notes": "x"}, False),
        ({"desired_state": "stopped"}, False),
        ({"zone_config": {}}, False),
    ],
)
def test_generation_rises_only_when_what_a_worker_runs_on_changes(
    administrator: ApiClient, values: dict[str, Any], rises: bool
) -> None:
    camera = make_camera()

    told = administrator.patch(f"/cameras/{camera.pk}", values).json()

    assert told["generation"] == (2 if rises else 1)


def test_the_redacted_connection_string_sent_back_means_unchanged(administrator: ApiClient) -> None:
    camera = make_camera()
    redacted = administrator.get(f"/cameras/{camera.pk}").json()["connection_string"]

    same = administrator.patch(f"/cameras/{camera.pk}", {"connection_string": redacted, "notes": "x"})
    other = administrator.patch(
        f"/cameras/{camera.pk}", {"connection_string": redacted.replace("10.0.0.5", "10.0.0.6")}
    )

    assert (same.status_code, other.status_code) == (200, 400)
    camera.refresh_from_db()
    assert credentials.unseal(camera.pk, camera.sealed_connection) == URL


def test_if_match_lets_one_of_two_win(administrator: ApiClient) -> None:
    camera = make_camera()
    seen = administrator.get(f"/cameras/{camera.pk}")["ETag"]

    first = administrator.patch(f"/cameras/{camera.pk}", {"notes": "first"}, **{"If-Match": seen})
    second = administrator.patch(f"/cameras/{camera.pk}", {"notes": "second"}, **{"If-Match": seen})

    assert (first.status_code, second.status_code) == (200, 412)
    assert second["ETag"] == first["ETag"] == administrator.get(f"/cameras/{camera.pk}")["ETag"] != seen
    assert Camera.objects.get().notes == "first"


@pytest.mark.parametrize(
    ("if_match", "status"),
    [("*", 200), ('"nonsense"', 412), ("W/{etag}", 412), ('{etag}, "x"', 200), ("nonsense", 412)],
)
def test_if_match_is_a_strong_comparison(administrator: ApiClient, if_match: str, status: int) -> None:
    camera = make_camera()
    etag = administrator.get(f"/cameras/{camera.pk}")["ETag"]

    answer = administrator.patch(
        f"/cameras/{camera.pk}", {"notes": "x"}, **{"If-Match": if_match.replace("{etag}", etag)}
    )

    assert answer.status_code == status


def test_telemetry_does_not_change_the_etag_nor_the_log(administrator: ApiClient, worker: ApiClient) -> None:
    camera = make_camera()
    before = administrator.get(f"/cameras/{camera.pk}")["ETag"]

    worker.post(f"/telemetry/{camera.pk}", {"timestamp": "2024-01-01T12:00:00Z", "occupancy": 5, "confidence": 1})

    assert administrator.get(f"/cameras/{camera.pk}")["ETag"] == before
    assert Change.objects.count() == 1


def test_a_deleted_camera_is_gone_at_once_and_leaves_its_changes_and_a_purge(administrator: ApiClient) -> None:
    camera = make_camera()
    make_token("worker", camera_id=camera.pk)

    answer = administrator.delete(f"/cameras/{camera.pk}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert administrator.get(f"/cameras/{camera.pk}").status_code == 404
    assert administrator.delete(f"/cameras/{camera.pk}").status_code == 404
    assert list(Change.objects.order_by("revision").values_list("kind", flat=True)) == ["created", "deleted"]
    assert not CameraVitals.objects.exists()
    assert Purge.objects.get().camera_id == camera.pk
    assert ApiToken.objects.get(camera_id=camera.pk).revoked_at is not None


# --- Bad input ----------------------------------------------------------------------------------------------

CAMERA_FAULTS: list[tuple[str, str]] = [
    ("name", '""'),
    ("name", '"  "'),
    ("name", "5"),
    ("name", "null"),
    ("name", "true"),
    ("name", '"a\\u0000b"'),
    ("name", '"\\ud800"'),
    ("name", '"a\\u001bb"'),
    ("name", '"a\\u202eb"'),
    ("name", f'"{"a" * 201}"'),
    ("name", "1e400"),
    ("notes", '"\\u0000"'),
    ("location", "[]"),
    ("site", "5"),
    ("site", '"nonsense"'),
    ("site", '"0b54e1b2-9c0f-4d6f-8f3c-2f6d3f1f0a11"'),
    ("desired_state", '"paused"'),
    ("desired_state", "true"),
    ("desired_state", "[]"),
    ("expected_interval_seconds", "0"),
    ("expected_interval_seconds", "86401"),
    ("expected_interval_seconds", '"5"'),
    ("expected_interval_seconds", "5.0"),
    ("expected_interval_seconds", "true"),
    ("expected_interval_seconds", "null"),
    ("expected_interval_seconds", "1" * 400),
    ("model_config", "[]"),
    ("model_config", "null"),
    ("model_config", '{"a":' * 33 + "1" + "}" * 33),
    ("model_config", json.dumps({"a": "x" * 65_536})),
    ("model_config.a", '{"a":"\\u0000"}'),
    ("model_config.a", '{"a":NaN}'),
    ("model_config.a", '{"a":1,"a":2}'),
    ("zone_config", "[]"),
    ("zone_config", '"x"'),
    ("connection_string", '"http://10.0.0.7/live"'),
    ("connection_string", "5"),
    ("connection_string", "null"),
    ("status", '"healthy"'),
    ("id", '"0b54e1b2-9c0f-4d6f-8f3c-2f6d3f1f0a11"'),
    ("last_contact", "null"),
    ("generation", "5"),
    ("sealed_connection", '"x"'),
    ("nonsense", "1"),
]


@pytest.mark.parametrize(
    ("field", "text"), CAMERA_FAULTS, ids=[f"{field} {text[:24]}" for field, text in CAMERA_FAULTS]
)
def test_a_bad_field_is_400_by_name_on_create_and_on_change(
    administrator: ApiClient, field: str, text: str
) -> None:
    camera = make_camera()
    top = field.partition(".")[0]
    values = {name: json.dumps(value) for name, value in BRIEF.items()} | {top: text}
    whole = "{" + ",".join(f'"{name}":{value}' for name, value in values.items()) + "}"

    for answer in (
        administrator.post("/cameras", whole.encode()),
        administrator.patch(f"/cameras/{camera.pk}", f'{{"{top}":{text}}}'.encode()),
    ):
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), answer.content
        assert {error["field"] for error in answer.json()["errors"]} == {field}, answer.content
    assert Camera.objects.count() == Change.objects.count() == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b'{"name":"a",}',
        b"\xff",
        b'\xef\xbb\xbf{"name":"a"}',
        b'{"name":"a","name":"b","connection_string":"rtsp://h/"}',
        b"[" * 100_000,
        b'{"notes":' * 5_000 + b"1" + b"}" * 5_000,
    ],
    ids=range(12),
)
def test_what_is_no_json_object_is_400(administrator: ApiClient, body: bytes) -> None:
    camera = make_camera()

    for answer in (administrator.post("/cameras", body), administrator.patch(f"/cameras/{camera.pk}", body)):
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), answer.content
        assert answer.json()["errors"]
    assert Camera.objects.count() == 1


def test_an_oversize_body_is_413_and_another_type_is_415(administrator: ApiClient) -> None:
    big = json.dumps({**BRIEF, "notes": "x" * 300_000}).encode()

    assert administrator.post("/cameras", big).status_code == 413
    for content_type in ("text/plain", "multipart/form-data; boundary=x", "application/json; charset=utf-16", ""):
        assert administrator.post("/cameras", BRIEF, content_type=content_type).status_code == 415, content_type
    assert administrator.post("/cameras", BRIEF, **{"Content-Encoding": "gzip"}).status_code == 415
    assert not Camera.objects.exists()


VECTORS = [json.loads(line) for line in (Path(__file__).parent / "rtsp_urls.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["note"] for vector in VECTORS])
def test_every_brand_url_gets_its_verdict_through_the_api(
    administrator: ApiClient, vector: dict[str, Any]
) -> None:
    answer = administrator.post("/cameras", {"name": "Camera", "connection_string": vector["url"]})

    if vector["verdict"] == "invalid":
        assert answer.status_code == 400
        (error,) = answer.json()["errors"]
        assert error["field"] == "connection_string"
        assert vector["url"].strip() not in error["detail"] or not vector["url"].strip()
        return
    assert answer.status_code == 201, answer.content
    told = administrator.get(f"/cameras/{answer.json()['id']}/credentials").json()
    assert told["connection_string"].lower() == vector.get("normalised", vector["url"]).lower()


# --- Who may ------------------------------------------------------------------------------------------------

#: viewer, operator, administrator, orchestrator, worker, worker bound to the camera, nobody
MATRIX: list[tuple[str, str, Any, tuple[int, ...]]] = [
    ("GET", "/cameras", None, (200, 200, 200, 200, 403, 403, 401)),
    ("POST", "/cameras", BRIEF, (403, 403, 201, 403, 403, 403, 401)),
    ("GET", "/cameras/{id}", None, (200, 200, 200, 200, 403, 200, 401)),
    ("PATCH", "/cameras/{id}", {"desired_state": "running"}, (403, 200, 200, 403, 403, 403, 401)),
    ("PATCH", "/cameras/{id}", {"name": "x"}, (403, 403, 200, 403, 403, 403, 401)),
    ("GET", "/cameras/{id}/credentials", None, (403, 403, 200, 200, 403, 200, 401)),
    ("GET", "/cameras/changes", None, (200, 200, 200, 200, 403, 403, 401)),
    ("GET", "/telemetry/{id}", None, (200, 200, 200, 200, 403, 403, 401)),
    ("GET", "/sites", None, (200, 200, 200, 200, 403, 403, 401)),
    ("POST", "/sites", {"name": "New"}, (403, 403, 201, 403, 403, 403, 401)),
    ("GET", "/sites/{site}", None, (200, 200, 200, 200, 403, 403, 401)),
    ("PATCH", "/sites/{site}", {"location": "x"}, (403, 403, 200, 403, 403, 403, 401)),
    ("DELETE", "/sites/{site}", None, (403, 403, 204, 403, 403, 403, 401)),
    ("DELETE", "/cameras/{id}", None, (403, 403, 204, 403, 403, 403, 401)),
    ("GET", "/schema", None, (200, 200, 200, 200, 403, 403, 401)),
    ("GET", "/docs", None, (200, 200, 200, 200, 403, 403, 401)),
    ("GET", "/metrics", None, (200, 200, 200, 200, 403, 403, 401)),
    ("GET", "/livez", None, (200,) * 7),
    ("GET", "/readyz", None, (200,) * 7),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"), MATRIX, ids=[f"{row[0]} {row[1]}" for row in MATRIX]
)
def test_each_role_may_do_what_the_table_says(
    method: str, path: str, body: Any, expected: tuple[int, ...]
) -> None:
    answers = []
    for number, role in enumerate(
        ("viewer", "operator", "administrator", "orchestrator", "worker", "bound", None)
    ):
        camera, site = make_camera(), make_site(f"Site {number}")
        if role == "bound":
            client = ApiClient(make_token("worker", camera_id=camera.pk))
        else:
            client = ApiClient(make_token(role) if role else None)
        answer = client.request(method, path.format(id=camera.pk, site=site.pk), body)
        answers.append(answer.status_code)
        if answer.status_code >= 400:
            assert answer["Content-Type"] == "application/problem+json"

    assert tuple(answers) == expected


def test_a_bound_principal_sees_and_touches_only_its_site() -> None:
    mine, other = make_site("Mine"), make_site("Other")
    inside, outside = make_camera("inside", site=mine), make_camera("outside", site=other)
    client = ApiClient(make_token("administrator", site_id=mine.pk))

    assert [item["name"] for item in listed(client)] == ["inside"]
    assert [site["name"] for site in client.get("/sites").json()] == ["Mine"]
    for path in ("", "/credentials"):
        assert client.get(f"/cameras/{outside.pk}{path}").status_code == 404
    assert client.get(f"/telemetry/{outside.pk}").status_code == 404
    assert client.patch(f"/cameras/{outside.pk}", {"desired_state": "running"}).status_code == 404
    assert client.delete(f"/cameras/{outside.pk}").status_code == 404
    assert client.patch(f"/cameras/{inside.pk}", {"site": str(other.pk)}).status_code == 403
    assert client.post("/cameras", BRIEF).status_code == 403
    assert client.post("/cameras", {**BRIEF, "site": str(mine.pk)}).status_code == 201
    assert client.post("/sites", {"name": "New"}).status_code == 403


def test_a_revoked_and_an_expired_token_are_401() -> None:
    camera = make_camera()
    revoked = ApiClient(make_token("viewer"))
    ApiToken.objects.update(revoked_at=datetime.now(UTC))
    expired = ApiClient(make_token("viewer", expires_at=datetime.now(UTC) - timedelta(seconds=1)))

    for client in (revoked, expired, ApiClient("cpt_" + "a" * 43), ApiClient("x")):
        answer = client.get(f"/cameras/{camera.pk}")
        assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
        assert answer["WWW-Authenticate"].startswith("Bearer")


# --- Secrets ------------------------------------------------------------------------------------------------


def test_a_revealed_credential_is_audited_and_not_cached(orchestrator: ApiClient) -> None:
    camera = make_camera()

    answer = orchestrator.get(f"/cameras/{camera.pk}/credentials")

    assert (answer.json(), answer["Cache-Control"]) == ({"connection_string": URL}, "no-store")
    entry = AuditEntry.objects.get(action="credentials.revealed")
    assert (entry.by, entry.object_id) == ("token:orchestrator", str(camera.pk))


def test_an_unreadable_credential_is_a_409_on_that_camera_alone(administrator: ApiClient) -> None:
    broken, sound = make_camera("broken"), make_camera("sound")
    Camera.objects.filter(pk=broken.pk).update(sealed_connection=sound.sealed_connection)

    assert administrator.get(f"/cameras/{broken.pk}/credentials").status_code == 409
    assert administrator.get(f"/cameras/{sound.pk}/credentials").status_code == 200
    assert administrator.get(f"/cameras/{broken.pk}").status_code == 200
    assert len(listed(administrator)) == 2
    mended = administrator.patch(f"/cameras/{broken.pk}", {"connection_string": URL})
    assert mended.status_code == 200
    assert administrator.get(f"/cameras/{broken.pk}/credentials").json() == {"connection_string": URL}


def test_no_answer_holds_a_secret_except_the_credentials(
    administrator: ApiClient, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"rtsp://user:{SECRET}@10.0.0.5/live?token={SECRET}"
    created = administrator.post("/cameras", {"name": "Gate", "connection_string": url})
    path = f"/cameras/{created.json()['id']}"
    answers = [
        created,
        administrator.get(path),
        administrator.get("/cameras"),
        administrator.patch(path, {"connection_string": url.replace("/live", "/other")}),
        administrator.patch(path, {"connection_string": f"rtsp://user:{SECRET}@bad host/"}),
        administrator.post("/cameras", f'{{"connection_string": "{url}" "'.encode()),
        administrator.post("/cameras", {"connection_string": [url]}),
        administrator.get("/cameras/changes?since=0"),
        administrator.get(f"/cameras?search={SECRET}&nonsense={SECRET}"),
        administrator.get("/schema"),
        administrator.get("/metrics"),
        administrator.get("/readyz"),
        administrator.delete(path),
    ]

    for answer in answers:
        assert SECRET not in answer.content.decode(), answer.status_code
    assert SECRET not in json.dumps(list(Change.objects.values()), default=str)
    assert SECRET not in json.dumps(list(AuditEntry.objects.values()), default=str)
    assert SECRET not in caplog.text + "".join(capsys.readouterr())


# --- Sites --------------------------------------------------------------------------------------------------


def test_a_site_lives_and_is_removed_when_it_is_empty(administrator: ApiClient) -> None:
    made = administrator.post("/sites", {"name": "North", "timezone": "Europe/Berlin", "latitude": 52.5})
    site = made.json()
    camera = make_camera()
    administrator.patch(f"/cameras/{camera.pk}", {"site": site["id"]})

    busy = administrator.delete(f"/sites/{site['id']}")
    administrator.patch(f"/cameras/{camera.pk}", {"site": None})
    empty = administrator.delete(f"/sites/{site['id']}")

    assert (made.status_code, made["Location"]) == (201, f"/sites/{site['id']}")
    assert list(site) == ["id", "name", "timezone", "location", "latitude", "longitude"]
    assert (busy.status_code, empty.status_code) == (409, 204)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Taken"),
        ("name", ""),
        ("timezone", "Mars/Phobos"),
        ("timezone", "../etc/passwd"),
        ("latitude", 90.1),
        ("latitude", "52"),
        ("longitude", -180.5),
        ("longitude", True),
        ("nonsense", 1),
        ("id", "0b54e1b2-9c0f-4d6f-8f3c-2f6d3f1f0a11"),
    ],
)
def test_a_bad_site_is_400_by_name(administrator: ApiClient, field: str, value: Any) -> None:
    make_site("Taken")
    site = make_site("Mine")

    for answer in (
        administrator.post("/sites", {"name": "New", field: value}),
        administrator.patch(f"/sites/{site.pk}", {field: value}),
    ):
        assert answer.status_code == 400, answer.content
        assert [error["field"] for error in answer.json()["errors"]] == [field]


# --- Concurrency --------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_concurrent_patches_of_different_fields_both_survive() -> None:
    camera = make_camera()
    client = ApiClient(make_token("administrator"))
    client.get("/cameras")
    rounds = 200
    together = threading.Barrier(2)
    answers: list[int] = []

    def patch(field: str) -> None:
        for number in range(rounds):
            together.wait(timeout=30)
            answers.append(client.patch(f"/cameras/{camera.pk}", {field: f"{field} {number}"}).status_code)
            together.wait(timeout=30)
            if field == "notes":
                camera.refresh_from_db()
                assert (camera.notes, camera.location) == (f"notes {number}", f"location {number}")
        connection.close()

    threads = [threading.Thread(target=patch, args=[field]) for field in ("notes", "location")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [200] * 2 * rounds
    revisions = list(Change.objects.order_by("revision").values_list("revision", flat=True))
    assert revisions == list(range(1, 2 * rounds + 2))
