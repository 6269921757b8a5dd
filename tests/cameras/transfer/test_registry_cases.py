"""Cases from public reports and real files: what people paste, draw, import, and what other programs make of it.

Each line of registry_cases.jsonl is one, with where it comes from and what is right; passwords are made up.
"""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from cameras import credentials, rtsp
from cameras.models import Camera, Site
from cameras.transfer import exports
from cameras.transfer.files.formats import Format
from cameras.transfer.files.rows import UnreadableFile
from cameras.transfer.imports import Upload, read_upload
from cameras.transfer.plan import Effect, Plan, apply_plan
from tests.factories import AUTHOR, NOW, ApiClient, make_camera, make_principal, make_token
from tests.programs import frigate, go2rtc, mediamtx

pytestmark = pytest.mark.django_db

ANNA = make_principal("administrator", name="anna")
CASES = [
    json.loads(line) for line in Path(__file__).with_name("registry_cases.jsonl").read_text("utf-8").splitlines()
]


def cases(through: str, *starts: str) -> Any:
    found = [one for one in CASES if one["through"] == through and one["id"].startswith(starts)]
    return pytest.mark.parametrize("case", found, ids=[f"{one['id']}: {one['kind']}" for one in found])


def stored_address(camera: Camera) -> str:
    return credentials.unseal(camera.pk, camera.sealed_connection)


def imported(data: bytes, file_name: str) -> Plan:
    prepared = read_upload(Upload(data, file_name))
    plan = prepared.plan(ANNA)
    if not plan.is_refused:
        apply_plan(plan, fingerprint=plan.fingerprint, by=AUTHOR, now=NOW)
    return plan


def configuration(**camera: Any) -> bytes:
    return yaml.safe_dump({"cameras": {"yard": camera}}).encode()


def test_every_case_is_tried_by_one_of_the_tests() -> None:
    tried = [("POST /cameras", "u"), ("PATCH /cameras/{id}", "z"), ("export_cameras", "x"), ("POST /sites", "t")]
    tried += [("import_cameras", start) for start in ("c", "f_", "fp", "fj", "rz")]

    assert len(CASES) == 97
    assert [
        one["id"]
        for one in CASES
        if (one["through"], one["id"][:1]) not in tried and (one["through"], one["id"][:2]) not in tried
    ] == []


@cases("POST /cameras", "u")
def test_a_connection_string(case: dict[str, Any]) -> None:
    api = ApiClient(make_token("administrator"))

    answer = api.post("/cameras", {"name": "Gate", "connection_string": case["input"]})

    assert answer.status_code == case["expected"]["status"]
    if answer.status_code == 201:
        assert stored_address(Camera.objects.get()) == case["expected"]["stored"]


@cases("PATCH /cameras/{id}", "z")
def test_zones(case: dict[str, Any]) -> None:
    api, expected = ApiClient(make_token("administrator")), case["expected"]

    answer = api.patch(f"/cameras/{make_camera().pk}", {"zone_config": case["input"]})

    assert answer.status_code == expected["status"]
    if answer.status_code == 200:
        stored = Camera.objects.get().zone_config
        zones = [[one["id"], one["properties"]["name"], one["geometry"]["type"]] for one in stored["features"]]
        first = stored["features"][0]
        assert (stored["units"], first["geometry"]["coordinates"]) == (expected["units"], expected["first"])
        assert zones == expected.get("zones", zones)
        assert first["properties"].get("color") == expected.get("color")


@cases("POST /sites", "t")
def test_a_time_zone(case: dict[str, Any]) -> None:
    api = ApiClient(make_token("administrator"))

    answer = api.post("/sites", {"name": "North", "timezone": case["input"]})

    assert answer.status_code == case["expected"]["status"]
    assert [site.timezone for site in Site.objects.all()] == [*filter(None, [case["expected"].get("stored")])]


@cases("import_cameras", "c")
def test_a_csv(case: dict[str, Any]) -> None:
    data, expected = base64.b64decode(case["input"]), case["expected"]
    if "told" in expected:
        with pytest.raises(UnreadableFile, match=expected["told"]):
            imported(data, "a.csv")
        return

    plan = imported(data, "a.csv")

    assert plan.counts()[Effect.REFUSED] == expected.get("refused", 0)
    assert list(Camera.objects.values_list("name", flat=True)) == expected.get("created", [])
    assert set(Camera.objects.values_list("expected_interval_seconds", flat=True)) <= {
        expected.get("interval", 10)
    }


@cases("import_cameras", "f_")
def test_a_frigate_configuration(case: dict[str, Any]) -> None:
    expected = case["expected"]
    if "told" in expected:
        with pytest.raises(UnreadableFile) as refused:
            imported(case["input"].encode(), "config.yml")
        assert expected["told"] in str(refused.value)
        return

    plan = imported(case["input"].encode(), "config.yml")

    stored = {camera.name: camera for camera in Camera.objects.all()}
    assert {name: stored_address(camera) for name, camera in stored.items()} == expected["cameras"]
    assert [row.name for row in plan.rows if row.remarks] == expected.get("remarks", [])
    for name, zones in expected.get("zones", {}).items():
        features = stored[name].zone_config["features"]
        assert {one["id"]: one["geometry"]["coordinates"][0] for one in features} == zones


@cases("import_cameras", "fp", "fj")
def test_a_password_in_a_frigate_configuration(case: dict[str, Any]) -> None:
    sent, expected = case["input"], case["expected"]
    config = {
        "environment_vars": sent["environment_vars"],
        "cameras": {"yard": {"ffmpeg": {"inputs": [{"path": sent["path"], "roles": ["detect"]}]}}},
    }

    plan = imported(yaml.safe_dump(config).encode(), "config.yml")

    if "told" in expected:
        assert [expected["told"] in fault.detail for row in plan.rows for fault in row.faults] == [True]
    else:
        user_info = rtsp.split(stored_address(Camera.objects.get()))[1]
        assert unquote(user_info.removesuffix("@").partition(":")[2]) == expected["password"]


@cases("import_cameras", "rz")
def test_a_zone_of_a_real_frigate_configuration(case: dict[str, Any]) -> None:
    sent = case["input"]
    detect = {"detect": {"width": sent["width"], "height": sent["height"]}} if sent["width"] else {}

    plan = imported(
        configuration(
            ffmpeg={"inputs": [{"path": "rtsp://10.9.0.1/x", "roles": ["detect"]}]},
            zones={"zone": {"coordinates": sent["coordinates"]}},
            **detect,
        ),
        "config.yml",
    )

    assert [row.remarks for row in plan.rows] == [[]]
    zone_config = Camera.objects.get().zone_config
    assert (zone_config["units"], len(zone_config["features"])) == ("normalised", case["expected"]["zones"])


@cases("export_cameras", "x")
def test_an_export_is_taken_by_each_program(case: dict[str, Any]) -> None:
    make_camera(**case["input"])

    files = {
        target: exports.export_cameras(target=target, with_credentials=True, principal=ANNA, by=AUTHOR, now=NOW)
        for target in (Format.FRIGATE, Format.MEDIAMTX, Format.GO2RTC)
    }

    assert [list(written.left_out) for written in files.values()] == [[], [], []]
    [source], [stream] = (
        mediamtx.sources(files[Format.MEDIAMTX].text).values(),
        go2rtc.streams(files[Format.GO2RTC].text).values(),
    )
    [camera] = frigate.cameras(files[Format.FRIGATE].text).values()
    assert len({mediamtx.request(source).login, go2rtc.request(stream).login, camera.request.login}) == 1
    assert len(camera.zones) == ("zone_config" in case["input"])
