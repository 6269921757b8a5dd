"""A person without the whole fleet: what the admin says where an action refuses."""

import pytest
from django.test import Client

from cameras import actions
from cameras.models import Camera, Change, Site
from controlplane.access import authentication
from tests.admin_client import CAMERAS, administrator, bulk, confirm, edit, new_camera, shown_messages, stored
from tests.factories import AUTHOR, NOW, make_camera, make_holder, make_site

__all__ = ["administrator"]
pytestmark = pytest.mark.django_db

TO_SITE = "You may not put cameras at this site: name a site at which you may."


@pytest.fixture
def north(monkeypatch: pytest.MonkeyPatch) -> Site:
    """The one site that the person who is signed in holds; people have no scope of their own yet."""
    site = make_site("North")
    holder = make_holder(("administrator", site))
    monkeypatch.setattr(authentication, "principal_of_user", lambda user: holder)
    return site


def test_the_form_says_where_a_camera_may_not_be_put(administrator: Client, north: Site) -> None:
    south = make_site("South")
    camera, other = make_camera(site=north), make_camera("other", site=south)

    for page in (
        edit(administrator, camera, site=str(south.pk)),
        administrator.post(f"{CAMERAS}add/", new_camera(site=str(south.pk))),
    ):
        assert page.context["adminform"].form.errors["site"] == [TO_SITE]
    assert edit(administrator, other, notes="x").context["adminform"].form.non_field_errors()
    assert edit(administrator, camera, notes="x").status_code == 302
    assert {(row.name, row.site, row.notes) for row in Camera.objects.all()} == {
        ("Gate", north, "x"), ("other", south, ""),
    }  # fmt: skip


def test_many_are_not_moved_started_or_deleted_where_one_of_them_is_not_held(
    administrator: Client, north: Site
) -> None:
    cameras = [make_camera("a", site=north), make_camera("b", site=make_site("South"))]

    moved = confirm(administrator, bulk(administrator, "move_cameras", cameras[:1]), site=str(cameras[1].site_id))
    rest = [
        confirm(administrator, bulk(administrator, name, cameras)) for name in ("start_cameras", "delete_selected")
    ]

    assert shown_messages(moved) == f"{TO_SITE} Nothing was done."
    assert {shown_messages(answer) for answer in rest} == {
        "Your role may not do this with this camera. Nothing was done."
    }
    assert Change.objects.filter(kind="created").count() == Change.objects.count()
    held = confirm(administrator, bulk(administrator, "start_cameras", cameras[:1]))
    assert shown_messages(held).startswith("1 camera started. <a ")


def test_a_camera_is_not_reverted_to_where_it_may_not_be_put(administrator: Client, north: Site) -> None:
    camera = make_camera(site=make_site("South"))
    actions.update_camera(camera_id=camera.pk, values={"site": north.pk}, by=AUTHOR, now=NOW)
    revision = Change.objects.latest("revision").revision
    page = f"{CAMERAS}{camera.pk}/revert/{revision}/"

    answer = administrator.post(page, {"field": ["site"], "seen_revision": revision})

    assert f"The earlier value is not valid any more: site: {TO_SITE}" in shown_messages(answer)
    assert stored(camera).site == north


def test_one_camera_is_neither_started_nor_revealed_nor_cloned_with_its_password(
    administrator: Client, north: Site
) -> None:
    camera = make_camera(site=make_site("South"))

    assert administrator.post(f"{CAMERAS}{camera.pk}/reveal/").status_code == 403
    started = administrator.post(f"{CAMERAS}{camera.pk}/desired-state/", {"desired_state": "running"})
    assert started.status_code == 403
    clone = new_camera(clone_of=str(camera.pk), connection_string="", site=str(north.pk))
    page = administrator.post(f"{CAMERAS}add/?clone_of={camera.pk}", clone)
    assert "give one" in page.context["adminform"].form.errors["connection_string"][0]
    assert Camera.objects.count() == 1
