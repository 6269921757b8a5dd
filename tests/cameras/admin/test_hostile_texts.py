"""Texts that want to be markup, on every page."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from django.test import Client

from cameras.models import Camera, Change, Site
from controlplane.access import tokens
from controlplane.access.models import ApiToken
from tests.admin_client import CAMERAS, administrator, bulk, confirm, new_camera, operator, page_of, viewer
from tests.factories import AUTHOR, make_camera, make_site, scope_of
from tests.hostile import HOSTILE_NAMES

__all__ = ["administrator", "operator", "viewer"]
pytestmark = pytest.mark.django_db
FLEET = f"{CAMERAS}fleet/"
NEW_URL = "rtsp://user:Typed-0nce@10.0.0.6/other"


class Elements(HTMLParser):
    """Whatever a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str]]] = []
        self.isolated: list[str] = []
        self.inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attributes}))
        if tag == "bdi":
            self.inside.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "bdi" and self.inside:
            self.isolated.append(self.inside.pop())

    def handle_data(self, text: str) -> None:
        if self.inside:
            self.inside[-1] += text

    def dangers(self) -> Iterator[str]:
        for tag, attributes in self.found:
            inert = attributes.get("src") or attributes.get("type") == "application/json"
            if (tag == "script" and not inert) or tag in ("iframe", "object", "base"):
                yield tag
            for name, value in attributes.items():
                leads = name in ("href", "src", "action", "formaction")
                if name.startswith("on") or (leads and value.strip().lower().startswith("javascript:")):
                    yield f"{tag} {name}={value}"
                # What Alpine runs must hold nothing that somebody typed.
                if name.startswith(("x-", ":", "@")) and "alert" in value:
                    yield f"{tag} {name}={value}"
            if attributes.get("src") == "x":
                yield f"{tag} src=x"


def test_hostile_texts_run_nowhere_and_turn_no_line_around(administrator: Client) -> None:
    """Texts that the rules refuse today are put into the rows by hand: they may be older than the rules."""
    now = datetime.now(UTC) - timedelta(days=1)
    for number, name in enumerate(HOSTILE_NAMES):
        site = make_site(f"Site {number}")
        camera = make_camera(f"Gate {number}", site=site, desired_state="running", now=now)
        Site.objects.filter(pk=site.pk).update(name=name, location=name)
        Camera.objects.filter(pk=camera.pk).update(
            name=name, location=name, notes=name, model_config={name: name}, address=name
        )
    camera = Camera.objects.first()
    Change.objects.bulk_create(
        Change(
            revision=1_000 + number, at=now, kind="updated", camera_id=camera.pk, name=name, generation=1,
            desired_state="stopped", by=name, via=name[:20], request_id=name[:64], note=name,
            diff={"notes": {"before": name, "after": "x"}, "model_config": {"before": {}, "after": {name: name}}},
        )
        for number, name in enumerate(HOSTILE_NAMES)
    )  # fmt: skip
    token, _ = tokens.create_token(name="w", role="worker", by=AUTHOR, now=now, scope=scope_of(camera))
    ApiToken.objects.update(name=HOSTILE_NAMES[1])
    cameras = list(Camera.objects.all())
    pages = {
        "the first page": administrator.get("/admin/"),
        "its fragment": administrator.get(FLEET),
        "the list": administrator.get(CAMERAS),
        "a search": administrator.get(CAMERAS, {"q": HOSTILE_NAMES[1]}),
        "the sites": administrator.get("/admin/cameras/site/"),
        "the history": administrator.get(f"{CAMERAS}{camera.pk}/history/"),
        "the changes": administrator.get("/admin/cameras/change/"),
        "the tokens": administrator.get("/admin/access/apitoken/"),
        "a token": administrator.get(f"/admin/access/apitoken/{token.pk}/change/"),
        "stopping": bulk(administrator, "stop_cameras", cameras),
        "deleting": bulk(administrator, "delete_selected", cameras[:12]),
    }
    for number, row in enumerate(cameras):
        pages[f"camera {number}"] = administrator.get(page_of(row))
        pages[f"revert {number}"] = administrator.get(f"{CAMERAS}{camera.pk}/revert/{1_000 + number}/")
        pages[f"clone {number}"] = administrator.get(f"{CAMERAS}add/?clone_of={row.pk}")
    moved = confirm(administrator, bulk(administrator, "move_cameras", cameras[:1]), site=str(cameras[1].site_id))
    pages["a message"] = administrator.get(moved.url)
    pages["what was refused"] = administrator.post(f"{CAMERAS}add/", new_camera(name=HOSTILE_NAMES[1], site="x"))

    read = {name: Elements(page.content.decode()) for name, page in pages.items()}

    assert {name: page.status_code for name, page in pages.items() if page.status_code != 200} == {}
    assert {name: list(page.dangers()) for name, page in read.items() if list(page.dangers())} == {}
    for page in ("the first page", "the list", "the history", "stopping", "a message"):
        assert any(name in read[page].isolated for name in HOSTILE_NAMES), page
    for name in HOSTILE_NAMES[18:23]:
        assert name in read["the list"].isolated
