"""What people may do and where: given, taken, and brought along from the groups of before."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from cameras import site_actions
from cameras.models import Site
from controlplane.access import memberships
from controlplane.access.groups import make_groups
from controlplane.access.memberships import principal_of_user, roles_of
from controlplane.access.models import AuditEntry, Membership
from controlplane.access.principals import OF_THE_WHOLE_FLEET, Role
from controlplane.access.scope import NOWHERE, WHOLE_FLEET, Scope
from controlplane.access.tokens import GivesTooMuch
from tests.admin_client import give, make_person
from tests.at_once import at_once
from tests.factories import AUTHOR, NOW, ApiClient, make_camera, make_site

pytestmark = pytest.mark.django_db

OPERATE, VIEW = "cameras.operate_camera", "cameras.view_camera"


def reread(person: User) -> User:
    return User.objects.get(pk=person.pk)


# --- What they come to ------------------------------------------------------------------------------------


def test_an_operator_here_and_a_viewer_there_operates_here_alone() -> None:
    north, south = make_site("North"), make_site("South")
    olga = make_person("olga")
    give(olga, ("operator", north), ("viewer", south))

    principal = principal_of_user(olga)

    assert principal.scope_for(OPERATE) == Scope(frozenset({north.pk}))
    assert principal.scope_for(VIEW) == Scope(frozenset({north.pk, south.pk}))
    assert (olga.has_perm(OPERATE), olga.has_perm("cameras.change_camera")) == (True, False)


def test_an_administrator_of_a_site_holds_nothing_that_only_the_whole_fleet_has() -> None:
    anna = make_person("anna", "administrator", make_site())

    assert not any(map(anna.has_perm, OF_THE_WHOLE_FLEET))
    assert all(map(make_person("berta", "administrator").has_perm, OF_THE_WHOLE_FLEET))


@pytest.mark.parametrize(
    ("fields", "scope"),
    [
        ({}, WHOLE_FLEET),
        ({"is_active": False}, NOWHERE),
        ({"is_staff": False}, NOWHERE),
        ({"is_superuser": True}, WHOLE_FLEET),
        ({"is_superuser": True, "is_staff": False}, NOWHERE),
        ({"is_superuser": True, "is_active": False}, NOWHERE),
    ],
)
def test_who_may_not_enter_holds_nothing(fields: dict[str, bool], scope: Scope) -> None:
    assert principal_of_user(make_person("olga", "viewer", **fields)).scope_for(VIEW) == scope


@pytest.mark.parametrize("taken", ["is_active", "is_staff"])
def test_a_session_that_is_open_is_worth_nothing_from_the_moment_on(taken: str) -> None:
    camera, olga = make_camera(), make_person("olga", "administrator")
    client = ApiClient(session=olga)
    paths = ("/cameras", f"/cameras/{camera.pk}/credentials", "/me", "/cameras/changes")
    assert [client.get(path).status_code for path in paths] == [200] * 4

    User.objects.update(**{taken: False})

    assert [client.get(path).status_code for path in paths] == [401] * 4
    assert client.client.get("/admin/cameras/camera/").status_code == 302


# --- Given and taken --------------------------------------------------------------------------------------


def test_roles_are_audited_as_they_were_and_as_they_are() -> None:
    north, olga = make_site("North"), make_person("olga")
    give(olga, ("operator", north))
    give(olga, ("operator", north))
    give(olga, ("viewer", None), ("administrator", north))
    give(olga)

    entries = AuditEntry.objects.filter(action="user.roles_changed").order_by("pk")
    assert [(entry.before, entry.after) for entry in entries] == [
        ([], ["operator at North"]),
        (["operator at North"], ["administrator at North", "viewer of the whole fleet"]),
        (["administrator at North", "viewer of the whole fleet"], []),
    ]
    assert {(entry.object_id, entry.object_name, entry.by) for entry in entries} == {
        (str(olga.pk), "olga", AUTHOR.label)
    }


@pytest.mark.parametrize(
    ("present", "wanted", "may"),
    [
        ({}, {"north": "administrator"}, True),
        ({}, {"south": "viewer"}, False),
        ({}, {None: "viewer"}, False),
        ({"south": "viewer"}, {"south": "viewer", "north": "viewer"}, True),
        ({"south": "viewer"}, {}, False),
        ({None: "viewer"}, {"north": "viewer"}, False),
        ({"north": "administrator"}, {"north": "viewer"}, True),
    ],
)
def test_nobody_gives_or_takes_roles_beyond_where_they_give_them(
    present: dict[Any, str], wanted: dict[Any, str], may: bool
) -> None:
    sites = {"north": make_site("North").pk, "south": make_site("South").pk, None: None}
    olga = make_person("olga")
    roles = [{sites[place]: Role(role) for place, role in each.items()} for each in (present, wanted)]
    memberships.set_memberships(user=olga, roles=roles[0], by=AUTHOR, now=NOW)
    clerk = make_person("clerk")
    memberships.set_memberships(user=clerk, roles={sites["north"]: Role.ADMINISTRATOR}, by=AUTHOR, now=NOW)
    by = principal_of_user(clerk).author("test")

    if may:
        assert memberships.set_memberships(user=olga, roles=roles[1], by=by, now=NOW)
    else:
        with pytest.raises(GivesTooMuch):
            memberships.set_memberships(user=olga, roles=roles[1], by=by, now=NOW)
    assert roles_of(reread(olga)) == roles[1 if may else 0]


def test_people_have_no_role_of_machines() -> None:
    with pytest.raises(ValueError, match="People have no role worker"):
        memberships.set_memberships(user=make_person("olga"), roles={None: Role.WORKER}, by=AUTHOR, now=NOW)


def test_a_person_has_one_role_at_a_place() -> None:
    olga, site = make_person("olga"), make_site()
    for place in (None, site.pk):
        Membership.objects.create(user=olga, role="viewer", site_id=place)
        with pytest.raises(IntegrityError), transaction.atomic():
            Membership.objects.create(user=olga, role="operator", site_id=place)


def test_a_site_that_goes_takes_the_roles_there_along_and_leaves_the_rest() -> None:
    north, south = make_site("North"), make_site("South")
    olga, vera = make_person("olga"), make_person("vera", "viewer", north)
    give(olga, ("operator", north), ("viewer", south))

    site_actions.retire_site(site=north, by=AUTHOR, now=NOW)

    assert (roles_of(reread(olga)), roles_of(reread(vera))) == ({south.pk: "viewer"}, {})
    assert principal_of_user(reread(vera)).scope_for(VIEW) == NOWHERE
    entry = AuditEntry.objects.filter(action="user.roles_changed", object_name="vera").latest("pk")
    assert (entry.before, entry.after) == (["viewer at North"], [])


@pytest.mark.django_db(transaction=True)
def test_of_two_that_give_roles_at_once_both_are_whole() -> None:
    olga = make_person("olga")
    sites = [make_site(f"Site {number}").pk for number in range(6)]

    def set_all(role: Role) -> bool:
        roles = dict.fromkeys(sites, role)
        return memberships.set_memberships(user=reread(olga), roles=roles, by=AUTHOR, now=NOW)

    assert all(at_once(*[lambda role=role: set_all(role) for role in (Role.VIEWER, Role.OPERATOR)]))
    assert set(roles_of(reread(olga))) == set(sites)
    assert len(set(roles_of(reread(olga)).values())) == 1


# --- From groups ------------------------------------------------------------------------------------------


@pytest.fixture
def groups_of_before(transactional_db: None) -> Iterator[None]:
    """The tables as they were while people had groups; brought up to date afterwards."""
    MigrationExecutor(connection).migrate([("access", "0007_token_makers")])
    make_groups(apps, "default")
    yield
    User.objects.all().delete()
    Group.objects.all().delete()
    call_command("migrate", verbosity=0)


def in_group(name: str, *groups: str, **fields: Any) -> User:
    user = User.objects.create_user(name, is_staff=True, **fields)
    user.groups.set(Group.objects.filter(name__in=groups))
    return user


def permission(name: str) -> Permission:
    app_label, codename = name.split(".")
    return Permission.objects.get(content_type__app_label=app_label, codename=codename)


def roles_by_name() -> dict[str, dict[Any, Role]]:
    return {user.username: roles_of(user) for user in User.objects.order_by("username")}


def test_groups_become_roles_of_the_whole_fleet(groups_of_before: None) -> None:
    in_group("anna", "Administrators", "Viewers")
    in_group("oskar", "Operators", is_active=False)
    in_group("vera", "Viewers")
    in_group("nobody")
    in_group("root", is_superuser=True).user_permissions.set([permission("cameras.view_camera")])

    call_command("migrate", verbosity=0)

    assert roles_by_name() == {
        "anna": {None: "administrator"}, "oskar": {None: "operator"}, "vera": {None: "viewer"}, "nobody": {}, "root": {},
    }  # fmt: skip
    entries = AuditEntry.objects.filter(action="user.roles_changed", by="command:migrate")
    assert {(entry.object_name, *entry.after) for entry in entries} == {
        ("anna", "administrator of the whole fleet"),
        ("oskar", "operator of the whole fleet"),
        ("vera", "viewer of the whole fleet"),
    }


def test_what_somebody_made_by_hand_stops_the_migration_until_it_is_said_what_becomes_of_it(
    groups_of_before: None, settings: Any
) -> None:
    harbour = Site.objects.create(name="Harbour").pk
    Group.objects.create(name="Night shift").permissions.set([permission("cameras.operate_camera")])
    Group.objects.create(name="Empty").permissions.set([permission("cameras.view_camera")])
    Group.objects.get(name="Viewers").permissions.add(permission("cameras.reveal_camera"))
    in_group("nils", "Night shift", "Empty is no group")
    in_group("vera", "Viewers")
    in_group("olga", "Operators").user_permissions.set([permission("cameras.reveal_camera")])

    with pytest.raises(CommandError) as stopped:
        call_command("migrate", verbosity=0)
    question = str(stopped.value)
    for line in (
        "group Night shift: cameras.operate_camera; people: nils",
        "group Viewers: cameras.list_camera, cameras.reveal_camera,",
        "person olga: cameras.reveal_camera",
    ):
        assert line in question
    assert "Empty" not in question

    for wrong, fault in (
        ({"group Night shift": ["king"]}, "no role"),
        ({"group Night shift": ["viewer at X"]}, "no site 'X'"),
    ):
        settings.MEMBERSHIPS_OF = wrong
        with pytest.raises(CommandError, match=fault):
            call_command("migrate", verbosity=0)
    settings.MEMBERSHIPS_OF = {
        "group Night shift": ["operator at Harbour", "viewer"], "group Viewers": ["viewer"], "person olga": [],
    }  # fmt: skip
    call_command("migrate", verbosity=0)

    assert roles_by_name() == {
        "nils": {None: "viewer", harbour: "operator"}, "vera": {None: "viewer"}, "olga": {None: "operator"},
    }  # fmt: skip
