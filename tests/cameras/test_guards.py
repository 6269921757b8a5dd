"""Who may do what where, at the actions: no entry point can leave it out."""

from functools import partial
from typing import Any

import pytest

from cameras import actions, site_actions
from cameras.guards import OutOfScope
from cameras.intent import clean_camera
from cameras.models import Camera, Change, DesiredState, Site
from cameras.reverts import revert
from tests.factories import AUTHOR, BRIEF, NOW, make_camera, make_holder, make_site

pytestmark = pytest.mark.django_db

REFUSED_CHANGE = "Your role may not do this with this camera."
STATE_ONLY = "Your role may change `desired_state` only."
FROM = "You may not take this camera away from where it is."
TO_SITE = "You may not put cameras at this site: name a site at which you may."
TO_NONE = "You may not put cameras under no site: name a site at which you may."

#: what is held (N: north, S: south, C: the camera), from where, to where, the refusal
MOVES = [
    (["administrator"], "N", "S", None),
    (["administrator"], None, "S", None),
    (["administrator"], "N", None, None),
    (["administrator N", "administrator S"], "N", "S", None),
    (["administrator NS"], "N", "S", None),
    (["administrator NS"], "N", None, TO_NONE),
    (["administrator NS"], None, "N", REFUSED_CHANGE),
    (["administrator N"], "N", "S", TO_SITE),
    (["administrator S"], "N", "S", REFUSED_CHANGE),
    (["administrator N", "operator S"], "N", "S", TO_SITE),
    (["administrator N", "viewer S"], "N", "S", TO_SITE),
    (["operator N", "administrator S"], "N", "S", STATE_ONLY),
    (["administrator C"], "N", "S", FROM),
    (["administrator C"], None, "S", FROM),
    (["administrator C", "administrator S"], "N", "S", FROM),
    (["administrator C", "administrator N"], "N", "S", TO_SITE),
    (["administrator C"], "N", "N", None),
    (["administrator N"], "N", "N", None),
    (["operator NS"], "N", "S", STATE_ONLY),
    (["viewer"], "N", "S", REFUSED_CHANGE),
]


@pytest.mark.parametrize(("held", "before", "after", "refusal"), MOVES)
def test_a_move_takes_the_permission_at_both_sites(
    held: list[str], before: str | None, after: str | None, refusal: str | None
) -> None:
    sites: dict[str | None, Site | None] = {"N": make_site("North"), "S": make_site("South"), None: None}
    camera = make_camera(site=sites[before])
    places = {**sites, "C": camera}
    roles = [one.partition(" ") for one in held]
    by = make_holder(*((role, *(places[letter] for letter in where)) for role, _, where in roles)).author("api")
    site = sites[after]
    target = site.pk if site else None

    def moved_by_update() -> None:
        actions.update_camera(camera_id=camera.pk, values={"site": target}, by=by, now=NOW)

    def moved_in_bulk() -> None:
        actions.move_cameras(camera_ids=[camera.pk], site_id=target, by=by, now=NOW)

    def moved_by_import() -> None:
        revision = Camera.objects.get().revision
        actions.save_cameras(new=[], changed={camera.pk: (revision, {"site": target})}, by=by, now=NOW)

    for move in (moved_by_update, moved_in_bulk, moved_by_import):
        Camera.objects.update(site=sites[before])
        if refusal:
            with pytest.raises(OutOfScope) as refused:
                move()
            assert str(refused.value) == refusal
            assert [fault.field for fault in refused.value.errors] == [
                "site" if refusal in (FROM, TO_SITE, TO_NONE) else ""
            ]
        else:
            move()
        assert Camera.objects.get().site == sites[before if refusal else after]


def test_a_camera_goes_back_to_a_site_only_by_who_may_put_it_there() -> None:
    north, south = make_site("North"), make_site("South")
    camera = make_camera(site=north)
    actions.update_camera(camera_id=camera.pk, values={"site": south.pk}, by=AUTHOR, now=NOW)
    change = Change.objects.latest("revision")
    by = make_holder(("administrator", south)).author("admin")

    with pytest.raises(OutOfScope, match="at this site"):
        revert(change=change, fields=["site"], seen_revision=change.revision, by=by, now=NOW)

    assert Camera.objects.get().site == south


