"""Entries of the log: what an action changed at once is one, and is worded in one place."""

import importlib
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from cameras import actions
from cameras.intent import clean_camera
from cameras.models import Camera, Change, ChangeBlock, DesiredState
from cameras.sentences import cameras_of, sentence_of
from tests.factories import AUTHOR, NOW, make_camera, make_site

pytestmark = pytest.mark.django_db


def newest() -> ChangeBlock:
    return ChangeBlock.objects.latest("first_revision")


def test_what_an_action_changes_at_once_is_one_entry_with_all_of_its_changes() -> None:
    site = make_site("Berlin Mitte")
    cameras = [make_camera(f"Gate {number}", site=site, desired_state="running") for number in range(3)]

    actions.set_desired_state(
        camera_ids=[camera.pk for camera in cameras], desired_state=DesiredState.STOPPED, by=AUTHOR, now=NOW
    )

    block = newest()
    assert (block.first_revision, block.last_revision, block.count) == (4, 6, 3)
    assert list(block.changes.order_by("revision").values_list("revision", flat=True)) == [4, 5, 6]
    assert (block.site_id, block.site_name, block.fields) == (site.pk, "Berlin Mitte", {"desired_state": 3})
    assert (block.at, block.by, block.via) == (NOW, AUTHOR.label, AUTHOR.via)
    assert sentence_of(block) == "3 cameras at Berlin Mitte stopped by factory"


def test_an_action_that_changes_nothing_makes_no_entry() -> None:
    camera = make_camera()

    actions.set_desired_state(camera_ids=[camera.pk], desired_state=DesiredState.STOPPED, by=AUTHOR, now=NOW)

    assert ChangeBlock.objects.count() == 1


def test_an_entry_keeps_the_name_of_a_site_that_is_renamed() -> None:
    site = make_site("North")
    make_camera(site=site)
    type(site).objects.update(name="South")

    assert sentence_of(newest()) == "“Gate” at North registered by factory"


def _change(**values: Any) -> Any:
    def act(cameras: list[Camera]) -> None:
        cleaned = clean_camera(values, stored_redacted="")
        actions.update_camera(camera_id=cameras[0].pk, values=cleaned, by=AUTHOR, now=NOW)

    return act


def _delete(cameras: list[Camera]) -> None:
    actions.retire_cameras(camera_ids=[camera.pk for camera in cameras], by=AUTHOR, now=NOW)


def _move_away(cameras: list[Camera]) -> None:
    actions.move_cameras(camera_ids=[camera.pk for camera in cameras], site_id=None, by=AUTHOR, now=NOW)


def _move_to_another(cameras: list[Camera]) -> None:
    site = make_site("South")
    actions.move_cameras(camera_ids=[camera.pk for camera in cameras], site_id=site.pk, by=AUTHOR, now=NOW)


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (_change(desired_state="running"), "“Gate” at North started by factory"),
        (_change(notes="n"), "“Gate” at North changed (notes) by factory"),
        (_change(notes="n", desired_state="running"), "“Gate” at North changed (desired state, notes) by factory"),
        (
            _change(notes="n", location="l", name="Roof", desired_state="running"),
            "“Roof” at North changed by factory",
        ),
        (_delete, "2 cameras at North deleted by factory"),
        (_move_away, "2 cameras moved to no site by factory"),
        (_move_to_another, "2 cameras moved to South by factory"),
    ],
)
def test_a_sentence_says_what_was_done_to_which_cameras_and_by_whom(act: Any, sentence: str) -> None:
    site = make_site("North")

    act([make_camera("Gate", site=site), make_camera("Yard", site=site)])

    assert sentence_of(newest()) == sentence


def test_cameras_of_several_sites_are_only_counted() -> None:
    cameras = [make_camera(site=make_site(name)) for name in ("North", "South")]

    _delete(cameras)

    assert cameras_of(newest()) == "2 cameras"


def test_the_migration_makes_entries_of_what_was_logged_before() -> None:
    site = make_site("North")
    moments = [NOW + timedelta(seconds=second) for second in range(5)]
    cameras = [make_camera("Gate", site=site, desired_state="running", now=now) for now in moments[:3]]
    actions.set_desired_state(
        camera_ids=[camera.pk for camera in cameras], desired_state=DesiredState.STOPPED, by=AUTHOR, now=moments[3]
    )
    _delete(cameras[:2])
    before = list(ChangeBlock.objects.order_by("pk").values())
    Change.objects.update(block=None)
    ChangeBlock.objects.all().delete()

    migration = importlib.import_module("cameras.migrations.0010_log_blocks")
    migration.make_blocks(apps, SimpleNamespace(connection=connection))

    assert [row["count"] for row in before] == [1, 1, 1, 3, 2]
    assert list(ChangeBlock.objects.order_by("pk").values()) == before
    assert set(Change.objects.values_list("revision", "block")) == {
        (1, 1),
        (2, 2),
        (3, 3),
        (4, 4),
        (5, 4),
        (6, 4),
        (7, 7),
        (8, 7),
    }
