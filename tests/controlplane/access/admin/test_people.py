"""People and groups in the admin: nobody gains by it what they do not hold, and every act is audited."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from controlplane.access.models import AuditEntry
from controlplane.access.principals import VIEWER
from tests.admin_client import administrator, form_of, sign_in

USERS = "/admin/auth/user/"
GROUPS = "/admin/auth/group/"
PASSWORD = "long-enough-for-the-rules-7"

__all__ = ["administrator"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def superuser(groups: None) -> Client:
    return sign_in(name="root", is_superuser=True)


def make_person(name: str = "vera", *groups: str, **fields: Any) -> User:
    person = User.objects.create_user(name, password="none-of-them", is_staff=True, **fields)
    person.groups.set(Group.objects.filter(name__in=groups))
    return person


def page_of(person: User) -> str:
    return f"{USERS}{person.pk}/change/"


def edit(client: Client, person: User, **typed: Any) -> Any:
    return client.post(page_of(person), form_of(client.get(page_of(person)), "user_form") | typed)


def audited() -> list[tuple[str, str, list[str]]]:
    return [
        (entry.action, entry.object_name, entry.fields)
        for entry in AuditEntry.objects.filter(via="admin").order_by("pk")
    ]


def add(client: Client, **typed: str) -> Any:
    return client.post(f"{USERS}add/", {"username": "new", "role": "viewer", **typed})


def roles_of(person: User) -> list[str]:
    return sorted(person.groups.values_list("name", flat=True))


def test_a_person_is_added_given_a_role_and_deleted_and_each_act_is_audited(administrator: Client) -> None:
    add(administrator, role="operator", email="new@example.com", password=PASSWORD)
    person = User.objects.get(username="new")
    assert (roles_of(person), person.is_staff, person.email) == (["Operators"], True, "new@example.com")
    assert Client().login(username="new", password=PASSWORD)
    edit(administrator, person, role="viewer", first_name="Nina")
    administrator.post(
        f"{USERS}{person.pk}/password/",
        {"password1": PASSWORD + "x", "password2": PASSWORD + "x", "usable_password": "true"},
    )
    person.refresh_from_db()
    assert (person.first_name, roles_of(person)) == ("Nina", ["Viewers"])
    assert person.check_password(PASSWORD + "x")
    administrator.post(f"{USERS}{person.pk}/delete/", {"post": "yes"})

    assert not User.objects.filter(username="new").exists()
    actions = [(action, name) for action, name, _ in audited()]
    assert actions == [
        ("user.created", "new"),
        ("user.updated", "new"),
        ("user.updated", "new"),
        ("user.deleted", "new"),
    ]
    fields = [set(entry[2]) for entry in audited()]
    assert fields == [{"username", "role", "email"}, {"first_name", "role"}, {"password"}, set()]
    assert PASSWORD not in str(list(AuditEntry.objects.values()))


def test_a_password_that_nobody_typed_is_made_and_shown_once(administrator: Client) -> None:
    page = add(administrator)

    secret = page.context["secret"]
    assert page.content.decode().count(secret) == 1
    assert "no-store" in page["Cache-Control"]
    assert Client().login(username="new", password=secret)
    person = User.objects.get(username="new")
    assert secret not in administrator.get(page_of(person)).content.decode()
    assert secret not in str(
        [list(rows.values()) for rows in (AuditEntry.objects, LogEntry.objects, User.objects)]
    )


@pytest.mark.parametrize(
    ("typed", "faulty"),
    [
        ({"username": "ANNA"}, {"username"}),
        ({"username": "a b"}, {"username"}),
        ({"role": ""}, {"role"}),
        ({"role": "worker"}, {"role"}),
        ({"role": "Viewers"}, {"role"}),
        ({"password": "sh0rt"}, {"password"}),
        ({"password": "newnewnew", "username": "newnewnew"}, {"password"}),
        ({"email": "nowhere", "password": PASSWORD}, {"email", "password"}),
    ],
)
def test_what_is_wrong_with_a_new_person_is_said_where_it_is(
    administrator: Client, typed: dict[str, str], faulty: set[str]
) -> None:
    page = add(administrator, **typed)

    assert page.context["adminform"].form.errors.keys() == faulty
    assert not User.objects.exclude(username="anna").exists()
    if "password" in typed:
        assert typed["password"] not in page.content.decode().replace(typed.get("username", "-"), "")


@pytest.mark.parametrize("role", ["viewer", "operator", "administrator"])
def test_the_role_that_was_chosen_is_the_only_one(administrator: Client, role: str) -> None:
    person = make_person("vera", "Viewers", "Operators")
    guests = Group.objects.create(name="Guests")
    person.groups.add(guests)
    assert form_of(administrator.get(page_of(person)), "user_form")["role"] == "operator"

    edit(administrator, person, first_name="Vera")
    assert roles_of(person) == ["Guests", "Operators", "Viewers"]
    edit(administrator, person, role="")
    assert roles_of(person) == ["Guests"]
    edit(administrator, person, role=role)
    assert roles_of(person) == sorted(["Guests", f"{role.capitalize()}s"])
    edit(administrator, person, further_groups=[])
    assert roles_of(person) == [f"{role.capitalize()}s"]


def test_who_was_never_let_in_is_let_in_by_one_tick(administrator: Client) -> None:
    person = make_person("vera", "Viewers")
    User.objects.filter(pk=person.pk).update(is_staff=False)
    form = form_of(administrator.get(page_of(person)), "user_form")
    assert "is_active" not in form

    administrator.post(page_of(person), form | {"is_active": "on"})
    person.refresh_from_db()
    assert (person.is_active, person.is_staff) == (True, True)
    administrator.post(
        page_of(person), form_of(administrator.get(page_of(person)), "user_form") | {"is_active": ""}
    )
    person.refresh_from_db()
    assert (person.is_active, person.is_staff) == (False, True)
    assert [fields for action, _, fields in audited()] == [["is_active"], ["is_active"]]


def test_who_may_give_less_offers_fewer_roles(groups: None) -> None:
    clerk = sign_in(name="clerk")
    person = User.objects.get(username="clerk")
    held = ("add_user", "change_user", "view_user", *(name.split(".")[1] for name in VIEWER))
    person.user_permissions.set(Permission.objects.filter(codename__in=held))

    choices = clerk.get(f"{USERS}add/").context["adminform"].form.fields["role"].choices
    assert [name for name, _label in choices] == ["viewer"]
    assert "role" in add(clerk, role="operator").context["adminform"].form.errors
    assert add(clerk, role="viewer", password=PASSWORD).status_code == 302


def test_saving_a_person_without_a_change_writes_and_audits_nothing(administrator: Client) -> None:
    person = make_person("vera", "Viewers")

    assert edit(administrator, person).status_code == 302

    assert audited() == []
    assert person.groups.count() == 1


def test_what_others_changed_while_the_page_of_a_person_was_open_survives(administrator: Client) -> None:
    person = make_person("vera", "Viewers", first_name="Vera")
    form = form_of(administrator.get(page_of(person)), "user_form")
    User.objects.filter(pk=person.pk).update(first_name="Theirs", email="theirs@example.com")
    person.groups.set(Group.objects.filter(name="Operators"))

    administrator.post(page_of(person), form | {"last_name": "Mine"})

    person.refresh_from_db()
    assert (person.first_name, person.last_name, person.email) == ("Theirs", "Mine", "theirs@example.com")
    assert [group.name for group in person.groups.all()] == ["Operators"]


def test_an_administrator_cannot_make_anybody_a_superuser_or_give_permissions(administrator: Client) -> None:
    anna, other = User.objects.get(username="anna"), make_person()
    everything = [str(pk) for pk in Permission.objects.values_list("pk", flat=True)]

    for person in (anna, other):
        page = administrator.get(page_of(person)).content.decode()
        assert 'name="is_superuser"' not in page
        assert 'name="user_permissions"' not in page
        edit(administrator, person, is_superuser="on", user_permissions=everything, first_name="Changed")
        person.refresh_from_db()
        assert (person.is_superuser, person.user_permissions.count()) == (False, 0)
        assert person.first_name == "Changed"


def test_an_administrator_cannot_put_anybody_into_a_group_that_may_do_more(administrator: Client) -> None:
    stronger = Group.objects.create(name="Stronger")
    stronger.permissions.set(Permission.objects.filter(codename="delete_group"))
    anna = User.objects.get(username="anna")

    assert "Stronger" not in administrator.get(page_of(anna)).content.decode()
    Group.objects.create(name="Weaker")  # so that there is the field
    response = edit(administrator, anna, further_groups=[str(stronger.pk)])

    assert "further_groups" in response.context["adminform"].form.errors
    assert not anna.groups.filter(pk=stronger.pk).exists()


@pytest.mark.parametrize("active", [True, False])
def test_whoever_holds_more_is_out_of_an_administrators_reach(administrator: Client, active: bool) -> None:
    root = make_person("chief", is_superuser=True, is_active=active)
    special = make_person("special", is_active=active)
    special.user_permissions.set(Permission.objects.filter(codename="delete_group"))
    password = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}

    for person in (root, special):
        assert administrator.get(page_of(person)).status_code == 200
        assert administrator.post(page_of(person), {"username": "x"}).status_code == 403
        assert administrator.post(f"{USERS}{person.pk}/password/", password).status_code == 403
        assert administrator.post(f"{USERS}{person.pk}/delete/", {"post": "yes"}).status_code == 403
        chosen = {"action": "delete_selected", "_selected_action": [str(person.pk)], "post": "yes"}
        assert administrator.post(USERS, chosen).status_code == 403
        person.refresh_from_db()
        assert person.check_password("none-of-them")
    assert audited() == []


def test_an_administrator_cannot_change_what_a_group_may_do(administrator: Client) -> None:
    own, custom = Group.objects.get(name="Administrators"), Group.objects.create(name="Custom")
    everything = [str(pk) for pk in Permission.objects.values_list("pk", flat=True)]
    before = own.permissions.count()

    assert (
        administrator.post(f"{GROUPS}{own.pk}/change/", {"name": "x", "permissions": everything}).status_code
        == 403
    )
    administrator.post(f"{GROUPS}{custom.pk}/change/", {"name": "Renamed", "permissions": everything})
    assert administrator.post(f"{GROUPS}add/", {"name": "y", "permissions": everything}).status_code == 403

    own.refresh_from_db()
    custom.refresh_from_db()
    assert (own.name, own.permissions.count()) == ("Administrators", before)
    assert (custom.name, custom.permissions.count()) == ("Renamed", 0)
    assert audited() == [("group.updated", "Renamed", ["name"])]


def test_nobody_deletes_themselves_or_a_group_that_the_migration_makes(superuser: Client) -> None:
    root, viewers = User.objects.get(username="root"), Group.objects.get(name="Viewers")

    assert superuser.post(f"{USERS}{root.pk}/delete/", {"post": "yes"}).status_code == 403
    assert superuser.post(f"{GROUPS}{viewers.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_superuser_makes_and_deletes_groups_and_each_act_is_audited(superuser: Client) -> None:
    permission = Permission.objects.get(codename="view_camera")

    superuser.post(f"{GROUPS}add/", {"name": "Guests", "permissions": [str(permission.pk)]})
    group = Group.objects.get(name="Guests")
    assert list(group.permissions.all()) == [permission]
    superuser.post(GROUPS, {"action": "delete_selected", "_selected_action": [str(group.pk)], "post": "yes"})

    assert [action for action, _, _ in audited()] == ["group.created", "group.deleted"]


@pytest.mark.parametrize("role", ["Viewers", "Operators"])
def test_viewers_and_operators_see_neither_people_nor_groups_nor_the_audit_trail(groups: None, role: str) -> None:
    client = sign_in(role)

    for path in (USERS, f"{USERS}add/", GROUPS, "/admin/access/auditentry/", "/admin/access/apitoken/"):
        assert client.get(path).status_code == 403
    assert "Audit trail" not in client.get("/admin/").content.decode()


@pytest.mark.parametrize("count", [1, 50])
@pytest.mark.parametrize(("path", "queries"), [(USERS, 8), (GROUPS, 6)])
def test_a_list_of_people_or_groups_takes_the_same_few_queries(
    administrator: Client, django_assert_num_queries: Any, path: str, queries: int, count: int
) -> None:
    for n in range(count):
        person = User.objects.create(username=f"p{n}")
        person.groups.add(Group.objects.create(name=f"g{n}"))
    administrator.get(path)

    with django_assert_num_queries(queries):
        assert administrator.get(path).status_code == 200
