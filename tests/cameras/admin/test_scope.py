"""A person without the whole fleet: what the admin says where an action refuses."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from cameras import actions
from cameras.models import Camera, Change, DesiredState, Site
from tests.admin_client import CAMERAS, edit, give, new_camera, page_of, shown_messages, sign_in, stored
from tests.factories import AUTHOR, NOW, make_camera, make_site

pytestmark = pytest.mark.django_db

TO_NO_SITE = "You may not put cameras under no site: name a site at which you may."


@pytest.fixture
def north(db: None) -> Site:
    """The one site of the person who is signed in."""
    return make_site("North")


@pytest.fixture
def administrator(north: Site) -> Client:
    return sign_in("administrator", north, name="anna")


def test_the_form_says_where_a_camera_may_not_be_put(administrator: Client, north: Site) -> None:
    south = make_site("South")
    camera, other = make_camera(site=north), make_camera("other", site=south)

    for page in (
        edit(administrator, camera, site=str(south.pk)),
        administrator.post(f"{CAMERAS}add/", new_camera(site=str(south.pk))),
    ):
        assert "not one of the available choices" in page.context["adminform"].form.errors["site"][0]
        assert "South" not in page.content.decode()
    nowhere = administrator.post(f"{CAMERAS}add/", new_camera(site=""))
    assert nowhere.context["adminform"].form.errors["site"] == [TO_NO_SITE]
    assert administrator.get(page_of(other)).status_code == 404
    assert edit(administrator, camera, notes="x").status_code == 302
    assert {(row.name, row.site, row.notes) for row in Camera.objects.all()} == {
        ("Gate", north, "x"), ("other", south, ""),
    }  # fmt: skip


def test_of_many_those_that_are_not_seen_are_gone_and_those_that_are_not_held_stop_all(
    administrator: Client, north: Site
) -> None:
    south = make_site("South")
    cameras = [make_camera("a", site=north), make_camera("b", site=south)]
    ids = ",".join(str(camera.pk) for camera in cameras)

    moved = administrator.post(f"{CAMERAS}bulk/move/", {"ids": ids, "site": str(south.pk)})
    assert (moved.status_code, "not one of the available choices" in moved.content.decode()) == (200, True)
    assert "South" not in moved.content.decode()
    out = administrator.post(f"{CAMERAS}bulk/move/", {"ids": ids, "site": ""})
    assert shown_messages(out) == f"{TO_NO_SITE} Nothing was done."
    started = administrator.post(f"{CAMERAS}bulk/start/", {"ids": ids})
    assert "1 camera started. 1 is gone. <a " in shown_messages(started)
    give(User.objects.get(username="anna"), ("administrator", north), ("viewer", south))
    refused = administrator.post(f"{CAMERAS}bulk/delete/", {"ids": ids})
    assert "Your role may not do this with this camera. Nothing was done." in shown_messages(refused)
    assert [stored(camera).desired_state for camera in cameras] == ["running", "stopped"]


def test_a_camera_is_not_reverted_to_where_it_may_not_be_put(administrator: Client, north: Site) -> None:
    camera = make_camera(site=make_site("South of all"))
    actions.update_camera(camera_id=camera.pk, values={"site": north.pk}, by=AUTHOR, now=NOW)
    revision = Change.objects.latest("revision").revision
    page = f"{CAMERAS}{camera.pk}/revert/{revision}/"

    answer = administrator.post(page, {"field": ["site"], "seen_revision": revision})

    at_this_site = TO_NO_SITE.replace("under no site", "at this site")
    assert f"The earlier value is not valid any more: site: {at_this_site}" in shown_messages(answer)
    assert stored(camera).site == north
    for path in (page, f"{CAMERAS}{camera.pk}/history/", page_of(camera), "/admin/cameras/change/"):
        shown = administrator.get(path).content.decode()
        assert ("South of all" in shown, path == page_of(camera) or "another site" in shown) == (False, True)


def test_a_camera_that_is_only_seen_is_neither_started_nor_revealed_nor_cloned_with_its_password(
    administrator: Client, north: Site
) -> None:
    south = make_site("South")
    camera = make_camera(site=south)
    give(User.objects.get(username="anna"), ("administrator", north), ("viewer", south))

    page = administrator.get(page_of(camera)).content.decode()
    assert [words in page for words in ("desired-state/", "reveal/", "_save")] == [False, False, False]
    for path in ("reveal", "desired-state"):
        answer = administrator.post(f"{CAMERAS}{camera.pk}/{path}/", {"desired_state": "running"})
        assert answer.status_code == 403
    clone = new_camera(clone_of=str(camera.pk), connection_string="", site=str(north.pk))
    page = administrator.post(f"{CAMERAS}add/?clone_of={camera.pk}", clone)
    assert "give one" in page.context["adminform"].form.errors["connection_string"][0]
    assert Camera.objects.count() == 1


def test_an_entry_of_several_sites_shows_its_changes_that_are_seen_and_no_count_of_all(
    administrator: Client, north: Site
) -> None:
    cameras = [make_camera(f"Gate {number}", site=site) for number, site in enumerate((north, make_site("South")))]
    for wanted in (cameras, cameras[:1]):
        actions.set_desired_state(
            camera_ids=[camera.pk for camera in wanted],
            desired_state=DesiredState.RUNNING if wanted is cameras else DesiredState.STOPPED,
            by=AUTHOR,
            now=NOW,
        )
    log = administrator.get("/admin/cameras/change/").context["cl"]

    assert [change.name for change in log.result_list] == ["Gate 0", "Gate 0", "Gate 0"]
    assert [change.entry_shown.count for change in log.result_list] == [1, 1, 1]
    started = Change.objects.filter(diff__has_key="desired_state", kind="updated").earliest("revision")
    assert administrator.get(f"/admin/cameras/change/entry/{started.block_id}/").status_code == 404
    found = administrator.get("/admin/cameras/change/?q=Gate").context["cl"].result_list
    assert {change.name for change in found} == {"Gate 0"}


def test_a_filter_by_a_foreign_id_shows_neither_its_name_nor_its_rows(administrator: Client, north: Site) -> None:
    south = make_site("South of all")
    make_camera("foreign", site=south)

    for path in (f"{CAMERAS}?site__id__exact={south.pk}", f"/admin/cameras/change/?site={south.pk}"):
        page = administrator.get(path)
        assert not page.context["cl"].result_list
        assert "South of all" not in page.content.decode()
    assert b"South of all" not in administrator.get(CAMERAS).content
