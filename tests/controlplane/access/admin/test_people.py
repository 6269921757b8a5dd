"""People in the admin: nobody gains by it what they do not hold, and every act is audited."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from controlplane.access.memberships import principal_of_user, roles_of, scope_at
from controlplane.access.models import AuditEntry, Membership
from controlplane.access.tokens import create_token
from tests.admin_client import administrator, form_of, give, make_person, sign_in, signed_in
from tests.factories import AUTHOR, NOW, make_site

USERS = "/admin/auth/user/"
PASSWORD = "long-enough-for-the-rules-7"

__all__ = ["administrator"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def superuser(db: None) -> Client:
    return sign_in(name="root", is_superuser=True)


def page_of(person: User) -> str:
    return f"{USERS}{person.pk}/change/"


def edit(client: Client, person: User, **typed: Any) -> Any:
    return client.post(page_of(person), form_of(client.get(page_of(person)), "user_form") | typed)


def audited() -> list[tuple[str, str, list[str]]]:
    return [
        (entry.action, entry.object_name, entry.fields)
        for entry in AuditEntry.objects.filter(via="admin").exclude(action="request.refused").order_by("pk")
    ]


def row(number: int, role: str, place: Any = "", **more: str) -> dict[str, str]:
    """A row of the roles in the form of a person, as it is sent."""
    sent = {"role": role, "place": str(place or ""), **more}
    return {f"memberships-{number}-{name}": value for name, value in sent.items()}


def rows(stored: int, *sent: dict[str, str]) -> dict[str, str]:
    """The roles in the form of a person who has so many."""
    counts = {"memberships-TOTAL_FORMS": str(len(sent)), "memberships-INITIAL_FORMS": str(stored)}
    return {name: value for one in (counts, *sent) for name, value in one.items()}


def add(client: Client, role: str = "viewer", place: Any = "", **typed: str) -> Any:
    return client.post(f"{USERS}add/", {"username": "new", **rows(0, row(0, role, place)), **typed})


def test_a_person_is_added_given_a_role_and_deleted_and_each_act_is_audited(administrator: Client) -> None:
    add(administrator, "operator", email="new@example.com", password=PASSWORD)
    person = User.objects.get(username="new")
    assert (roles_of(person), person.is_staff, person.email) == ({None: "operator"}, True, "new@example.com")
    assert Client().login(username="new", password=PASSWORD)
    edit(administrator, person, first_name="Nina", **row(0, "viewer"))
    administrator.post(
        f"{USERS}{person.pk}/password/",
        {"password1": PASSWORD + "x", "password2": PASSWORD + "x", "usable_password": "true"},
    )
    person = User.objects.get(username="new")
    assert (person.first_name, roles_of(person)) == ("Nina", {None: "viewer"})
    assert person.check_password(PASSWORD + "x")
    administrator.post(f"{USERS}{person.pk}/delete/", {"post": "yes"})

    assert not User.objects.filter(username="new").exists()
    assert audited() == [
        ("user.created", "new", ["username", "email"]),
        ("user.roles_changed", "new", []),
        ("user.updated", "new", ["first_name"]),
        ("user.roles_changed", "new", []),
        ("user.updated", "new", ["password"]),
        ("user.sessions_ended", "new", []),
        ("user.deleted", "new", []),
    ]
    changes = AuditEntry.objects.filter(action="user.roles_changed", via="admin").order_by("pk")
    assert [(entry.before, entry.after) for entry in changes] == [
        ([], ["operator of the whole fleet"]),
        (["operator of the whole fleet"], ["viewer of the whole fleet"]),
    ]


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


def test_who_was_never_let_in_is_let_in_by_one_tick(administrator: Client) -> None:
    person = make_person("vera", "viewer")
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


def test_saving_a_person_without_a_change_writes_and_audits_nothing(administrator: Client) -> None:
    person = make_person("vera", "viewer")

    assert edit(administrator, person).status_code == 302

    assert audited() == []
    assert roles_of(person) == {None: "viewer"}


def test_what_others_changed_while_the_page_of_a_person_was_open_survives(administrator: Client) -> None:
    person = make_person("vera", "viewer", first_name="Vera")
    form = form_of(administrator.get(page_of(person)), "user_form")
    User.objects.filter(pk=person.pk).update(first_name="Theirs", email="theirs@example.com")
    give(person, ("operator", None), ("viewer", make_site("Theirs")))

    administrator.post(page_of(person), form | {"last_name": "Mine"})

    person.refresh_from_db()
    assert (person.first_name, person.last_name, person.email) == ("Theirs", "Mine", "theirs@example.com")
    assert sorted(Membership.objects.values_list("role", flat=True)) == ["administrator", "operator", "viewer"]


@pytest.mark.parametrize("active", [True, False])
def test_whoever_holds_more_is_out_of_an_administrators_reach(administrator: Client, active: bool) -> None:
    root = make_person("chief", "viewer", is_superuser=True, is_active=active)
    password = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}

    for person in (root,):
        assert administrator.get(page_of(person)).status_code == 200
        assert administrator.post(page_of(person), {"username": "x"}).status_code == 403
        assert administrator.post(f"{USERS}{person.pk}/password/", password).status_code == 403
        assert administrator.post(f"{USERS}{person.pk}/delete/", {"post": "yes"}).status_code == 403
        chosen = {"action": "delete_selected", "_selected_action": [str(person.pk)], "post": "yes"}
        assert administrator.post(USERS, chosen).status_code == 403
        person.refresh_from_db()
        assert person.check_password("none-of-them")
    assert audited() == []


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_viewers_and_operators_see_neither_people_nor_the_audit_trail(role: str) -> None:
    client = sign_in(role)

    for path in (USERS, f"{USERS}add/", "/admin/access/auditentry/", "/admin/access/apitoken/"):
        assert client.get(path).status_code == 403
    assert "Audit trail" not in client.get("/admin/").content.decode()


@pytest.mark.parametrize("count", [1, 50])
def test_a_list_of_people_takes_the_same_few_queries(
    administrator: Client, django_assert_num_queries: Any, count: int
) -> None:
    sites = [make_site("North"), make_site("South")]
    for n in range(count):
        make_person(f"p{n}", "viewer", *sites)
    administrator.get(USERS)

    with django_assert_num_queries(9):
        assert administrator.get(USERS).status_code == 200


# --- Roles at sites -----------------------------------------------------------------------------------------


def test_roles_are_given_changed_and_taken_at_each_site_alone(administrator: Client) -> None:
    north, south = make_site("North"), make_site("South")
    add(administrator, "operator", north.pk, password=PASSWORD)
    person = User.objects.get(username="new")
    assert roles_of(person) == {north.pk: "operator"}
    first, *_ = Membership.objects.filter(user=person).values_list("pk", flat=True)
    kept = row(0, "operator", north.pk, id=str(first), user=str(person.pk))

    edit(administrator, person, **rows(1, kept, row(1, "viewer", south.pk)))
    assert roles_of(User.objects.get(pk=person.pk)) == {north.pk: "operator", south.pk: "viewer"}
    twice = edit(administrator, person, **rows(1, kept, row(1, "viewer", north.pk)))
    assert "another role for this place" in twice.content.decode()
    edit(administrator, person, **{"memberships-0-DELETE": "on"})
    assert roles_of(User.objects.get(pk=person.pk)) == {south.pk: "viewer"}

    last = AuditEntry.objects.latest("pk")
    assert (last.before, last.after) == (["operator at North", "viewer at South"], ["viewer at South"])
    assert "operator at North" in administrator.get(f"/admin/access/auditentry/{last.pk}/change/").content.decode()


@pytest.mark.parametrize(
    ("role", "place", "fault"),
    [
        ("worker", "", "is not one of the available choices"),
        ("viewer", "nowhere", "is not one of the available choices"),
        ("", "", "This field is required"),
    ],
)
def test_what_is_no_role_or_no_place_is_refused(administrator: Client, role: str, place: str, fault: str) -> None:
    assert fault in add(administrator, role, place).content.decode()
    assert not User.objects.filter(username="new").exists()


def test_an_administrator_of_a_site_makes_people_of_that_site_alone(db: None) -> None:
    north, south = make_site("North"), make_site("South")
    clerk = make_person("clerk")
    give(clerk, ("administrator", north), ("operator", south))
    client = signed_in(clerk)

    for role, place in (("viewer", ""), ("viewer", south.pk), ("operator", south.pk)):
        assert add(client, role, place).status_code == 200
    assert not User.objects.filter(username="new").exists()
    assert add(client, "administrator", north.pk, password=PASSWORD).status_code == 302
    assert roles_of(User.objects.get(username="new")) == {north.pk: "administrator"}


def test_an_administrator_of_a_site_sees_its_people_and_edits_those_who_are_nowhere_else(db: None) -> None:
    north, south = make_site("North"), make_site("South of all")
    client = sign_in("administrator", north, name="clerk")
    here, elsewhere, both = (
        make_person(name, "viewer", *sites)
        for name, sites in (("here", [north]), ("elsewhere", [south]), ("both", [north, south]))
    )
    everything, nothing = make_person("everything", "viewer"), make_person("nothing")

    page = client.get(USERS).content.decode()
    assert [person.username for person in client.get(USERS).context["cl"].result_list] == ["both", "clerk", "here"]
    assert "South" not in page
    statuses = {person.username: client.get(page_of(person)).status_code for person in User.objects.all()}
    assert statuses == {
        "clerk": 200, "here": 200, "both": 200, "elsewhere": 404, "everything": 404, "nothing": 404,
    }  # fmt: skip
    assert "South" not in client.get(page_of(both)).content.decode()
    sent = {
        person.username: client.post(page_of(person), {"username": "x"}).status_code for person in (here, both)
    }
    assert sent == {"here": 200, "both": 403}
    for person in (elsewhere, everything, nothing):
        assert client.post(f"{USERS}{person.pk}/password/", {}).status_code == 404
        assert client.post(f"{USERS}{person.pk}/delete/", {"post": "yes"}).status_code == 404


def test_nobody_but_a_superuser_makes_a_superuser_and_both_ways_are_audited(
    administrator: Client, superuser: Client
) -> None:
    person = make_person("vera", "viewer")

    edit(administrator, person, is_superuser="on")
    assert not User.objects.get(username="vera").is_superuser
    edit(superuser, person, is_superuser="on")
    assert User.objects.get(username="vera").is_superuser
    edit(superuser, person, is_superuser="")

    changes = AuditEntry.objects.filter(action="user.roles_changed", via="admin").order_by("pk")
    assert [(entry.before, entry.after) for entry in changes] == [
        (["viewer of the whole fleet"], ["superuser", "viewer of the whole fleet"]),
        (["superuser", "viewer of the whole fleet"], ["viewer of the whole fleet"]),
    ]


def test_nobody_deletes_themselves(superuser: Client) -> None:
    root = User.objects.get(username="root")

    assert superuser.post(f"{USERS}{root.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("how", ["less", "disabled", "deleted", "no superuser"])
def test_tokens_of_a_person_go_with_what_they_may_not_give_any_more(superuser: Client, how: str) -> None:
    north = make_site("North")
    person = make_person("vera", "administrator", is_superuser=how == "no superuser")
    by = AUTHOR._replace(principal=principal_of_user(person))
    everything, _ = create_token(name="everything", role="operator", by=by, now=NOW)
    there, _ = create_token(name="there", role="viewer", by=by, now=NOW, scope=scope_at(north.pk))
    if how in ("less", "no superuser"):
        give(person, ("administrator", north))
    if how == "no superuser":
        edit(superuser, person, is_superuser="")
    elif how == "disabled":
        edit(superuser, person, is_active="")
    elif how == "deleted":
        superuser.post(f"{USERS}{person.pk}/delete/", {"post": "yes"})

    for token in (everything, there):
        token.refresh_from_db()
    kept = how in ("less", "no superuser")
    assert (everything.revoked_at is None, there.revoked_at is None) == (False, kept)
