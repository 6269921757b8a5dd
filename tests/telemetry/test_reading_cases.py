"""What bug reports of other services say of times, series, tables and metrics: one test for each case of the file."""

import csv
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cameras.models import Camera
from telemetry.alerts import outbox
from telemetry.alerts.models import Alert, Kind
from telemetry.alerts.sending import send_due
from tests.factories import NOW, ApiClient, make_camera, make_site, make_token
from tests.telemetry.alerts.conftest import subscribe
from tests.telemetry.history.samples import report

pytestmark = pytest.mark.django_db

CASES = [json.loads(line) for line in (Path(__file__).parent / "reading_cases.jsonl").read_text().splitlines()]

Check = Callable[[ApiClient], None]


def post(timestamp: str) -> tuple[int, str]:
    """The status and the code of a sample, of which one of 12:00 UTC with other values is stored."""
    camera, worker = make_camera(), ApiClient(make_token("worker"))
    report(camera.pk, [("", NOW, 3)], NOW)
    body = {"timestamp": timestamp, "occupancy": 5, "confidence": 0.5}
    answer = worker.post(f"/telemetry/{camera.pk}", body)
    return answer.status_code, answer.json().get("code", "")


def is_answered(timestamp: str, status: int, code: str | None = None) -> Check:
    def check(_: ApiClient) -> None:
        answered = post(timestamp)
        assert answered[0] == status
        assert code is None or answered[1] == code

    return check


def a_camera(zone: str, *samples: tuple[datetime, int]) -> Camera:
    camera = make_camera(site=make_site(timezone=zone))
    report(camera.pk, [("", at, people) for at, people in samples], max(at for at, _ in samples))
    return camera


def samples_have_one_shape(viewer: ApiClient) -> None:
    camera = a_camera("UTC", (NOW, 1), (NOW + timedelta(milliseconds=250), 2))
    table = viewer.get(f"/telemetry/{camera.pk}", Accept="text/csv").content.decode()
    moments = [row["timestamp"] for row in csv.DictReader(table.splitlines())]
    assert moments == ["2026-03-04T12:00:00.000000Z", "2026-03-04T12:00:00.250000Z"]
    assert {datetime.fromisoformat(text).tzinfo for text in moments} == {UTC}


def a_link_is_a_download(viewer: ApiClient) -> None:
    camera = a_camera("UTC", (NOW, 1))
    answer = viewer.get(f"/telemetry/{camera.pk}?format=csv", Accept="text/html")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert answer["Content-Disposition"] == 'attachment; filename="samples.csv"'


def hours_are_of_the_site(viewer: ApiClient) -> None:
    ten = datetime(2026, 3, 4, 4, 30, tzinfo=UTC)  # by the clock of Kolkata
    moments = [ten + timedelta(seconds=10 * number) for number in range(720)]
    camera = a_camera("Asia/Kolkata", *((at, 10 if at < ten + timedelta(hours=1) else 0) for at in moments))
    points = viewer.get(f"/telemetry/{camera.pk}?bucket=1h&to=2026-03-04T06:30:00Z").json()["points"]
    assert [point["weighted_avg"] for point in points] == [10, 0]


def a_day_is_one_point(zone: str, first: datetime, hours: int) -> Check:
    def check(viewer: ApiClient) -> None:
        camera = a_camera(zone, *((first + timedelta(minutes=30 * number), 1) for number in range(2 * hours)))
        (point,) = viewer.get(f"/telemetry/{camera.pk}?bucket=1d").json()["points"]
        # Each is valid for half a minute.
        assert point["count"] == 2 * hours
        assert point["known_seconds"] == 30 * 2 * hours

    return check


def an_old_sample_is_read_fast(viewer: ApiClient) -> None:
    camera = a_camera("Asia/Kolkata", (datetime(2000, 1, 1, tzinfo=UTC), 1))
    began_at = time.process_time()
    points = viewer.get(f"/telemetry/{camera.pk}?bucket=1h").json()["points"]
    assert len(points) == 1
    assert time.process_time() - began_at < 1


def metrics_are_clean(viewer: ApiClient) -> None:
    for accept in ("text/plain", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "*/*"):
        families = list(text_string_to_metric_families(viewer.get("/metrics", Accept=accept).content.decode()))
        names = [family.name for family in families]
        assert len(names) == len(set(names))
        assert all(family.documentation and family.type != "unknown" for family in families)


def failed_attempts_are_counted(viewer: ApiClient) -> None:
    subscribe("http://127.0.0.1:9/nobody-listens")
    alert = Alert(kind=Kind.MASS_SILENCE_BEGAN, at=NOW, created_at=NOW, text="Most of the fleet is silent.")
    outbox.notify([alert], NOW)
    assert send_due(NOW) == (0, 1)
    text = viewer.get("/metrics").content.decode()
    assert 'controlplane_alert_attempts_total{channel="webhook",outcome="failed"} 1.0' in text


CHECKS: dict[str, Check] = {
    "b2-052": is_answered("2038-01-19T03:14:08Z", 400, "in_future"),
    "b2-055": is_answered("2016-12-31T23:59:60Z", 400),
    "b2-058": is_answered("2026-03-04T12:00Z", 400),
    "b2-061": is_answered("2026-W10-3T12:00:00Z", 400),
    "b2-064": is_answered("2026-03-04T12:00:00Z[UTC]", 400),
    "b2-067": is_answered("2026-03-04T17:30:00+05:30", 409, "conflict"),
    "b2-070": is_answered("2026-03-05T11:59:00+23:59", 409, "conflict"),
    "b2-105": samples_have_one_shape,
    "b2-109": samples_have_one_shape,
    "b2-112": a_link_is_a_download,
    "b2-113": hours_are_of_the_site,
    "b2-118": a_day_is_one_point("Africa/Casablanca", datetime(2026, 2, 14, 23, tzinfo=UTC), 25),
    "b2-121": a_day_is_one_point("Asia/Kolkata", datetime(2026, 3, 3, 18, 30, tzinfo=UTC), 24),
    "b2-124": an_old_sample_is_read_fast,
    "b2-127": metrics_are_clean,
    "b2-128": failed_attempts_are_counted,
}


@pytest.mark.parametrize("case", CASES, ids=[f"{case['id']} {case['kind']}" for case in CASES])
def test_a_case_gives_what_is_right(case: dict[str, Any], viewer: ApiClient, settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8", "::1"]

    CHECKS[case["id"]](viewer)


def test_every_case_is_checked() -> None:
    assert sorted(case["id"] for case in CASES) == sorted(CHECKS)
