"""Exports are held against the rules of the programs that take them, and not against our own reader."""

import re
from typing import Any
from uuid import UUID

import pytest

from cameras import actions
from cameras.intent import clean_camera
from cameras.models import Camera
from cameras.transfer import exports
from cameras.transfer.files.formats import Format
from cameras.transfer.files.written import Written
from cameras.transfer.imports import Upload, read_upload
from cameras.transfer.plan import Effect
from tests.cameras.transfer.hostile_fleet import SIZE, Sent, make_hostile_fleet, polygon, zones
from tests.factories import AUTHOR, NOW, URL, make_camera, make_principal
from tests.programs import Request, frigate, go2rtc, mediamtx

pytestmark = pytest.mark.django_db

ANNA = make_principal("administrator", name="anna")
RESTREAMERS = {
    Format.MEDIAMTX: (mediamtx.sources, mediamtx.request),
    Format.GO2RTC: (go2rtc.streams, go2rtc.request),
}


@pytest.fixture
def fleet() -> dict[str, Sent]:
    return make_hostile_fleet()


def export(target: Format) -> Written:
    return exports.export_cameras(target=target, with_credentials=True, principal=ANNA, by=AUTHOR, now=NOW)


def plain(request: Request) -> Request:
    """What need not be encoded in a path may be: `%24` and `$` are the same there."""
    return request._replace(path=request.path.replace("%24", "$").replace("%40", "@"))


def make_camera_with_id(camera_id: str, name: str, **values: Any) -> Camera:
    given = clean_camera({"name": name, "connection_string": URL, **values})
    return actions.register_camera(values=given, by=AUTHOR, now=NOW, camera_id=UUID(camera_id))


# --- A fleet of 200 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", RESTREAMERS)
def test_a_restreamer_starts_with_a_hostile_fleet_and_asks_each_camera_for_what_it_should(
    fleet: dict[str, Sent], target: Format
) -> None:
    read, request = RESTREAMERS[target]

    written = export(target)

    sources = read(written.text)
    left_out = {one.camera["id"] for one in written.left_out}
    assert len(sources) + len(left_out) == len(fleet) == SIZE
    ids = {name: next(one for one in fleet if one == name or one[:8] == name[-8:]) for name in sources}
    assert {ids[name]: plain(request(source)) for name, source in sources.items()} == {
        camera_id: plain(one.request) for camera_id, one in fleet.items() if camera_id not in left_out
    }
    # MediaMTX alone has something that it cannot take.
    empty = {camera_id for camera_id, one in fleet.items() if one.request.login and not one.request.login[1]}
    assert left_out == (empty if target is Format.MEDIAMTX else set())


def test_frigate_starts_with_a_hostile_fleet_and_asks_each_camera_for_what_it_should(
    fleet: dict[str, Sent],
) -> None:
    written = export(Format.FRIGATE)

    read = {camera.friendly_name: camera for camera in frigate.cameras(written.text).values()}
    stored = {camera.name: camera for camera in Camera.objects.all()}
    assert read.keys() == stored.keys()
    for name, camera in read.items():
        assert camera.request == fleet[str(stored[name].pk)].request, name
        assert camera.enabled == (stored[name].desired_state == "running")
    # What is left out are outlines of which whole pixels, or six digits, leave nothing.
    assert {one.zone for one in written.left_out} == {"one-pixel", "nothing", "invisible"}
    assert sum(len(camera.zones) for camera in read.values()) > SIZE


@pytest.mark.parametrize("target", [Format.CSV, Format.JSON, Format.FRIGATE])
def test_an_export_of_a_hostile_fleet_that_is_imported_again_is_no_change(
    fleet: dict[str, Sent], target: Format
) -> None:
    written = export(target)

    plan = read_upload(Upload(written.text.encode(), "file", target)).plan(ANNA)

    assert len(plan.rows) == SIZE
    changed = [row for row in plan.rows if row.effect is not Effect.UNCHANGED]
    assert [(row.name, row.faults, row.diff) for row in changed] == []


