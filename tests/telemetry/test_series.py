"""Reading telemetry: raw pages and buckets."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cameras.api.parameters import page_cursor
from telemetry.models import Sample
from tests.factories import ApiClient, make_camera, make_site

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)


def store(camera: Any, *samples: tuple[float, int], zone: str = "") -> None:
    """Samples of (minutes after START, occupancy)."""
    Sample.objects.bulk_create(
        [
            Sample(
                camera_id=camera.pk,
                timestamp=START + timedelta(minutes=minutes),
                zone=zone,
                occupancy=occupancy,
                confidence=1,
                received_at=START,
            )
            for minutes, occupancy in samples
        ]
    )


def series(viewer: ApiClient, camera: Any, query: str = "") -> Any:
    return viewer.get(f"/telemetry/{camera.pk}{query}").json()


def test_samples_come_oldest_first_in_pages_that_meet(viewer: ApiClient) -> None:
    camera = make_camera()
    store(camera, *[(minute, minute) for minute in range(5)])
    store(camera, (1, 100), (3, 300), zone="door")
    whole = series(viewer, camera)

    seen, query = [], "?limit=2"
    while query:
        page = series(viewer, camera, query)
        seen += page["samples"]
        query = f"?limit=2&cursor={page['next']}" if page["next"] else ""

    assert (whole["camera_id"], whole["next"]) == (str(camera.pk), None)
    assert seen == whole["samples"]
    assert [(sample["occupancy"], sample["zone"]) for sample in seen[:4]] == [
        (0, ""),
        (1, ""),
        (100, "door"),
        (2, ""),
    ]
    assert list(seen[0]) == ["timestamp", "zone", "occupancy", "confidence"]


def test_a_range_is_half_open_and_a_zone_alone(viewer: ApiClient) -> None:
    camera = make_camera()
    store(camera, (0, 0), (1, 1), (2, 2))
    store(camera, (1, 9), zone="door")

    def occupancies(query: str) -> list[int]:
        return [sample["occupancy"] for sample in series(viewer, camera, query)["samples"]]

    assert occupancies("?from=2026-03-29T00:01:00Z&to=2026-03-29T00:02:00Z&zone=") == [1]
    assert occupancies("?from=2026-03-29T01:01:00%2B01:00&zone=") == [1, 2]
    assert occupancies("?zone=door") == [9]
    assert occupancies("?zone=nowhere") == []


def test_buckets_hold_count_least_greatest_and_mean_of_the_whole_frame(viewer: ApiClient) -> None:
    camera = make_camera()
    store(camera, (0, 2), (4.99, 4), (5, 7), (61, 1))
    store(camera, (0, 99), zone="door")

    five = series(viewer, camera, "?bucket=5m")

    assert five == {
        "camera_id": str(camera.pk),
        "bucket": "5m",
        "points": [
            {"start": "2026-03-29T00:00:00Z", "count": 2, "min": 2, "max": 4, "avg": 3.0},
            {"start": "2026-03-29T00:05:00Z", "count": 1, "min": 7, "max": 7, "avg": 7.0},
            {"start": "2026-03-29T01:00:00Z", "count": 1, "min": 1, "max": 1, "avg": 1.0},
        ],
    }
    assert [point["count"] for point in series(viewer, camera, "?bucket=1m")["points"]] == [1, 1, 1, 1]
    assert [point["count"] for point in series(viewer, camera, "?bucket=15m")["points"]] == [3, 1]
    assert [point["count"] for point in series(viewer, camera, "?bucket=1h")["points"]] == [3, 1]
    assert [point["max"] for point in series(viewer, camera, "?bucket=1h&zone=door")["points"]] == [99]


def test_days_begin_in_the_site_s_time_zone_also_when_the_clocks_change(viewer: ApiClient) -> None:
    camera = make_camera(site=make_site(timezone="Europe/Berlin"))
    # 29 March 2026 has 23 hours in Berlin: from 23:00 UTC of the day before to 22:00 UTC.
    store(camera, (-61, 1), (-60, 2), (22 * 60 - 1, 3), (22 * 60, 4))

    points = series(viewer, camera, "?bucket=1d")["points"]

    assert [(point["start"], point["min"], point["max"]) for point in points] == [
        ("2026-03-27T23:00:00Z", 1, 1),
        ("2026-03-28T23:00:00Z", 2, 3),
        ("2026-03-29T22:00:00Z", 4, 4),
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?from=yesterday", "from"),
        ("?from=2026-03-29T00:00:00", "from"),
        ("?from=2026-03-29T00:00:00+01:00", "from"),
        ("?to=9999-12-31T23:59:59-23:00", "to"),
        ("?from=2026-03-29T00:00:00Z&to=2026-03-29T00:00:00Z", "to"),
        ("?bucket=2m", "bucket"),
        ("?bucket=1h&limit=5", "limit"),
        ("?limit=5001", "limit"),
        ("?cursor=W10", "cursor"),
        ("?cursor=" + page_cursor(["0001-01-01T00:00:00+14:00", ""]), "cursor"),
        ("?cursor=" + page_cursor(["2024-01-01T00:00:00Z", "\0"]), "cursor"),
        ("?cursor=" + page_cursor(["2024-01-01T00:00:00", ""]), "cursor"),
        ("?zone=%ED%A0%80", "zone"),
        ("?zone=%00", "zone"),
        ("?bucket=1m&nonsense=1", "nonsense"),
    ],
)
def test_a_bad_query_is_400_by_name(viewer: ApiClient, query: str, field: str) -> None:
    answer = viewer.get(f"/telemetry/{make_camera().pk}{query}")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_more_than_ten_thousand_points_are_refused(viewer: ApiClient) -> None:
    camera = make_camera()
    store(camera, *[(minute, 1) for minute in range(10_001)])

    answer = viewer.get(f"/telemetry/{camera.pk}?bucket=1m")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "bucket")
    assert len(series(viewer, camera, "?bucket=5m")["points"]) == 2_001
