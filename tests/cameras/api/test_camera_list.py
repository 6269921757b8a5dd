"""The list of cameras: constant queries, pages, filters, strict parameters."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cameras.api.answers import next_with_rest
from cameras.api.parameters import page_cursor
from cameras.api.representation import DETAIL_FIELDS, ORDERINGS
from cameras.models import Camera
from cameras.status_queries import QuickMoment
from tests.factories import ApiClient, make_camera, make_site, make_token

pytestmark = pytest.mark.django_db

LIST_FIELDS = [
    "id",
    "name",
    "status",
    "status_reason",
    "desired_state",
    "site",
    "address",
    "last_contact",
    "generation",
    "observed_generation",
    "conditions",
]


@pytest.mark.parametrize("others_work", [False, True])
def test_a_long_answer_rests_after_a_chunk_in_which_other_threads_worked_and_not_after_one_that_only_waited(
    others_work: bool,
) -> None:
    def work() -> None:
        while time.thread_time() < 0.05:
            pass

    def chunks() -> Iterator[bytes]:
        if others_work:
            ingest = threading.Thread(target=work)
            ingest.start()
            ingest.join()
        else:
            time.sleep(0.05)  # as for the database
            sum(range(100_000))
        yield b"late"

    following = chunks()
    chunk, rest = next_with_rest(following)

    assert chunk == b"late"
    assert rest > 0.1 if others_work else rest == 0
    assert next_with_rest(following)[0] is None


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 5, 4, 12, 0, 0, 123_457, tzinfo=UTC),
        datetime(2026, 5, 4, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_a_moment_that_is_read_quickly_is_exact(moment: datetime) -> None:
    make_camera()
    Camera.objects.update(desired_state_at=moment)

    rows = Camera.objects.values_list(QuickMoment("desired_state_at"), QuickMoment("vitals__last_contact"))

    assert rows.get() == (moment, None)


@pytest.mark.parametrize("count", [1, 50])
def test_the_list_takes_two_queries_however_long_it_is(
    viewer: ApiClient, count: int, django_assert_num_queries: Any
) -> None:
    site = make_site()
    for number in range(count):
        make_camera(f"camera {number:03}", site=site)
    viewer.get("/cameras")

    # The cursor with the interruptions, then the rows; the token is remembered.
    with django_assert_num_queries(2):
        items = viewer.get("/cameras").json()

    assert [item["name"] for item in items] == [f"camera {number:03}" for number in range(count)]
    assert list(items[0]) == LIST_FIELDS


def test_a_camera_takes_two_queries(viewer: ApiClient, django_assert_num_queries: Any) -> None:
    camera = make_camera("Lobby", site=make_site())
    viewer.get(f"/cameras/{camera.pk}")

    with django_assert_num_queries(2):
        assert viewer.get(f"/cameras/{camera.pk}").json()["name"] == "Lobby"


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_the_first_page_of_all_is_that_of_a_scope_that_holds_all(viewer: ApiClient, ordering: str) -> None:
    """The former is read by a query that is compiled once."""
    site = make_site()
    for number in (2, 1, 3):
        make_camera(f"camera {number}", site=site)
    at_site = ApiClient(make_token("viewer", site))

    for query in (f"?ordering={ordering}", f"?ordering={ordering}&limit=2", f"?fields={','.join(DETAIL_FIELDS)}"):
        assert listed(viewer, query) == listed(at_site, query)
    make_camera("camera 0", site=site)
    assert len(listed(viewer, f"?ordering={ordering}")) == 4, "what it finds is read anew"


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
    assert names("?search=lot%20gate") == ["Gate"]  # words in any order, each in a field of its own
    assert names("?search=gate%20nowhere") == []
    assert names("?search=10.9.9") == ["Roof"]
    assert names("?status=stopped") == ["Roof", "Yard"]
    assert names("?status=offline") == ["Gate"]
    assert listed(viewer, "?fields=name,id&search=roof") == [
        {"name": "Roof", "id": str(Camera.objects.get(name="Roof").pk)}
    ]


ID = "0b54e1b2-9c0f-4d6f-8f3c-2f6d3f1f0a11"


def cursor(*values: Any) -> str:
    return page_cursor(list(values))


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
        ("?fields=sealed_connection", "fields"),
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
        ("?search=%FF", "search"),
        ("?search=%ED%A0%80", "search"),
        ("?site=00000000000000000000000000000000", "site"),
        ("?cursor=" + cursor("name", "a", "nonsense"), "cursor"),
        ("?cursor=" + cursor("name", "\0", ID), "cursor"),
        ("?cursor=" + cursor("name", 5, ID), "cursor"),
        ("?cursor=" + cursor("created_at", "0001-01-01T00:00:00+14:00", ID), "cursor"),
        ("?cursor=" + cursor("created_at", "9999-12-31T23:59:59-14:00", ID), "cursor"),
        ("?cursor=" + cursor("created_at", "2026-01-01T00:00:00", ID), "cursor"),
        ("?cursor=" + cursor("notes", "a", ID), "cursor"),
        ("?search=" + "a" * 201, "search"),
    ],
)
def test_an_unknown_parameter_or_value_is_400_and_named(viewer: ApiClient, query: str, field: str) -> None:
    make_camera()

    answer = viewer.get(f"/cameras{query}")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), answer.content
    assert [error["field"] for error in answer.json()["errors"]] == [field]