@pytest.mark.parametrize("target", [Format.FRIGATE, Format.MEDIAMTX, Format.GO2RTC])
def test_what_is_left_out_is_named_in_a_comment_that_stays_one(target: Format) -> None:
    hostile = "${NAME} \u2003# a: [\ufffe"
    url = "rtsp://admin:@10.0.0.9/a" if target is Format.MEDIAMTX else URL
    twins = [
        make_camera_with_id(
            f"1234567{'8' * 8}-1111-4111-8111-{n:012}"[0:8] + f"-1111-4111-8111-{n:012}",
            hostile,
            connection_string=url,
        )
        for n in (1, 2)
    ]
    make_camera("Gate")

    written = export(target)

    comments = [line for line in written.text.splitlines() if line.startswith("#")]
    assert len(comments) == len(written.left_out) == 2
    for camera, comment in zip(twins, comments, strict=True):
        assert str(camera.pk) in comment
        assert "NAME} " in comment
    values = {"NAME": "x\n- y: z"}
    if target is Format.GO2RTC:
        assert len(go2rtc.streams(written.text, values)) == 1
    else:
        assert len((frigate.cameras if target is Format.FRIGATE else mediamtx.sources)(written.text)) == 1


# --- Names of paths ---------------------------------------------------------------------------------------

PLAIN = "0f3a9c51-2222-4333-8444-555566667777"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Gate", "gate-0f3a9c51"),
        ("All", "all-0f3a9c51"),
        ("~^.*$", PLAIN),
        ("北门", PLAIN),
        ("北门 2", "2-0f3a9c51"),
        ("Süd Tor/№ 1", "sud_tor_no_1-0f3a9c51"),
        ("1", "1-0f3a9c51"),
        ("x" * 200, "x" * 60 + "-0f3a9c51"),
    ],
)
def test_a_path_is_called_by_its_camera_s_name_and_id(name: str, expected: str) -> None:
    make_camera_with_id(PLAIN, name)

    assert list(mediamtx.sources(export(Format.MEDIAMTX).text)) == [expected]
    assert list(go2rtc.streams(export(Format.GO2RTC).text)) == [expected]
    assert list(frigate.cameras(export(Format.FRIGATE).text)) == [expected]


@pytest.mark.parametrize("target", [Format.FRIGATE, Format.MEDIAMTX, Format.GO2RTC])
def test_no_path_moves_when_another_camera_comes_goes_or_is_called_otherwise(target: Format) -> None:
    read = frigate.cameras if target is Format.FRIGATE else RESTREAMERS[target][0]
    first, *others = (
        make_camera(name, connection_string=f"rtsp://10.0.0.{n}/x")
        for n, name in enumerate(["Кухня", "玄関", "🚪", "Gate", "gate", "GATE"])
    )
    before = read(export(target).text)

    make_camera("A gate")
    actions.update_camera(camera_id=others[-1].pk, values={"name": "Door"}, by=AUTHOR, now=NOW)
    actions.retire_camera(camera_id=first.pk, by=AUTHOR, now=NOW)
    after = read(export(target).text)

    kept = before.keys() & after.keys()
    assert len(kept) == 4
    assert {name: before[name] for name in kept} == {name: after[name] for name in kept}  # type: ignore[index]


def test_two_cameras_of_one_name_and_beginning_of_their_ids_are_both_left_out() -> None:
    """With either under it, the path would come to show the other one when it goes."""
    for number in (1, 2):
        make_camera_with_id(f"00000000-0000-4000-8000-{number:012}", "Gate")

    written = export(Format.MEDIAMTX)

    assert mediamtx.sources(written.text) == {}
    assert [one.camera["name"] for one in written.left_out] == ["Gate", "Gate"]


def test_frigate_gets_no_camera_that_is_called_as_a_zone_is() -> None:
    make_camera_with_id(PLAIN, "Gate")
    zone = polygon((0, 0), (1, 0), (1, 1), id="gate-0f3a9c51")
    make_camera("Yard", zone_config=zones(zone))

    written = export(Format.FRIGATE)

    assert [camera.friendly_name for camera in frigate.cameras(written.text).values()] == ["Yard"]
    assert re.search(r"a zone has the id gate-0f3a9c51.*“Gate”", str(written.left_out[0]))
