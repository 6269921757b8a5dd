"""The gauges of single cameras at /metrics/cameras."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cameras.gauges import GAUGES, gauges_text
from cameras.interruptions import read_interruptions
from cameras.models import Camera, CameraVitals
from tests.factories import ApiClient, make_camera, make_site, make_token
from tests.prometheus import needs_prometheus, promtool

pytestmark = pytest.mark.django_db
PATH = "/metrics/cameras"


@pytest.fixture(autouse=True)
def _on(settings: Any) -> None:
    settings.METRICS_CAMERAS = True


def values_in(text: str, label: str = "name") -> dict[str, dict[str, float]]:
    """What each gauge shows, by a label of its cameras."""
    return {
        family.name: {sample.labels[label]: sample.value for sample in family.samples}
        for family in text_string_to_metric_families(text)
    }


def make_reporting(name: str, now: datetime, **values: Any) -> Camera:
    camera = make_camera(name, now - timedelta(minutes=5), desired_state="running", **values)
    CameraVitals.objects.filter(pk=camera.pk).update(
        last_contact=now - timedelta(seconds=2),
        last_sample_at=now - timedelta(seconds=2),
        latest_timestamp=now - timedelta(seconds=3),
        latest_occupancy=7,
    )
    return camera


def test_each_camera_has_its_gauges_and_none_that_it_does_not_know(viewer: ApiClient) -> None:
    now = datetime.now(UTC)
    gate = make_reporting("Gate", now, site=make_site("North"))
    make_camera("Cellar")

    answer = viewer.get(PATH)

    assert answer["Content-Type"].startswith("text/plain; version=")
    found = values_in(answer.content.decode())
    assert list(found) == [gauge.name for gauge in GAUGES]
    assert found["controlplane_camera_running"] == {"Gate": 1, "Cellar": 0}
    assert found["controlplane_camera_up"] == {"Gate": 1, "Cellar": 0}
    assert found["controlplane_camera_occupancy"] == {"Gate": 7}
    contact = found["controlplane_camera_last_contact_timestamp_seconds"]
    assert contact == {"Gate": pytest.approx((now - timedelta(seconds=2)).timestamp(), abs=0.001)}
    assert 3 <= found["controlplane_camera_lag_seconds"]["Gate"] < 13
    assert f'controlplane_camera_up{{camera="{gate.pk}",name="Gate",site="North"}} 1.0' in answer.content.decode()


def test_a_principal_sees_its_own_cameras_alone() -> None:
    north, south = make_site("North"), make_site("South")
    gate, door = make_camera("Gate", site=north), make_camera("Door", site=south)

    def seen(*places: Any) -> set[str]:
        text = ApiClient(make_token("viewer", *places)).get(PATH).content.decode()
        return set(values_in(text)["controlplane_camera_up"])

    assert (seen(), seen(north), seen(door), seen(gate, south)) == (
        {"Gate", "Door"}, {"Gate"}, {"Door"}, {"Gate", "Door"},
    )  # fmt: skip


def test_where_it_is_off_the_answer_says_how_it_is_turned_on(viewer: ApiClient, settings: Any) -> None:
    settings.METRICS_CAMERAS = False

    answer = viewer.get(PATH)

    assert (answer.status_code, "METRICS_CAMERAS=1" in answer.json()["detail"]) == (404, True)


@pytest.mark.once
@needs_prometheus
def test_whatever_a_name_holds_promtool_takes_it_and_the_name_comes_back(viewer: ApiClient) -> None:
    names = ['say "cheese"', r"C:\cameras\new", r"ends with \\", "{a=b}, #1", "Tür 4 — 北門", "x" * 200]
    site = make_site('North "gate" \\')
    for name in names:
        make_reporting(name, datetime.now(UTC), site=site)

    text = viewer.get(PATH).content.decode()

    assert set(values_in(text)["controlplane_camera_up"]) == set(names)
    assert set(values_in(text, "site")["controlplane_camera_up"]) == {site.name}
    assert promtool("check", "metrics", given=text) == ""


def add_cameras(count: int) -> None:
    model, now = make_camera("model", desired_state="running"), datetime.now(UTC)
    columns = [field.attname for field in Camera._meta.concrete_fields if not field.generated]
    values = {name: getattr(model, name) for name in columns}
    cameras = [Camera(**{**values, "id": uuid4(), "name": f"Camera {number}"}) for number in range(count - 1)]
    Camera.objects.bulk_create(cameras)
    CameraVitals.objects.bulk_create(
        CameraVitals(camera=camera, last_contact=now, last_sample_at=now, latest_timestamp=now, latest_occupancy=1)
        for camera in cameras
    )


@pytest.mark.parametrize("count", [1, 50])
def test_however_many_cameras_there_are_it_takes_two_queries(
    count: int, viewer: ApiClient, django_assert_num_queries: Any
) -> None:
    add_cameras(count)
    viewer.get("/me")  # remembers the token

    with django_assert_num_queries(2):  # the interruptions, the cameras
        text = viewer.get(PATH).content

    assert text.count(b"controlplane_camera_up{") == count


@pytest.mark.once
def test_ten_thousand_cameras_take_less_than_a_second(
    pytestconfig: pytest.Config, record_property: Callable[[str, object], None]
) -> None:
    count, seconds = 10_000 if pytestconfig.getoption("--long") else 1_000, []
    add_cameras(count)
    for _ in range(3):
        began_at, now = time.monotonic(), datetime.now(UTC)
        text = b"".join(gauges_text(Camera.objects.all(), now, read_interruptions(now)))
        seconds.append(time.monotonic() - began_at)

    record_property(f"seconds for {count:,} cameras", f"{min(seconds):.2f}")
    assert text.count(b"controlplane_camera_up{") == count
    assert min(seconds) < 1, seconds
