"""Many cameras at once: what their workers run on, with and without credentials, and the fleet in numbers."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cameras import actions, credentials, specs
from cameras.change_feed import renew_epoch
from cameras.models import Camera, CameraVitals
from controlplane.access import tokens
from controlplane.access.models import AuditEntry, AuditObject
from tests.admin_client import sign_in
from tests.factories import AUTHOR, NOW, SECRET, URL, ApiClient, make_camera, make_holder, make_site, make_token

pytestmark = pytest.mark.django_db

SPECS = "/cameras/specs"
SUMMARY = "/cameras/summary"


def read(client: ApiClient, ids: Any, **more: Any) -> Any:
    answer = client.post(SPECS, {"ids": ids, **more})
    assert answer.status_code == 200, answer.content
    return answer.json()


def reveals() -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action="credentials.revealed"))


def queries_of(act: Callable[[], Any]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        act()
    return len([query for query in captured if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))])


def test_a_spec_is_what_the_detail_says_and_holds_no_secret_unless_asked(viewer: ApiClient) -> None:
    camera = make_camera(model_config={"model": "people"}, expected_interval_seconds=7, desired_state="running")
    answer = viewer.get(f"/cameras/{camera.pk}")
    detail = answer.json()

    (spec,) = read(viewer, [str(camera.pk)])

    assert spec == {"etag": answer["ETag"]} | {
        name: detail[name]
        for name in (
            "id", "generation", "desired_state", "expected_interval_seconds", "zone_config", "model_config"
        )
    }  # fmt: skip
    assert (reveals(), AuditObject.objects.count()) == ([], 0)


def test_unchanged_unknown_and_foreign_cameras_are_left_out(orchestrator: ApiClient) -> None:
    north = make_site("North")
    same, changed, other = (make_camera(name, site=north) for name in ("same", "changed", "other"))
    foreign = make_camera("foreign", site=make_site("South"))
    bound = ApiClient(make_token("orchestrator", north))
    known = {spec["id"]: spec["etag"] for spec in read(bound, [str(same.pk), str(changed.pk)])}
    actions.update_camera(camera_id=changed.pk, values={"model_config": {"a": 1}}, by=AUTHOR, now=NOW)
    asked = {**known, str(other.pk): None, str(foreign.pk): None, str(uuid4()): None}

    found = {spec["id"]: spec["generation"] for spec in read(bound, asked)}

    assert found == {str(changed.pk): 2, str(other.pk): 1}
    assert read(bound, {str(same.pk): f"W/{known[str(same.pk)]}"}) == [], "compression made it weak"
    assert len(read(bound, {str(same.pk): known[str(changed.pk)]})) == 1
    assert len(read(bound, {str(same.pk): "no tag"})) == 1
    assert len(read(orchestrator, asked)) == 3
    renew_epoch()
    assert len(read(bound, known)) == 2, "after a restore nothing is as it was known"


def test_all_credentials_of_a_request_are_one_entry_that_is_found_by_each_camera(
    orchestrator: ApiClient,
) -> None:
    cameras = [make_camera(f"Gate {number}") for number in range(3)]
    ids = [str(camera.pk) for camera in cameras]

    answer = orchestrator.post(SPECS, {"ids": ids, "credentials": True}, **{"Accept-Encoding": "gzip"})

    assert {spec["id"]: spec["connection_string"] for spec in answer.json()} == dict.fromkeys(ids, URL)
    assert answer["Cache-Control"] == "no-store, no-transform"
    assert "Content-Encoding" not in answer.headers
    (entry,) = reveals()
    assert (entry.by, entry.via, entry.object_type, entry.object_count) == (
        "token:orchestrator",
        "api",
        "camera",
        3,
    )
    assert {(one.object_id, one.object_name) for one in entry.all_objects.all()} == {
        (str(camera.pk), camera.name) for camera in cameras
    }
    admin = sign_in("administrator")
    page = admin.get(f"/admin/access/auditentry/{entry.pk}/change/").content.decode()
    assert str(entry).endswith(f"{entry.object_name} and 2 more")
    for camera in cameras:
        assert f"{camera.name} ({camera.pk})" in page
        for term in (str(camera.pk), camera.name):
            found = admin.get("/admin/access/auditentry/", {"q": term}).content.decode()
            assert f"/admin/access/auditentry/{entry.pk}/change/" in found, term
    listed = admin.get("/admin/access/auditentry/").content.decode()
    assert "and 2 more shown with credentials by the token orchestrator" in listed
    nothing = admin.get("/admin/access/auditentry/", {"q": str(uuid4())}).content.decode()
    assert f"/admin/access/auditentry/{entry.pk}/change/" not in nothing


def test_what_was_not_revealed_is_not_in_the_trail(orchestrator: ApiClient) -> None:
    camera = make_camera()
    (known,) = read(orchestrator, [str(camera.pk)])

    assert read(orchestrator, {known["id"]: known["etag"]}, credentials=True) == []
    assert read(orchestrator, [str(uuid4())], credentials=True) == []
    assert reveals() == []
    read(orchestrator, [str(camera.pk)], credentials=True)
    (entry,) = reveals()
    assert (entry.object_id, entry.object_name, entry.object_count) == (str(camera.pk), "Gate", 1)
    assert AuditObject.objects.count() == 0


def test_one_unreadable_credential_is_null_with_a_reason_and_fails_no_other(orchestrator: ApiClient) -> None:
    broken, sound = make_camera("broken"), make_camera("sound")
    Camera.objects.filter(pk=broken.pk).update(sealed_connection=sound.sealed_connection)

    found = {spec["id"]: spec for spec in read(orchestrator, [str(broken.pk), str(sound.pk)], credentials=True)}

    assert found[str(broken.pk)]["connection_string"] is None
    assert found[str(broken.pk)]["reason"].startswith("credential_unreadable: ")
    assert (found[str(sound.pk)]["connection_string"], "reason" in found[str(sound.pk)]) == (URL, False)
    (entry,) = reveals()
    assert (entry.object_name, entry.object_count) == ("sound", 1)


def test_who_sees_more_than_it_may_reveal_gets_no_more_than_it_may_reveal(monkeypatch: pytest.MonkeyPatch) -> None:
    north, south = make_site("North"), make_site("South")
    mine, seen = make_camera("mine", site=north), make_camera("seen", site=south)
    principal = make_holder(("orchestrator", north), ("viewer", south))
    monkeypatch.setattr(tokens, "principal_of", lambda token: principal)
    client = ApiClient(make_token("viewer"))

    found = {spec["id"]: spec for spec in read(client, [str(mine.pk), str(seen.pk)], credentials=True)}

    assert found[str(mine.pk)]["connection_string"] == URL
    assert found[str(seen.pk)]["connection_string"] is None
    assert found[str(seen.pk)]["reason"].startswith("forbidden: ")
    assert [entry.object_name for entry in reveals()] == ["mine"]


def test_a_viewer_that_asks_for_credentials_is_refused_by_name(viewer: ApiClient) -> None:
    answer = viewer.post(SPECS, {"ids": [str(make_camera().pk)], "credentials": True})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (403, "credentials")
    assert SECRET not in answer.content.decode()
    assert reveals() == []


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ([], "", "invalid"),
        ({}, "ids", "required"),
        ({"ids": None}, "ids", "invalid"),
        ({"ids": "all"}, "ids", "invalid"),
        ({"ids": [str(uuid4()) for _ in range(501)]}, "ids", "too_large"),
        ({"ids": {str(uuid4()): None for _ in range(501)}}, "ids", "too_large"),
        ({"ids": [str(uuid4()), "x"]}, "ids[1]", "invalid"),
        ({"ids": [["x"]]}, "ids[0]", "invalid"),
        ({"ids": [{"x": 1}]}, "ids[0]", "invalid"),
        ({"ids": [None]}, "ids[0]", "invalid"),
        ({"ids": {"x": None}}, "ids[0]", "invalid"),
        ({"ids": {"9f2a4d70-6c3b-4b18-a5e9-1d0c7f8e2b64": 1}}, "ids.9f2a4d70-6c3b-4b18-a5e9-1d0c7f8e2b64", "invalid"),
        ({"ids": [], "credentials": "yes"}, "credentials", "invalid"),
        ({"ids": [], "credentials": None}, "credentials", "invalid"),
        ({"ids": [], "fields": "id"}, "fields", "unknown"),
    ],
)  # fmt: skip
def test_bad_input_is_a_400_that_names_the_field(
    orchestrator: ApiClient, body: Any, field: str, code: str
) -> None:
    answer = orchestrator.post(SPECS, body)

    assert answer.status_code == 400
    assert [(fault["field"], fault["code"]) for fault in answer.json()["errors"]] == [(field, code)]


def test_500_cameras_take_as_many_queries_as_two(orchestrator: ApiClient) -> None:
    pks = [uuid4() for _ in range(specs.MAX_SPECS)]
    Camera.objects.bulk_create(
        Camera(
            pk=pk,
            name="Gate",
            sealed_connection=credentials.seal(pk, URL),
            redacted_connection="rtsp://user:***@10.0.0.5:554/stream",
            address="10.0.0.5:554",
            desired_state_at=NOW,
            created_at=NOW,
            updated_at=NOW,
        )
        for pk in pks
    )
    ids = [str(pk) for pk in pks]
    read(orchestrator, ids[:2])  # who asks is remembered

    assert queries_of(lambda: read(orchestrator, ids[:2])) == 3
    assert queries_of(lambda: read(orchestrator, ids)) == 3
    assert queries_of(lambda: read(orchestrator, ids[:2], credentials=True)) == 5
    assert queries_of(lambda: read(orchestrator, ids[:300], credentials=True)) == 5
    # On SQLite the objects of the entry take two statements: one holds 999 values.
    assert queries_of(lambda: read(orchestrator, ids, credentials=True)) == (
        6 if connection.vendor == "sqlite" else 5
    )
    assert [entry.object_count for entry in reveals()] == [2, 300, 500]
    assert {spec["connection_string"] for spec in read(orchestrator, ids, credentials=True)} == {URL}


def test_the_summary_counts_what_the_list_shows(viewer: ApiClient) -> None:
    now, north = datetime.now(UTC), make_site("North")
    long_ago = now - timedelta(hours=1)
    make_camera("stopped", site=north)
    lost = make_camera("lost", site=north, desired_state="running", now=long_ago)
    failing = make_camera("failing", desired_state="running", now=long_ago)
    degraded = make_camera("degraded", site=make_site("East"), desired_state="running", now=long_ago)
    make_site("Empty")
    heard = {"last_contact": now, "last_sample_at": now}
    vitals = CameraVitals.objects
    vitals.filter(camera=failing).update(**heard, failed_at=now, failure_reason="stream_unauthorized")
    vitals.filter(camera=degraded).update(**heard, observed_generation=7)

    found = viewer.get(SUMMARY).json()

    listed = viewer.get("/cameras?fields=status,conditions,site").json()
    assert found["cameras"] == len(listed) == 4
    for status, count in found["by_status"].items():
        assert count == sum(row["status"] == status for row in listed), status
    for condition, count in found["by_condition"].items():
        assert count == sum(one["type"] == condition for row in listed for one in row["conditions"]), condition
    assert {status: count for status, count in found["by_status"].items() if count} == {
        "stopped": 1, "offline": 1, "failing": 1, "degraded": 1
    }  # fmt: skip
    assert {one: count for one, count in found["by_condition"].items() if count} == {
        "WorkerFailed": 1, "ConfigurationOutdated": 1
    }  # fmt: skip
    assert [(site["name"], site["site"], site["cameras"]) for site in found["by_site"]] == [
        ("East", str(degraded.site_id), 1), ("North", str(lost.site_id), 2), ("", None, 1)
    ]  # fmt: skip
    assert found["by_site"][1]["by_status"]["offline"] == 1


def test_the_summary_is_of_what_one_may_see_and_takes_the_same_queries_for_all(viewer: ApiClient) -> None:
    north = make_site("North")
    make_camera("mine", site=north)
    bound = ApiClient(make_token("viewer", north))
    viewer.get(SUMMARY)
    before = queries_of(lambda: viewer.get(SUMMARY))
    for number in range(5):
        make_camera(f"other {number}", site=make_site(f"Other {number}"))
    make_camera("nowhere")

    assert queries_of(lambda: viewer.get(SUMMARY)) == before
    mine = bound.get(SUMMARY).json()
    assert (mine["cameras"], [site["name"] for site in mine["by_site"]]) == (1, ["North"])
    assert viewer.get(SUMMARY).json()["cameras"] == 7
    assert json.dumps(mine).count("Other") == 0


def test_credentials_carry_the_generation_and_the_etag_that_they_belong_to(orchestrator: ApiClient) -> None:
    camera = make_camera()
    actions.update_camera(camera_id=camera.pk, values={"model_config": {"a": 1}}, by=AUTHOR, now=NOW)

    answer = orchestrator.get(f"/cameras/{camera.pk}/credentials")

    (spec,) = read(orchestrator, [str(camera.pk)], credentials=True)
    assert answer.json() == {"connection_string": spec["connection_string"], "generation": spec["generation"]}
    assert (answer["ETag"], spec["generation"]) == (spec["etag"], 2)