def test_many_are_moved_all_or_none() -> None:
    north, south = make_site("North"), make_site("South")
    inside, outside = make_camera("inside", site=north), make_camera("outside")
    by = make_holder(("administrator", north, south)).author("admin")

    for act in (
        partial(actions.move_cameras, site_id=south.pk),
        partial(actions.set_desired_state, desired_state=DesiredState.RUNNING),
        actions.retire_cameras,
    ):
        with pytest.raises(OutOfScope):
            act(camera_ids=[inside.pk, outside.pk], by=by, now=NOW)

    assert set(Camera.objects.values_list("name", "site", "desired_state")) == {
        ("inside", north.pk, "stopped"), ("outside", None, "stopped"),
    }  # fmt: skip


#: the act on a camera at north, and the roles that may do it there
ACTS: list[tuple[str, Any, set[str]]] = [
    (
        "start",
        lambda camera, by: actions.set_desired_state(
            camera_ids=[camera.pk], desired_state=DesiredState.RUNNING, by=by, now=NOW
        ),
        {"operator", "administrator"},
    ),
    (
        "replace",
        lambda camera, by: actions.replace_hardware(
            camera_id=camera.pk,
            connection_string=clean_camera(BRIEF)["connection_string"],
            reason="",
            by=by,
            now=NOW,
        ),
        {"administrator"},
    ),
    (
        "reveal",
        lambda camera, by: actions.reveal_connection_string(camera=camera, by=by, now=NOW),
        {"administrator", "orchestrator", "worker"},
    ),
    (
        "register",
        lambda camera, by: actions.register_camera(
            values=clean_camera({**BRIEF, "site": str(camera.site_id)}), by=by, now=NOW
        ),
        {"administrator"},
    ),
    (
        "change the site",
        lambda camera, by: site_actions.update_site(site=camera.site, values={"location": "x"}, by=by, now=NOW),
        {"administrator"},
    ),
    ("delete", lambda camera, by: actions.retire_camera(camera_id=camera.pk, by=by, now=NOW), {"administrator"}),
]


@pytest.mark.parametrize(("act", "roles"), [row[1:] for row in ACTS], ids=[row[0] for row in ACTS])
@pytest.mark.parametrize("role", ["viewer", "operator", "administrator", "orchestrator", "worker"])
def test_an_action_takes_its_permission_where_the_camera_is(act: Any, roles: set[str], role: str) -> None:
    north, south = make_site("North"), make_site("South")
    camera = make_camera(site=north)
    everything = make_holder(("administrator", south), ("orchestrator", south), (role, north))
    elsewhere = make_holder(("administrator", south), ("viewer", north))

    with pytest.raises(OutOfScope):
        act(camera, elsewhere.author("api"))
    if role in roles:
        act(camera, everything.author("api"))
    else:
        with pytest.raises(OutOfScope):
            act(camera, everything.author("api"))


@pytest.mark.parametrize(
    ("held", "may"),
    [(("administrator",), True), (("administrator", "site"), False), (("viewer",), False)],
)
def test_sites_are_made_by_who_may_in_the_whole_fleet(held: tuple[str, ...], may: bool) -> None:
    role, *bound = held
    by = make_holder((role, *(make_site(name) for name in bound))).author("api")

    if may:
        site_actions.register_site(values={"name": "New"}, by=by, now=NOW)
    else:
        with pytest.raises(OutOfScope, match="whole fleet"):
            site_actions.register_site(values={"name": "New"}, by=by, now=NOW)


def test_a_password_is_not_copied_to_where_one_may_read_it_from_where_one_may_not() -> None:
    north, south = make_site("North"), make_site("South")
    source = make_camera(site=north)
    values = {"name": "Copy", "site": south.pk}
    clone = partial(actions.clone_camera, source_id=source.pk, now=NOW)

    by = make_holder(("administrator", south), ("viewer", north)).author("admin")
    with pytest.raises(OutOfScope, match="give one") as refused:
        clone(values=values, by=by)
    assert refused.value.errors[0].field == "connection_string"
    clone(values={**values, "connection_string": clean_camera(BRIEF)["connection_string"]}, by=by)
    clone(values=values, by=make_holder(("administrator", south), ("orchestrator", north)).author("admin"))

    assert Camera.objects.filter(name="Copy", site=south).count() == 2
