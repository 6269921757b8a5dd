"""A person at the admin: signs in, reads forms as a browser does, and sends them back."""

from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client

from cameras.models import Camera, Site
from controlplane.access import memberships
from controlplane.access.models import Membership
from controlplane.access.principals import Role
from tests.factories import AUTHOR, NOW

CAMERAS = "/admin/cameras/camera/"
SITES = "/admin/cameras/site/"
TOKENS = "/admin/access/apitoken/"
NEW_SECRET = "Typed-0nce-only"
NEW_URL = f"rtsp://user:{NEW_SECRET}@10.0.0.6/other"


class FormReader(HTMLParser):
    """Reads a page's edit form as a browser would send it."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id, self.data = form_id, {}
        self.inside = False
        self.select = self.textarea = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.inside = given.get("id") == self.form_id
        if not self.inside:
            return
        name = given.get("name", "")
        if tag == "input" and name and given.get("type") not in ("submit", "checkbox", "radio"):
            self.data[name] = given.get("value", "")
        elif tag == "input" and name and "checked" in given:
            self.data.setdefault(name, []).append(given.get("value", "on"))
        elif tag == "select":
            self.select = name
            if "multiple" not in given:
                self.data.setdefault(name, "")
        elif tag == "option" and "selected" in given and self.select:
            self.data[self.select] = given.get("value", "")
        elif tag == "textarea":
            self.textarea, self.data[name] = name, ""

    def handle_data(self, text: str) -> None:
        if self.textarea:
            self.data[self.textarea] += text

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.data[self.textarea] = self.data[self.textarea].removeprefix("\n").replace("\n", "\r\n")
            self.textarea = ""
        elif tag == "form":
            self.inside = False


def form_of(page: Any, form_id: str) -> dict[str, Any]:
    reader = FormReader(form_id)
    reader.feed(page.content.decode())
    return reader.data


def make_person(name: str, role: str = "", *sites: Site, **fields: Any) -> User:
    """Somebody with a role at some sites, or for the whole fleet where none is named; or with no role."""
    person = User.objects.create_user(name, password="none-of-them", **{"is_staff": True, **fields})
    for site in (sites or [None]) if role else ():
        Membership.objects.create(user=person, role=role, site_id=site.pk if site else None)
    return person


def give(person: User, *held: tuple[str, Site | None]) -> None:
    """Just these roles: `("operator", north), ("viewer", None)`, where None is the whole fleet."""
    roles = {site.pk if site else None: Role(role) for role, site in held}
    memberships.set_memberships(user=person, roles=roles, by=AUTHOR, now=NOW)


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def sign_in(role: str = "", *sites: Site, name: str = "person", **fields: Any) -> Client:
    return signed_in(make_person(name, role, *sites, **fields))


@pytest.fixture
def viewer(db: None) -> Client:
    return sign_in("viewer", name="vera")


@pytest.fixture
def operator(db: None) -> Client:
    return sign_in("operator", name="oskar")


@pytest.fixture
def administrator(db: None) -> Client:
    return sign_in("administrator", name="anna")


def page_of(camera: Camera) -> str:
    return f"{CAMERAS}{camera.pk}/change/"


def edit(client: Client, camera: Camera, **typed: Any) -> Any:
    """Open the form and send it with some fields typed anew."""
    return client.post(page_of(camera), form_of(client.get(page_of(camera)), "camera_form") | typed)


def stored(camera: Camera) -> Camera:
    return Camera.objects.get(pk=camera.pk)


def shown_messages(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def new_camera(**typed: Any) -> dict[str, Any]:
    given = {
        "name": "New",
        "connection_string": NEW_URL,
        "desired_state": "stopped",
        "expected_interval_seconds": "10",
    }
    return given | typed


def bulk(client: Client, action: str, cameras: list[Camera], **more: str) -> Any:
    return client.post(
        CAMERAS, {"action": action, "_selected_action": [str(camera.pk) for camera in cameras], **more}
    )


def confirm(client: Client, asked: Any, **typed: str) -> Any:
    """Press the button of the page that asked."""
    context = asked.context
    return client.post(f"{CAMERAS}bulk/{context['verb']}/", {"ids": context["ids"], **typed})
