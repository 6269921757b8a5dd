"""Reading telemetry: raw pages, buckets, the latest of all, sites, silences; in JSON and CSV."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory
from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request

from cameras.api.answers import streamed_answer
from cameras.api.parameters import page_cursor
from cameras.models import Camera, CameraVitals
from telemetry.api import formats, reading
from telemetry.history import gaps as telemetry_gaps
from telemetry.history import series as telemetry_series
from telemetry.history.gaps import gaps_of
from telemetry.history.rollups import compute_rollups
from telemetry.history.series import SeriesQuery, points_of, snapshot
from telemetry.models import KeptFrom, Sample
from tests.factories import ApiClient, make_camera, make_site, make_token
from tests.telemetry.history.samples import report

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)


def store(camera: Any, *samples: tuple[float, int], zone: str = "") -> None:
    """Samples of (minutes after START, occupancy), long ago."""
    report(
        camera.pk,
        [(zone, START + timedelta(minutes=minutes), occupancy) for minutes, occupancy in samples],
        START + timedelta(days=30),
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


def test_buckets_hold_what_is_known_of_samples_and_of_the_time_between(viewer: ApiClient) -> None:
    camera = make_camera()  # reports every 10 s, so a sample is valid for 30 s
    store(camera, (0, 2), (0.25, 5), (4.75, 4), (5, 7), (61, 1))
    store(camera, (0, 99), zone="door")

    five = series(viewer, camera, "?bucket=5m")

    assert five == {
        "camera_id": str(camera.pk),
        "bucket": "5m",
        "points": [
            {
                "start": "2026-03-29T00:00:00.000000Z", "count": 3, "min": 2, "max": 5, "avg": 11 / 3,
                # 15 s of 2, 30 s of 5, 15 s of 4 until the next sample; unknown from 0:45 to 4:45.
                "weighted_avg": (15 * 2 + 30 * 5 + 15 * 4) / 60, "known_seconds": 60.0, "first": 2, "last": 4,
            },
            {
                "start": "2026-03-29T00:05:00.000000Z", "count": 1, "min": 7, "max": 7, "avg": 7.0,
                "weighted_avg": 7.0, "known_seconds": 30.0, "first": 7, "last": 7,
            },
            {
                "start": "2026-03-29T01:00:00.000000Z", "count": 1, "min": 1, "max": 1, "avg": 1.0,
                "weighted_avg": 1.0, "known_seconds": 30.0, "first": 1, "last": 1,
            },
        ],
    }  # fmt: skip
    assert [point["count"] for point in series(viewer, camera, "?bucket=1m")["points"]] == [2, 1, 1, 1]
    assert [point["count"] for point in series(viewer, camera, "?bucket=15m")["points"]] == [4, 1]
    assert [point["count"] for point in series(viewer, camera, "?bucket=1h")["points"]] == [4, 1]
    assert [point["max"] for point in series(viewer, camera, "?bucket=1h&zone=door")["points"]] == [99]


def test_a_sample_that_is_still_valid_makes_a_point_in_a_bucket_without_samples(viewer: ApiClient) -> None:
    camera = make_camera()
    store(camera, (0.9, 3))

    points = series(viewer, camera, "?bucket=1m")["points"]

    expected = {"start": "2026-03-29T00:01:00.000000Z", "count": 0, "weighted_avg": 3.0, "known_seconds": 24.0}
    assert points[1] == expected | dict.fromkeys(("min", "max", "avg", "first", "last"))
    assert len(points) == 2


def test_a_range_is_widened_to_whole_buckets(viewer: ApiClient) -> None:
    camera = make_camera()
    store(camera, *[(minute, minute) for minute in range(60)])

    points = series(viewer, camera, "?bucket=15m&from=2026-03-29T00:20:00Z&to=2026-03-29T00:30:01Z")["points"]

    assert [(point["start"][11:16], point["count"]) for point in points] == [("00:15", 15), ("00:30", 15)]


def test_the_open_bucket_ends_now_and_leaves_out_samples_from_the_future(viewer: ApiClient) -> None:
    camera = make_camera()
    now = START + timedelta(minutes=3, seconds=10)
    moments = [now - timedelta(seconds=15), now, now + timedelta(seconds=40)]
    report(camera.pk, [("", moment, count) for count, moment in enumerate(moments, start=4)], now)

    points = points_of(camera.pk, timedelta(seconds=30), SeriesQuery("1m", START, None, "", UTC, now))

    assert [(point.count, point.weighted_avg, point.known_seconds) for point in points] == [(1, 4, 5), (0, 4, 10)]


@pytest.mark.parametrize("computed", [False, True])
def test_days_begin_in_the_time_zone_of_the_site_that_a_camera_is_at_now(
    viewer: ApiClient, computed: bool
) -> None:
    camera = make_camera(site=make_site("Before", timezone="Asia/Tokyo"))
    # 29 March 2026 has 23 hours in Berlin: from 23:00 UTC of the day before to 22:00 UTC.
    store(camera, (-61, 1), (-60, 2), (22 * 60 - 1, 3), (22 * 60, 4))
    if computed:
        compute_rollups(START + timedelta(days=30))
    Camera.objects.update(site=make_site(timezone="Europe/Berlin"))

    points = series(viewer, camera, "?bucket=1d")["points"]

    assert [(point["start"], point["min"], point["max"]) for point in points] == [
        ("2026-03-27T23:00:00.000000Z", 1, 1),
        ("2026-03-28T23:00:00.000000Z", 2, 3),
        ("2026-03-29T22:00:00.000000Z", 4, 4),
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
        ("?zone=nowhere", "zone"),
        ("?bucket=1h&zone=nowhere", "zone"),
        ("?from=1999-12-31T23:59:59Z", "from"),
        ("?bucket=1m&from=2026-01-01T00:00:00Z&to=2026-01-08T00:00:00Z", "bucket"),
        ("?bucket=1d&from=2000-01-01T00:00:00Z&to=9999-12-31T23:59:59Z", "bucket"),
        ("?bucket=1m&nonsense=1", "nonsense"),
        ("/gaps?from=2026-03-29T00:00:00", "from"),
        ("/gaps?from=2026-03-29T00:00:00Z&to=2026-03-28T00:00:00Z", "to"),
        ("/gaps?bucket=1h", "bucket"),
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


ON_KOLKATA = datetime(2026, 3, 4, 4, 30, tzinfo=UTC)  # 10:00 there


@pytest.mark.parametrize("computed", [False, True])
@pytest.mark.parametrize("asked", ["", "&timezone=site", "&timezone=Asia/Kolkata"])
def test_hours_are_those_of_the_site(viewer: ApiClient, asked: str, computed: bool) -> None:
    site = make_site(timezone="Asia/Kolkata")
    camera = make_camera(site=site)
    # Ten people from ten to eleven by the clock of the site, then none.
    moments = [ON_KOLKATA + timedelta(seconds=10 * number) for number in range(2 * 360)]
    people = [10 if moment < ON_KOLKATA + timedelta(hours=1) else 0 for moment in moments]
    report(camera.pk, [("", at, count) for at, count in zip(moments, people, strict=True)], moments[-1])
    if computed:
        compute_rollups(START)
    range_ = "from=2026-03-04T04:30:00Z&to=2026-03-04T06:30:00Z"

    points = series(viewer, camera, f"?bucket=1h&{range_}{asked}")["points"]
    of_site = viewer.get(f"/sites/{site.pk}/occupancy?bucket=1h&{range_}{asked}").json()["points"]
    table = viewer.get(f"/telemetry/{camera.pk}?bucket=1h&{range_}{asked}&format=csv").content.decode()

    assert [(point["start"], point["avg"], point["weighted_avg"]) for point in points] == [
        ("2026-03-04T04:30:00.000000Z", 10, 10),
        ("2026-03-04T05:30:00.000000Z", 0, 0),
    ]
    assert [(point["start"], point["occupancy"]) for point in of_site] == [
        ("2026-03-04T04:30:00.000000Z", 10),
        ("2026-03-04T05:30:00.000000Z", 0),
    ]
    assert [line.split(",")[:3] for line in table.splitlines()] == [
        ["start", "local_start", "count"],
        ["2026-03-04T04:30:00.000000Z", "2026-03-04T10:00:00.000000+05:30", "360"],
        ["2026-03-04T05:30:00.000000Z", "2026-03-04T11:00:00.000000+05:30", "360"],
    ]


@pytest.mark.parametrize(
    ("query", "starts"),
    [
        ("bucket=1h&timezone=UTC", ["2026-03-29T00:00", "2026-03-29T01:00"]),
        ("bucket=1h&timezone=Asia/Kathmandu", ["2026-03-28T23:15", "2026-03-29T00:15", "2026-03-29T01:15"]),
        ("bucket=15m&timezone=Asia/Kathmandu", ["2026-03-29T00:00", "2026-03-29T00:45", "2026-03-29T01:45"]),
        ("bucket=1d&timezone=America/New_York", ["2026-03-28T04:00"]),
        ("bucket=1w&timezone=UTC", ["2026-03-23T00:00"]),
        ("bucket=1w&timezone=site", ["2026-03-22T23:00"]),
        ("bucket=1mo", ["2026-02-28T23:00"]),
        ("bucket=1mo&timezone=Pacific/Auckland", ["2026-02-28T11:00"]),
    ],
)
def test_buckets_begin_by_the_clock_and_calendar_that_are_asked_for(
    viewer: ApiClient, query: str, starts: list[str]
) -> None:
    camera = make_camera(site=make_site(timezone="Europe/Berlin"))
    store(camera, (5, 1), (50, 2), (110, 3))

    points = series(viewer, camera, f"?{query}")["points"]

    assert [point["start"] for point in points] == [f"{start}:00.000000Z" for start in starts]
    assert sum(point["count"] for point in points) == 3


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (
            "bucket=1h&timezone=site",
            "timezone: There is no site here: name a time zone, e.g. Europe/Berlin or UTC.",
        ),
        ("bucket=1h&timezone=IST", "timezone: Must be site, or a time zone by its IANA name, e.g. Europe/Berlin."),
        ("bucket=1h&timezone=", "timezone: Must not be empty; leave the parameter out."),
        ("timezone=UTC", "timezone: Is for points: name their `bucket`."),
        ("bucket=1w&from=2000-01-01T00:00:00Z&to=2200-01-01T00:00:00Z", "bucket: This range gives over 10,000"),
        ("bucket=1y", "bucket: Must be one of 1m, 5m, 15m, 1h, 1d, 1w, 1mo."),
        ("format=xml", "format: Must be one of json, csv."),
    ],
)
def test_what_no_bucket_can_be_is_refused_in_words(viewer: ApiClient, query: str, words: str) -> None:
    answer = viewer.get(f"/telemetry/{make_camera().pk}?{query}")

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(words)


def test_where_minutes_are_gone_an_hour_of_utc_counts_for_the_local_hour_in_which_it_begins(
    viewer: ApiClient,
) -> None:
    camera = make_camera(site=make_site(timezone="Asia/Kolkata"))
    store(camera, (10, 1), (40, 2))
    compute_rollups(START + timedelta(days=400))
    KeptFrom.objects.create(raw=START + timedelta(days=300), minutes=START + timedelta(days=300))

    points = series(viewer, camera, "?bucket=1h")["points"]

    assert [(point["start"], point["count"]) for point in points] == [("2026-03-28T23:30:00.000000Z", 2)]


def test_hours_of_26_years_with_one_old_sample_are_read_at_once(
    viewer: ApiClient, django_assert_max_num_queries: Any
) -> None:
    camera = make_camera(site=make_site(timezone="Asia/Kolkata"))
    report(camera.pk, [("", datetime(2000, 1, 1, tzinfo=UTC), 3)], START)
    compute_rollups(START)

    with django_assert_max_num_queries(20):
        points = series(viewer, camera, "?bucket=1h")["points"]

    assert [point["start"] for point in points] == ["1999-12-31T23:30:00.000000Z"]


@pytest.mark.parametrize(
    ("accept", "status", "content_type"),
    [
        ("text/csv", 200, "text/csv; charset=utf-8"),
        ("text/csv;q=0.9, application/json;q=0.1", 200, "text/csv; charset=utf-8"),
        ("application/json, text/csv;q=0.5", 200, "application/json"),
        ("*/*", 200, "application/json"),
        ("application/xml", 406, "application/problem+json"),
    ],
)
def test_accept_says_json_or_csv(viewer: ApiClient, accept: str, status: int, content_type: str) -> None:
    camera = make_camera(site=make_site())
    store(camera, (0, 1))

    for path in (
        f"/telemetry/{camera.pk}",
        f"/telemetry/{camera.pk}?bucket=1h",
        f"/telemetry/{camera.pk}/gaps",
        "/telemetry/latest",
        f"/sites/{camera.site_id}/occupancy?bucket=1h&from=2026-03-29T00:00:00Z",
    ):
        answer = viewer.get(path, Accept=accept)
        assert (answer.status_code, answer["Content-Type"]) == (status, content_type), path
        assert "Accept" in answer["Vary"], path


#: What a client asks for in the address and by its headers, and what it gets.
FORMATS = [
    ("csv", None, "text/csv; charset=utf-8"),
    ("csv", "application/json", "text/csv; charset=utf-8"),
    ("csv", "text/html,application/xhtml+xml", "text/csv; charset=utf-8"),
    ("json", None, "application/json"),
    ("json", "text/csv", "application/json"),
    ("json", "application/xml", "application/json"),
]


@pytest.mark.parametrize(("named", "accept", "content_type"), FORMATS)
def test_the_format_in_the_address_comes_before_accept(
    viewer: ApiClient, named: str, accept: str | None, content_type: str
) -> None:
    camera = make_camera(site=make_site())
    store(camera, (0, 1))
    document = SchemaGenerator().get_schema(request=None, public=True)
    in_csv = {path for path, item in document["paths"].items() if "text/csv" in str(item.get("get", {}))}
    asked = {
        "/telemetry/{camera_id}": ["?", "?bucket=1h&"],
        "/telemetry/{camera_id}/gaps": ["?"],
        "/telemetry/latest": ["?"],
        "/sites/{id}/occupancy": ["?bucket=1h&from=2026-03-29T00:00:00Z&"],
        "/sites/{id}/availability": ["?"],
        "/cameras/{id}/availability": ["?"],
        "/availability": ["?"],
    }
    assert in_csv == set(asked)

    for path, queries in asked.items():
        an_id = camera.pk if path.startswith("/cameras/") else camera.site_id
        address = path.format(camera_id=camera.pk, id=an_id)
        for query in queries:
            answer = viewer.get(f"{address}{query}format={named}", **({"Accept": accept} if accept else {}))
            assert (answer.status_code, answer["Content-Type"]) == (200, content_type), address
            saved = answer.headers.get("Content-Disposition", "")
            assert saved.endswith('.csv"') == (named == "csv")
            refused = viewer.get(f"{address}{query}format=xml")
            assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "format")
    for path in (f"/telemetry/{camera.pk}/transitions", "/cameras", f"/cameras/{camera.pk}", "/sites"):
        refused = viewer.get(f"{path}?format=csv")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "format"), path


def test_csv_holds_every_sample_without_pages(viewer: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_LIMIT", 2)
    camera = make_camera()
    store(camera, (0, 1), (1, 2), (2, 3))
    store(camera, (0, 4), zone="door")

    lines = viewer.get(f"/telemetry/{camera.pk}", Accept="text/csv").content.decode().splitlines()

    assert lines == [
        "timestamp,zone,occupancy,confidence",
        "2026-03-29T00:00:00.000000Z,,1,1.0",
        "2026-03-29T00:00:00.000000Z,door,4,1.0",
        "2026-03-29T00:01:00.000000Z,,2,1.0",
        "2026-03-29T00:02:00.000000Z,,3,1.0",
    ]
    refused = viewer.get(f"/telemetry/{camera.pk}?limit=2", Accept="text/csv")
    assert refused.json()["errors"][0]["field"] == "limit"


def test_no_cell_of_csv_is_a_formula() -> None:
    chunks = formats._chunks(["text"], iter([["=1+1"], ["@a"], ["door"], [-1], [None]]))

    assert b"".join(chunks).decode().splitlines() == ["text", "'=1+1", "'@a", "door", "-1", '""']


@pytest.mark.parametrize(("method", "sent"), [("GET", b"onetwo"), ("HEAD", b"")])
def test_of_a_streamed_answer_no_more_is_read_for_head(rf: RequestFactory, method: str, sent: bytes) -> None:
    chunks = iter([b"one", b"two"])

    answer = streamed_answer(Request(rf.generic(method, "/")), chunks)

    assert b"".join(answer) == sent
    assert list(chunks) == ([] if sent else [b"two"])


@pytest.mark.parametrize("cameras", [1, 50])
def test_the_latest_of_the_fleet_costs_the_same_for_any_number_of_cameras(
    viewer: ApiClient, cameras: int, django_assert_num_queries: Any
) -> None:
    silent = make_camera("Silent")
    for number in range(1, cameras):
        make_camera(f"Gate {number}")
    reporting = make_camera("Reporting")
    CameraVitals.objects.filter(pk=reporting.pk).update(
        last_contact=START, last_sample_at=START, latest_timestamp=START, latest_occupancy=3, latest_confidence=0.5
    )
    viewer.get("/telemetry/latest")  # the token is known from here on

    with django_assert_num_queries(1):
        latest = viewer.get("/telemetry/latest").json()

    by_id = {item["camera_id"]: item for item in latest}
    assert len(by_id) == cameras + 1
    assert by_id[str(silent.pk)] == {"camera_id": str(silent.pk)} | dict.fromkeys(reading.LATEST[1:])
    assert by_id[str(reporting.pk)] == {
        "camera_id": str(reporting.pk),
        "timestamp": "2026-03-29T00:00:00.000000Z",
        "occupancy": 3,
        "confidence": 0.5,
        "last_contact": "2026-03-29T00:00:00.000000Z",
    }


def test_the_latest_come_in_pages_that_meet(viewer: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LATEST_AT_ONCE", 2)
    cameras = [make_camera() for _ in range(5)]

    latest = viewer.get("/telemetry/latest").json()

    assert [item["camera_id"] for item in latest] == sorted(str(camera.pk) for camera in cameras)


@pytest.mark.parametrize("computed", [False, True])
def test_a_site_adds_up_the_averages_of_the_cameras_that_are_known(viewer: ApiClient, computed: bool) -> None:
    site = make_site()
    one, other = make_camera("One", site=site), make_camera("Other", site=site)
    make_camera("Silent", site=site)
    elsewhere = make_camera("Elsewhere", site=make_site("Far"))
    store(one, (0, 2), (0.5, 4), (61, 8))
    store(other, (0, 10))
    store(other, (0, 3), zone="door")
    store(elsewhere, (0, 1000))
    if computed:
        compute_rollups(START + timedelta(days=30))
    path = f"/sites/{site.pk}/occupancy?from=2026-03-28T20:00:00Z&to=2026-03-29T05:00:00Z"

    whole = viewer.get(f"{path}&bucket=1h").json()
    door = viewer.get(f"{path}&bucket=1d&zone=door").json()

    assert whole == {
        "site_id": str(site.pk),
        "bucket": "1h",
        "points": [
            {"start": "2026-03-29T00:00:00.000000Z", "occupancy": 13.0, "cameras": 2, "known_seconds": 90.0},
            {"start": "2026-03-29T01:00:00.000000Z", "occupancy": 8.0, "cameras": 1, "known_seconds": 30.0},
        ],
    }
    assert [(point["occupancy"], point["cameras"]) for point in door["points"]] == [(3.0, 1)]
    for query, field in (("", "from"), ("?from=2026-03-28T20:00:00Z", "bucket"), ("?x=1", "x")):
        answer = viewer.get(f"/sites/{site.pk}/occupancy{query}")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.parametrize("cameras", [1, 50])
def test_a_site_costs_the_same_queries_for_any_number_of_cameras(
    viewer: ApiClient, cameras: int, django_assert_num_queries: Any
) -> None:
    site = make_site()
    for number in range(cameras):
        store(make_camera(f"Gate {number}", site=site), (0, 1))
    compute_rollups(START + timedelta(days=30))
    path = f"/sites/{site.pk}/occupancy?from=2026-03-28T20:00:00Z&to=2026-03-29T05:00:00Z&bucket=1h"
    viewer.get(path)  # the token is known from here on

    # Site, cameras; where history begins and three kinds of dirty ranges; then one statement, or one each for hours and
    # the minute that is open; around them a transaction and its settings.
    with django_assert_num_queries(11 if connection.vendor == "postgresql" else 9):
        points = viewer.get(path).json()["points"]

    assert [point["cameras"] for point in points] == [cameras]


def test_a_bound_principal_sees_only_its_own() -> None:
    site = make_site()
    mine, others = make_camera("Mine", site=site), make_camera("Others")
    neighbour = make_camera("Neighbour", site=site)
    for camera in (mine, neighbour):
        store(camera, (0, 1))
    of_site, of_camera = (
        ApiClient(make_token("viewer", site)),
        ApiClient(make_token("viewer", mine)),
    )
    query = "?from=2026-03-29T00:00:00Z&bucket=1h"

    assert {item["camera_id"] for item in of_site.get("/telemetry/latest").json()} == {
        str(mine.pk),
        str(neighbour.pk),
    }
    assert [item["camera_id"] for item in of_camera.get("/telemetry/latest").json()] == [str(mine.pk)]
    assert of_site.get(f"/telemetry/{others.pk}/gaps").status_code == 404
    assert of_site.get(f"/sites/{make_site('Far').pk}/occupancy{query}").status_code == 404
    assert of_site.get(f"/sites/{site.pk}/occupancy{query}").json()["points"][0]["cameras"] == 2
    assert of_camera.get(f"/sites/{site.pk}/occupancy{query}").json()["points"][0]["cameras"] == 1


def test_workers_may_not_read_telemetry(worker: ApiClient) -> None:
    camera = make_camera(site=make_site())
    for path in ("/telemetry/latest", f"/telemetry/{camera.pk}/gaps", f"/sites/{camera.site_id}/occupancy"):
        assert worker.get(path).status_code == 403


def test_a_query_that_takes_too_long_is_503_and_says_how_to_ask_for_less(
    viewer: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        return  # SQLite has no such bound
    camera = make_camera()
    store(camera, (0, 1))
    monkeypatch.setattr(telemetry_series, "STATEMENT_TIMEOUT", "50ms")
    monkeypatch.setattr(telemetry_series, "database_rollups", lambda: Sleeper)

    answer = viewer.get(f"/telemetry/{camera.pk}?bucket=1h")

    assert answer.status_code == 503
    assert "shorter range" in answer.json()["detail"]
    assert int(answer["Retry-After"]) > 0


class Sleeper:
    """Rollups whose reading takes a second."""

    @staticmethod
    def read(*_: Any) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(1)")
        return []


# --- Silences ---------------------------------------------------------------------------------------------


def gaps(
    camera: Any, start: float | None, end: float | None, now: float = 43_200
) -> list[tuple[float, float | None]]:
    """The silences between so many minutes after START, in minutes after it."""

    def moment(minutes: float | None) -> datetime | None:
        return None if minutes is None else START + timedelta(minutes=minutes)

    found = gaps_of(camera.pk, timedelta(seconds=30), moment(start), moment(end), moment(now))  # type: ignore[arg-type]
    return [
        ((gap.start - START) / timedelta(minutes=1), gap.end and (gap.end - START) / timedelta(minutes=1))
        for gap in found
    ]


@pytest.mark.django_db(transaction=True)
def test_a_reader_has_one_view_and_holds_up_no_writer() -> None:
    camera = make_camera()
    store(camera, (0, 1))

    def write() -> None:
        try:
            store(camera, (1, 2))
        finally:
            connection.close()

    with snapshot():
        assert Sample.objects.count() == 1
        writer = threading.Thread(target=write)
        writer.start()
        writer.join(timeout=10)
        assert not writer.is_alive()
        assert Sample.objects.count() == 1
    assert Sample.objects.count() == 2


@pytest.mark.parametrize("computed", [False, True])
def test_silences_are_where_no_sample_of_any_zone_is_valid(computed: bool) -> None:
    camera = make_camera()
    store(camera, (0, 1), (0.5, 1), (2, 1), *[(60 + second / 6, 1) for second in range(400)])
    store(camera, (1.25, 7), zone="door")
    if computed:
        compute_rollups(START + timedelta(days=30))

    assert gaps(camera, 0, 3) == [(1, 1.25), (1.75, 2), (2.5, 3)]
    assert gaps(camera, 1.1, 1.2) == [(1.1, 1.2)]
    assert gaps(camera, 0, 0.9) == []
    assert gaps(camera, -10, 1) == [(-10, 0)]
    assert gaps(camera, None, 62)[-1] == (2.5, 60)
    assert gaps(camera, 70, None)[-1] == (60 + 399 / 6 + 0.5, None)
    assert gaps(camera, 2.6, 100, now=2.7) == [(2.6, None)]
    assert gaps(camera, 100, 200, now=50) == []


def test_what_retention_removed_is_no_silence() -> None:
    camera = make_camera()
    store(camera, (180, 1))
    compute_rollups(START + timedelta(days=30))
    begin = START + timedelta(minutes=120)
    KeptFrom.objects.create(raw=begin, minutes=begin, hours=begin)

    assert gaps(camera, 0, 200) == [(120, 180), (180.5, 200)]
    assert gaps(camera, 0, 100) == []


def test_silences_over_the_api(viewer: ApiClient) -> None:
    camera = make_camera()
    store(camera, (0, 1), (10, 1))

    answer = viewer.get(f"/telemetry/{camera.pk}/gaps")
    table = viewer.get(f"/telemetry/{camera.pk}/gaps", Accept="text/csv").content.decode().splitlines()

    assert answer.json() == {
        "camera_id": str(camera.pk),
        "gaps": [
            {"start": "2026-03-29T00:00:30.000000Z", "end": "2026-03-29T00:10:00.000000Z"},
            {"start": "2026-03-29T00:10:30.000000Z", "end": None},
        ],
    }
    assert table == [
        "start,end",
        "2026-03-29T00:00:30.000000Z,2026-03-29T00:10:00.000000Z",
        "2026-03-29T00:10:30.000000Z,",
    ]
    assert viewer.get(f"/telemetry/{make_camera('New').pk}/gaps").json()["gaps"] == []


def test_the_answer_to_too_many_silences_does_not_mention_buckets(
    viewer: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry_gaps, "MAX_POINTS", 1)
    camera = make_camera()
    store(camera, (0, 1), (10, 2))

    answer = viewer.get(f"/telemetry/{camera.pk}/gaps")

    assert answer.status_code == 400
    assert answer.json()["detail"] == "from: This range gives over 10,000: take a shorter range."
