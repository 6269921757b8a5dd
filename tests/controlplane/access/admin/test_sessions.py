"""The page of sessions: one's own, those of others, and ending them."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from controlplane.access.admin.sessions import browser_of
from controlplane.access.models import AuditEntry, Session
from controlplane.access.session_store import digest_of
from tests.admin_client import administrator, form_of, shown_messages, sign_in, viewer

__all__ = ["administrator", "viewer"]
pytestmark = pytest.mark.django_db

LIST = "/admin/access/session/"
PREFERENCES = "/admin/preferences/"
NEW = "long-and-of-four-words"


def end(client: Client, sessions: Any) -> Any:
    return client.post(LIST, {"action": "end_selected", "_selected_action": [row.pk for row in sessions]})


def is_in(client: Client) -> bool:
    return client.get(PREFERENCES).status_code == 200


def of(name: str) -> Any:
    return Session.objects.filter(user__username=name)


def key_of(client: Client) -> str:
    return digest_of(client.session.session_key)


def again(name: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(username=name))
    return client


def test_people_see_and_end_their_own_sessions_only(viewer: Client, administrator: Client) -> None:
    other = again("vera")
    this = Session.objects.get(pk__in=of("vera"), pk=key_of(viewer))

    page = viewer.get(LIST).content.decode()
    assert "vera (this session)" in page
    assert "anna" not in page
    answer = end(viewer, Session.objects.exclude(pk=this.pk))

    assert "1 session ended." in shown_messages(answer)
    assert (is_in(viewer), is_in(other), is_in(administrator)) == (True, False, True)
    end(viewer, [this])
    assert not is_in(viewer)
    assert (
        list(
            AuditEntry.objects.filter(action="user.sessions_ended").values_list(
                "by", "object_name", "object_count"
            )
        )
        == [("user:vera", "vera", 1)] * 2
    )


def test_an_administrator_ends_sessions_of_people_within_reach(viewer: Client, administrator: Client) -> None:
    root = Client()
    root.force_login(User.objects.create_superuser("root"))

    assert all(
        name in administrator.get(LIST).content.decode() for name in ("vera", "root", "anna (this session)")
    )
    answer = end(administrator, [*of("vera"), *of("root")])

    assert "left alone" in shown_messages(answer)
    assert (is_in(viewer), is_in(root), is_in(administrator)) == (False, True, True)
    end(root, Session.objects.all())
    assert (is_in(root), is_in(administrator)) == (False, False)


@pytest.mark.parametrize("number", [1, 50])
def test_the_list_takes_the_same_few_queries_for_1_row_and_for_50(
    administrator: Client, viewer: Client, django_assert_num_queries: Any, number: int
) -> None:
    for _ in range(number):
        again("vera")
    administrator.get(LIST)

    with django_assert_num_queries(5):
        assert administrator.get(LIST).status_code == 200


def test_a_session_shows_nothing_of_what_it_holds(administrator: Client) -> None:
    row = Session.objects.get()

    assert row.session_data not in administrator.get(LIST).content.decode()
    assert administrator.get(f"{LIST}{row.pk}/change/").status_code == 404


@pytest.mark.parametrize("act", ["own password", "password of another", "disabled"])
def test_sessions_end_with_a_new_password_and_with_the_person(administrator: Client, act: str) -> None:
    person = User.objects.get(username="anna" if act == "own password" else sign_in_name())
    elsewhere = again(person.username)
    new = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    page = f"/admin/auth/user/{person.pk}/"
    if act == "own password":
        person.set_password("of-before-4")
        person.save()
        administrator, elsewhere = again("anna"), again("anna")
        Session.objects.exclude(pk__in=[key_of(administrator), key_of(elsewhere)]).delete()
        typed = {"oldpassword": "of-before-4", "password1": NEW, "password2": NEW}
        administrator.post("/admin/account/password/", typed)
    elif act == "disabled":
        form = form_of(administrator.get(f"{page}change/"), "user_form")
        administrator.post(f"{page}change/", form | {"is_active": ""})
    else:
        administrator.post(f"{page}password/", new)

    assert not is_in(elsewhere)
    assert is_in(administrator)
    assert of(person.username).count() == int(act == "own password")
    assert AuditEntry.objects.filter(action="user.sessions_ended", object_name=person.username).count() == 1


def sign_in_name() -> str:
    sign_in("viewer", name="victor")
    return "victor"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
            " Safari/537.36 Edg/140.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
            " Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "–"),
    ],
)
def test_a_browser_is_named_in_words(user_agent: str, words: str) -> None:
    assert browser_of(user_agent) == words
