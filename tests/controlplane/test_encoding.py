"""Moments have one shape in every answer: RFC 3339 in UTC with `Z`, always six digits of a second."""

import csv
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
import time_machine
from drf_spectacular.generators import SchemaGenerator
from hypothesis import given
from hypothesis import strategies as st

from cameras.models import Camera
from controlplane.access.models import ApiToken
from controlplane.encoding import encode_json, moment_text
from controlplane.negotiation import JSON
from telemetry.alerts.incident_models import Incident
from telemetry.alerts.models import Transition
from tests.factories import BRIEF, NOW, ApiClient, make_camera, make_site, make_token

SHAPE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d")
LOOKS_LIKE_A_MOMENT = re.compile(r"\d{4}-\d\d-\d\d")

SAMPLE = {"timestamp": "2026-03-04T11:59:00Z", "occupancy": 5, "confidence": 0.95}
LOT_TOKEN = {"name": "lot", "role": "worker", "cameras": ["CAMERA"], "expires_at": "2026-03-05T12:00:00Z"}
REPORT = {"phase": "failed", "reason": "no_frames", "timestamp": "2026-03-04T11:59:00Z"}
REFUSED = SAMPLE | {"timestamp": "2027-01-01T00:00:00Z"}
PAST = "?from=2026-03-04T11:00:00Z&bucket=1h"
# Of a window, in its zone; and a day of a calendar.
NO_MOMENTS = ("starts", "ends", "date")
WINDOW = {"action": "mute", "cameras": ["CAMERA"], "ends": "2030-01-01T00:00"}
EVENT = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20300101\nEND:VEVENT\nEND:VCALENDAR"
CALENDAR = {"action": "mute", "cameras": ["CAMERA"], "calendar": EVENT}
#: Every operation of the API, in an order in which each finds what it needs; then what it answers.
OPERATIONS: list[tuple[str, str, str, Any, int]] = [
    ("POST", "/sites", "/sites", {"name": "New", "timezone": "Asia/Kolkata"}, 201),
    ("GET", "/sites", "/sites", None, 200),
    ("GET", "/sites/{id}", "/sites/{empty}", None, 200),
    ("PATCH", "/sites/{id}", "/sites/{empty}", {"location": "x"}, 200),
    ("DELETE", "/sites/{id}", "/sites/{empty}", None, 204),
    ("POST", "/telemetry/{camera_id}", "/telemetry/{camera}", SAMPLE, 201),
    ("POST", "/telemetry/{camera_id}", "/telemetry/{camera}", SAMPLE, 200),
    ("POST", "/telemetry/{camera_id}", "/telemetry/{camera}", SAMPLE | {"occupancy": 6}, 409),
    ("POST", "/telemetry/{camera_id}", "/telemetry/{camera}", REFUSED, 400),
    ("POST", "/telemetry", "/telemetry", [SAMPLE], 200),
    ("POST", "/telemetry", "/telemetry", [REFUSED], 400),
    ("POST", "/telemetry/{camera_id}/report", "/telemetry/{camera}/report", REPORT, 200),
    ("POST", "/telemetry/reports", "/telemetry/reports", [REPORT], 200),
    ("DELETE", "/cameras/{id}/placement", "/cameras/{camera}/placement?epoch=0", None, 204),
    ("PUT", "/cameras/{id}/placement", "/cameras/{camera}/placement", {"node": "a"}, 200),
    ("PUT", "/placements", "/placements", [{"node": "b"}], 200),
    ("GET", "/telemetry/{camera_id}", "/telemetry/{camera}", None, 200),
    ("GET", "/telemetry/{camera_id}", "/telemetry/{camera}" + PAST, None, 200),
    ("GET", "/telemetry/{camera_id}/gaps", "/telemetry/{camera}/gaps?to=2026-03-04T11:59:40Z", None, 200),
    ("GET", "/telemetry/{camera_id}/gaps", "/telemetry/{camera}/gaps?from=2026-03-04T11:00:00Z", None, 200),
    ("GET", "/telemetry/{camera_id}/transitions", "/telemetry/{camera}/transitions", None, 200),
    ("GET", "/transitions", "/transitions", None, 200),
    ("GET", "/availability", "/availability?from=2026-03-04T11:00:00Z", None, 200),
    ("GET", "/cameras/{id}/availability", "/cameras/{camera}/availability", None, 200),
    ("GET", "/sites/{id}/availability", "/sites/{site}/availability", None, 200),
    ("GET", "/telemetry/latest", "/telemetry/latest", None, 200),
    ("GET", "/sites/{id}/occupancy", "/sites/{site}/occupancy" + PAST, None, 200),
    ("POST", "/cameras", "/cameras", BRIEF, 201),
    ("GET", "/cameras", "/cameras", None, 200),
    ("GET", "/cameras", "/cameras?limit=1", None, 200),
    ("GET", "/cameras/{id}", "/cameras/{camera}", None, 200),
    ("PATCH", "/cameras/{id}", "/cameras/{camera}", {"desired_state": "running"}, 200),
    ("GET", "/cameras/{id}/credentials", "/cameras/{camera}/credentials", None, 200),
    ("GET", "/cameras/changes", "/cameras/changes", None, 200),
    ("GET", "/cameras/summary", "/cameras/summary", None, 200),
    ("POST", "/cameras/specs", "/cameras/specs", {"ids": ["CAMERA"], "credentials": True}, 200),
    ("GET", "/incidents", "/incidents", None, 200),
    ("GET", "/incidents/{id}", "/incidents/{incident}", None, 200),
    ("POST", "/incidents/{id}/acknowledge", "/incidents/{incident}/acknowledge", {"note": "x"}, 200),
    ("POST", "/incidents/{id}/notes", "/incidents/{incident}/notes", {"note": "y"}, 201),
    ("POST", "/windows/preview", "/windows/preview", WINDOW, 200),
    ("POST", "/windows", "/windows", WINDOW | {"starts": "2029-12-31T00:00"}, 201),
    ("POST", "/windows", "/windows", WINDOW, 201),
    ("GET", "/windows", "/windows", None, 200),
    ("POST", "/windows/calendar", "/windows/calendar", CALENDAR, 201),
    ("GET", "/windows/calendar", "/windows/calendar", None, 200),
    ("GET", "/windows/{id}", "/windows/{window}", None, 200),
    ("PATCH", "/windows/{id}", "/windows/{window}", {"reason": "x"}, 200),
    ("POST", "/windows/{id}/extend", "/windows/{window}/extend", {"until": "2031-01-01T00:00:00Z"}, 200),
    ("POST", "/windows/{id}/end", "/windows/{window}/end", None, 200),
    ("DELETE", "/windows/{id}", "/windows/{window}", None, 204),
    ("GET", "/me", "/me", None, 200),
    ("GET", "/audit", "/audit", None, 200),
    ("POST", "/tokens", "/tokens", LOT_TOKEN, 201),
    ("GET", "/tokens", "/tokens", None, 200),
    ("DELETE", "/tokens/{id}", "/tokens/{token}", None, 204),
    ("GET", "/tokens", "/tokens", None, 200),
    ("DELETE", "/cameras/{id}", "/cameras/{camera}", None, 204),
    ("GET", "/deleted-cameras", "/deleted-cameras", None, 200),
    ("POST", "/deleted-cameras/{id}/restore", "/deleted-cameras/{camera}/restore", None, 200),
    ("DELETE", "/cameras/{id}", "/cameras/{camera}", None, 204),
    ("DELETE", "/deleted-cameras/{id}", "/deleted-cameras/{camera}", None, 204),
]


