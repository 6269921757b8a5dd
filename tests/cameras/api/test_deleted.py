"""Deleted cameras over REST: the bin, restoring from it, and erasing."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from cameras import actions, recycle_bin, site_actions
from cameras.models import Camera, DeletedCamera, Purge, Site
from tests.factories import AUTHOR, NOW, SECRET, ApiClient, make_camera, make_site, make_token

pytestmark = pytest.mark.django_db
BIN = "/deleted-cameras"


def delete(camera: Camera, **options: Any) -> Camera:
    actions.retire_camera(camera_id=camera.pk, by=AUTHOR, **{"now": timezone.now(), **options})
    return camera


def test_a_deleted_camera_is_listed_until_it_is_restored(administrator: ApiClient) -> None:
    camera = make_camera(site=make_site("North"), desired_state="running")
    etag = administrator.get(f"/cameras/{camera.pk}")["ETag"]
    administrator.delete(f"/cameras/{camera.pk}")

    (listed,) = administrator.get(BIN).json()
    restored = administrator.post(f"{BIN}/{camera.pk}/restore")

    assert {name: listed[name] for name in listed if not name.endswith(("_at", "_until"))} == {
        "id": str(camera.pk),
        "name": "Gate",
        "site": str(camera.site_id),
        "site_name": "North",
        "connection_string": "rtsp://user:***@10.0.0.5:554/stream",
        "address": "10.0.0.5:554",
        "desired_state": "running",
        "generation": 1,
        "deleted_by": "token:administrator",
    }
    assert (restored.status_code, restored["Location"]) == (200, f"/cameras/{camera.pk}")
    assert restored.json() == administrator.get(f"/cameras/{camera.pk}").json() | {"warnings": []}
    assert (restored.json()["desired_state"], restored.json()["generation"]) == ("running", 2)
    assert restored["ETag"] == administrator.get(f"/cameras/{camera.pk}")["ETag"] != etag
    assert administrator.get(BIN).json() == []


def test_a_restore_that_is_sent_again_is_answered_and_does_nothing(administrator: ApiClient) -> None:
    camera = delete(make_camera())

    first, second = (administrator.post(f"{BIN}/{camera.pk}/restore") for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 200)
    assert (first.json()["generation"], first["ETag"]) == (second.json()["generation"], second["ETag"])


def test_the_bin_is_paged_and_the_latest_comes_first(administrator: ApiClient) -> None:
    ages = [3, 1, 2, 2, 2]
    for number, days in enumerate(ages):
        delete(make_camera(str(number)), now=timezone.now() - timedelta(days=days))

    names, path = [], f"{BIN}?limit=2"
    while path:
        page = administrator.get(path)
        names.append([row["name"] for row in page.json()])
        path = page.headers.get("Link", "").partition("<http://testserver")[2].partition(">")[0]

    assert [len(page) for page in names] == [2, 2, 1]
    flat = [name for page in names for name in page]
    assert (flat[0], set(flat[1:4]), flat[4]) == ("1", {"2", "3", "4"}, "0")


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=1001", "limit"), ("cursor=x", "cursor"), ("cursor=WzEsMl0", "cursor"), ("p=1", "p")],
)  # fmt: skip
def test_a_bad_parameter_of_the_bin_is_400(administrator: ApiClient, query: str, field: str) -> None:
    answer = administrator.get(f"{BIN}?{query}")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.parametrize("count", [1, 50])
def test_the_bin_takes_as_many_queries_for_one_camera_as_for_fifty(
    administrator: ApiClient, django_assert_num_queries: Any, count: int
) -> None:
    for number in range(count):
        delete(make_camera(str(number)))
    administrator.get(BIN)

    with django_assert_num_queries(1):
        assert len(administrator.get(BIN).json()) == count


def test_a_purge_that_has_begun_makes_a_restore_a_409(administrator: ApiClient) -> None:
    at_once = make_camera("at once")
    assert administrator.delete(f"/cameras/{at_once.pk}?purge=1").status_code == 204
    aged = delete(make_camera("aged"), now=NOW)
    recycle_bin.erase_expired(timezone.now())
    erased = delete(make_camera("erased"))
    assert administrator.delete(f"{BIN}/{erased.pk}").status_code == 204

    for camera in (at_once, aged, erased):
        answer = administrator.post(f"{BIN}/{camera.pk}/restore")
        assert (answer.status_code, answer.json()["detail"]) == (
            409,
            "The camera was erased and its samples are being purged: it cannot be restored.",
        )
        assert administrator.delete(f"{BIN}/{camera.pk}").status_code == 404
    assert (Purge.objects.count(), DeletedCamera.objects.count(), Camera.objects.count()) == (3, 0, 0)


@pytest.mark.parametrize(
    ("query", "status"), [("purge=0", 204), ("purge=1", 204), ("purge=2", 400), ("purge=", 400)]
)
def test_a_purge_is_asked_for_by_0_or_1(administrator: ApiClient, query: str, status: int) -> None:
    camera = make_camera()

    assert administrator.delete(f"/cameras/{camera.pk}?{query}").status_code == status

    assert Camera.objects.exists() is (status == 400)
    assert DeletedCamera.objects.exists() is (query == "purge=0")


def test_what_is_not_as_it_was_is_told(administrator: ApiClient) -> None:
    camera = delete(make_camera("Gate", site=make_site()))
    site_actions.retire_site(site=Site.objects.get(), by=AUTHOR, now=NOW)
    make_camera("Gate")

    restored = administrator.post(f"{BIN}/{camera.pk}/restore").json()

    assert restored["site"] is None
    assert restored["warnings"] == [
        "The site where the camera stood is gone: it is at no site now.",
        f"Another camera without a site is called “Gate” too. Its id is {Camera.objects.exclude(pk=camera.pk).get().pk}.",
    ]


def test_who_may_not_delete_cameras_sees_no_bin(
    viewer: ApiClient, operator: ApiClient, orchestrator: ApiClient
) -> None:
    camera = delete(make_camera())

    for client in (viewer, operator, orchestrator):
        assert client.get(BIN).status_code == 403
        assert client.post(f"{BIN}/{camera.pk}/restore").status_code == 403
        assert client.delete(f"{BIN}/{camera.pk}").status_code == 403
    assert DeletedCamera.objects.exists()


def test_an_administrator_of_a_site_sees_its_deleted_cameras_and_no_others() -> None:
    north, south = make_site("North"), make_site("South")
    client = ApiClient(make_token("administrator", north))
    mine, other = delete(make_camera("mine", site=north)), delete(make_camera("other", site=south))
    purged = delete(make_camera("purged", site=south), is_kept=False)

    assert [row["name"] for row in client.get(BIN).json()] == ["mine"]
    for camera in (other, purged):
        assert client.post(f"{BIN}/{camera.pk}/restore").status_code == 404
        assert client.delete(f"{BIN}/{camera.pk}").status_code == 404
    assert client.post(f"{BIN}/{mine.pk}/restore").status_code == 200


@pytest.mark.parametrize("camera_id", ["x", "00000000-0000-4000-8000-000000000000"])
def test_an_id_that_is_none_of_the_bin_is_404(administrator: ApiClient, camera_id: str) -> None:
    assert administrator.post(f"{BIN}/{camera_id}/restore").status_code == 404
    assert administrator.delete(f"{BIN}/{camera_id}").status_code == 404


def test_the_bin_shows_no_secret(administrator: ApiClient) -> None:
    delete(make_camera())
    sealed = DeletedCamera.objects.get().sealed_connection

    text = administrator.get(BIN).content.decode()

    assert SECRET not in text
    assert sealed not in text
