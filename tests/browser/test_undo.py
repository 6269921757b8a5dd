"""Undo as a person uses it: a tap on Stop, fifty cameras, a deleted camera, an entry of which parts changed since."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from cameras import actions
from cameras.models import Camera, ChangeBlock, DeletedCamera, DesiredState, Purge
from tests.browser.conftest import axe_violations
from tests.factories import AUTHOR, make_camera, make_site

pytestmark = pytest.mark.django_db(transaction=True)

FITS_A_PHONE = "innerWidth === 390 && document.documentElement.scrollWidth <= 390"


def now() -> datetime:
    return datetime.now(UTC)


def fleet(count: int) -> list[Camera]:
    site = make_site("Berlin Mitte")
    return [
        make_camera(f"Gate {number}", site=site, desired_state="running", now=now()) for number in range(count)
    ]


def running() -> set[str]:
    return set(Camera.objects.filter(desired_state="running").values_list("name", flat=True))


def stop_all(page: Page) -> None:
    page.goto("/admin/cameras/camera/")
    page.locator("#action-toggle").check()
    page.get_by_label("Select action to run").select_option("stop_cameras")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("cameras stopped.")).to_be_visible()


def is_fit_for_everybody(page: Page) -> None:
    assert axe_violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function(FITS_A_PHONE)
    page.set_viewport_size({"width": 1280, "height": 720})


def test_a_tap_on_stop_is_taken_back_by_a_tap_on_undo(administrator: Page) -> None:
    camera = make_camera("Gate", desired_state="running", now=now())
    page, address = administrator, f"/admin/cameras/camera/{camera.pk}/change/"
    page.goto(address)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("1 camera stopped.")).to_be_visible()
    assert running() == set()
    is_fit_for_everybody(page)

    page.get_by_role("link", name="Undo").click()

    expect(page.get_by_text("Undone: “Gate” stopped by anna.")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    assert (page.url.endswith(address), running()) == (True, {"Gate"})
    page.get_by_role("link", name="Undo").press("Enter")
    expect(page.get_by_text("Undone: “Gate” reverted by anna.")).to_be_visible()
    assert running() == set()


def test_a_bulk_stop_is_one_row_and_is_reverted_as_one_but_for_what_was_changed_since(administrator: Page) -> None:
    cameras, page = fleet(4), administrator
    stop_all(page)
    south = make_site("South")
    actions.move_cameras(camera_ids=[one.pk for one in cameras], site_id=south.pk, by=AUTHOR, now=now())
    for site_id in (None, south.pk):  # moved twice more since
        actions.move_cameras(camera_ids=[cameras[0].pk], site_id=site_id, by=AUTHOR, now=now())
    actions.move_cameras(camera_ids=[cameras[1].pk], site_id=None, by=AUTHOR, now=now())

    page.goto("/admin/cameras/change/")
    expect(page.get_by_text("4 cameras at Berlin Mitte stopped by anna", exact=True)).to_be_visible()
    is_fit_for_everybody(page)
    page.get_by_text("4 cameras moved to South by factory", exact=True).click()
    page.get_by_role("link", name="4 cameras moved to South by factory").click()
    expect(page.get_by_role("row", name="Gate 3")).to_be_visible()
    is_fit_for_everybody(page)
    page.get_by_role("link", name="Revert…").click()
    expect(page.get_by_role("heading", name="Will be reverted (3)")).to_be_visible()
    expect(page.get_by_label("Gate 1")).not_to_be_checked()
    expect(page.get_by_label("Gate 0")).to_have_count(0)
    is_fit_for_everybody(page)
    page.get_by_role("button", name="Revert").click()

    expect(page.get_by_role("heading", name="Left as they are (1)")).to_be_visible()
    is_fit_for_everybody(page)
    assert dict(Camera.objects.values_list("name", "site__name")) == {
        "Gate 0": "Berlin Mitte", "Gate 1": None, "Gate 2": "Berlin Mitte", "Gate 3": "Berlin Mitte",
    }  # fmt: skip
    page.get_by_role("link", name="See the revert in the changes").click()
    expect(page.get_by_role("heading", name="3 cameras at Berlin Mitte reverted by anna")).to_be_visible()


def test_a_revert_of_what_changed_while_the_page_was_open_does_nothing(administrator: Page) -> None:
    cameras, page = fleet(2), administrator
    stop_all(page)
    page.goto(f"/admin/cameras/change/entry/{ChangeBlock.objects.latest('pk').pk}/revert/")
    actions.set_desired_state(camera_ids=[cameras[0].pk], desired_state=DesiredState.RUNNING, by=AUTHOR, now=now())
    page.get_by_role("button", name="Revert").click()

    expect(page.get_by_text("nothing was reverted")).to_be_visible()
    assert running() == {"Gate 0"}
    page.get_by_role("button", name="Revert").click()
    expect(page.get_by_role("heading", name="Reverted (1)")).to_be_visible()
    expect(page.get_by_role("row", name="Gate 0")).to_contain_text("It is as before already.")
    assert running() == {"Gate 0", "Gate 1"}


def test_a_deleted_camera_is_undone_or_found_in_the_bin_and_restored(administrator: Page) -> None:
    camera = make_camera("Dock 7", site=make_site("North"), notes="by the gate", desired_state="running")
    page = administrator

    def delete() -> None:
        page.goto(f"/admin/cameras/camera/{camera.pk}/delete/")
        expect(page.get_by_text("can be restored for 30 days")).to_be_visible()
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_text("“Dock 7” deleted. Can be restored for 30 days.")).to_be_visible()

    delete()
    page.get_by_role("link", name="Undo").click()
    expect(page.get_by_text("Undone: “Dock 7” at North deleted by anna.")).to_be_visible()
    assert Camera.objects.get().pk == camera.pk

    delete()
    page.goto("/admin/")
    page.get_by_role("link", name="Deleted cameras").click()
    expect(page.get_by_role("link", name="Dock 7")).to_be_visible()
    is_fit_for_everybody(page)
    page.get_by_role("link", name="Dock 7").click()
    expect(page.get_by_text("by the gate")).to_be_visible()
    is_fit_for_everybody(page)
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_text("1 camera restored.")).to_be_visible()
    restored = Camera.objects.get()
    assert (restored.pk, restored.notes, restored.desired_state) == (camera.pk, "by the gate", "running")
    assert restored.generation == camera.generation + 2


def test_a_person_erases_a_camera_for_good(administrator: Page) -> None:
    at_once, later = make_camera("Old dock"), make_camera("Dock 7")
    page = administrator
    page.goto(f"/admin/cameras/camera/{at_once.pk}/delete/")
    page.get_by_label("Erase at once").check()
    is_fit_for_everybody(page)
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("It was erased.")).to_be_visible()
    expect(page.get_by_role("link", name="Undo")).to_have_count(0)

    actions.retire_camera(camera_id=later.pk, by=AUTHOR, now=now())
    page.goto(f"/admin/cameras/deletedcamera/{later.pk}/change/")
    page.get_by_role("button", name="Erase now…").click()
    expect(page.get_by_text("1 camera will be erased:")).to_be_visible()
    assert DeletedCamera.objects.exists()
    is_fit_for_everybody(page)
    page.get_by_role("button", name="Erase 1 camera").click()
    expect(page.get_by_text("1 camera erased for good.")).to_be_visible()
    assert (DeletedCamera.objects.exists(), Purge.objects.count()) == (False, 2)