def texts_of(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, with the name of the member that holds it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from texts_of(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_of(inner, name)
    elif isinstance(value, str):
        yield name, value


def moments_named(schema: Any, name: str = "") -> Iterator[str]:
    """The names of all members of a schema that hold a moment."""
    if isinstance(schema, dict):
        if schema.get("format") == "date-time":
            yield name
        for key, inner in schema.items():
            yield from moments_named(inner, name if key in ("items", "oneOf", "anyOf", "allOf") else key)
    elif isinstance(schema, list):
        for inner in schema:
            yield from moments_named(inner, name)


@pytest.mark.django_db
def test_every_operation_answers_moments_in_one_shape(administrator: ApiClient, worker: ApiClient) -> None:
    orchestrator = ApiClient(make_token("orchestrator"))
    document = SchemaGenerator().get_schema(request=None, public=True)
    operations = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert {(method, path) for method, path, *_ in OPERATIONS} == operations
    with time_machine.travel(NOW, tick=False):  # a whole second: the fraction that is easily left out
        site, empty = make_site("Full", timezone="Asia/Kolkata"), make_site("Empty")
        camera = make_camera(site=site, desired_state="running")
        Transition.objects.create(
            camera_id=camera.pk,
            camera_name=camera.name,
            site_id=site.pk,
            at=NOW,
            from_status="pending",
            to_status="healthy",
            reason="reporting",
            detected_at=NOW,
        )
        incident = Incident.objects.create(
            key=f"camera:{camera.pk}", title="Gate", camera_id=camera.pk, began_at=NOW
        )
        Incident.objects.create(key="fleet", title="Fleet", began_at=NOW, ended_at=NOW)
        incident.entries.create(at=NOW, event="began")
        ids = {
            "camera": str(camera.pk),
            "site": str(site.pk),
            "empty": str(empty.pk),
            "incident": str(incident.pk),
        }
        seen: set[str] = set()
        for method, path, address, body, status in OPERATIONS:
            client = worker if method == "POST" and path.startswith("/telemetry") else administrator
            client = orchestrator if "/placement" in path else client
            if isinstance(body, list):
                body = [item | {"camera_id": ids["camera"]} for item in body]
            body = json.loads(json.dumps(body).replace("CAMERA", ids["camera"]))
            answer = client.request(method, address.format(**ids), body)
            assert answer.status_code == status, (method, address, answer.content)
            if (method, path) == ("POST", "/windows"):
                ids["window"] = answer.json()["id"]
            if (method, path) == ("POST", "/tokens"):
                ids["token"] = answer.json()["id"]
                ApiToken.objects.update(last_used_at=NOW)
            for name, text in texts_of(
                answer.json() if answer.content and answer["Content-Type"] == JSON else None
            ):
                if name not in NO_MOMENTS and LOOKS_LIKE_A_MOMENT.match(text):
                    assert SHAPE.fullmatch(text), (method, address, name, text)
                    seen.add(name)
            given = document["paths"][path][method.lower()]["responses"].get("200", {}).get("content", {})
            if "text/csv" in given:
                table = client.request(method, address.format(**ids), Accept="text/csv").content.decode()
                rows = list(csv.DictReader(table.splitlines()))
                cells = [cell for row in rows for cell in row.items() if LOOKS_LIKE_A_MOMENT.match(cell[1])]
                moments = [(name, text) for name, text in cells if name not in NO_MOMENTS]
                assert moments, address
                for name, text in moments:
                    shape = LOCAL if name == "local_start" else SHAPE
                    assert shape.fullmatch(text), (address, name, text)
    names = set(moments_named(document["components"]["schemas"])) - {"", "until"}  # is sent, and not answered
    assert names <= seen, names - seen
    assert Camera.objects.filter(name=BRIEF["name"]).exists()


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOW, "2026-03-04T12:00:00.000000Z"),
        (NOW.replace(microsecond=120), "2026-03-04T12:00:00.000120Z"),
        (NOW.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-03-04T12:00:00.000000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_a_moment_is_written_in_utc_with_six_digits(moment: datetime, text: str) -> None:
    assert moment_text(moment) == text


def test_texts_that_look_like_moments_stay_as_they_are() -> None:
    assert encode_json({"name": "2026-03-04T12:00:00Z"}) == b'{"name":"2026-03-04T12:00:00Z"}'


@given(st.recursive(st.datetimes(timezones=st.just(UTC)), lambda inner: st.lists(inner) | st.tuples(inner, inner)))
def test_moments_are_found_however_deep_they_stand(value: Any) -> None:
    class Holder(msgspec.Struct):
        held: Any

    texts = [text for _, text in texts_of(msgspec.json.decode(encode_json({"a": Holder([value])})))]

    assert all(SHAPE.fullmatch(text) for text in texts)
    assert [datetime.fromisoformat(text) for text in texts] == list(_flat(value))


def _flat(value: Any) -> Iterator[datetime]:
    if isinstance(value, datetime):
        yield value
    else:
        for inner in value:
            yield from _flat(inner)
