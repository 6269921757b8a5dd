"""What every page of the admin has in common: titles, and what is said where a row is not there."""

from itertools import product
from uuid import uuid4

import pytest
from django.contrib import admin
from django.test import Client
from django.utils.text import capfirst

from cameras import actions
from controlplane.access.models import Session
from tests.admin_client import CAMERAS, page_of, sign_in, viewer
from tests.factories import AUTHOR, NOW, make_camera

__all__ = ["viewer"]
pytestmark = pytest.mark.django_db

REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)


def list_of(model: type) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


@pytest.fixture
def superuser(db: None) -> Client:
    return sign_in(name="root", is_superuser=True)


def test_a_row_that_is_not_there_is_a_404_in_words_with_a_way_to_the_list(superuser: Client) -> None:
    asked = 0
    for model, object_id, page in product(
        [model for model in REGISTERED if model is not Session],  # a list alone
        (str(uuid4()), "999999", "nonsense", "9" * 30),
        ("change", "history", "delete"),
    ):
        address = f"{list_of(model)}{object_id}/{page}/"
        answer = superuser.get(address)
        # Nothing is ever deleted from a log, and the audit trail knows of what is gone.
        if (page, answer.status_code) in (("delete", 403), ("history", 302)):
            continue
        asked += 1
        assert answer.status_code == 404, address
        text = answer.content.decode()
        assert f"There is no {model._meta.verbose_name} at this address." in text, address
        assert f'<a href="{list_of(model)}">All {model._meta.verbose_name_plural}</a>' in text, address
    assert asked > 50


def test_a_list_is_titled_by_what_it_lists(superuser: Client) -> None:
    for model in REGISTERED:
        page = superuser.get(list_of(model))
        assert page.context["title"] == capfirst(model._meta.verbose_name_plural)


@pytest.mark.parametrize("page", ["change", "history", "replace", "revert/1"])
def test_a_deleted_camera_leads_to_its_changes(viewer: Client, page: str) -> None:
    camera = make_camera()
    actions.retire_camera(camera_id=camera.pk, by=AUTHOR, now=NOW)

    answer = viewer.get(f"{CAMERAS}{camera.pk}/{page}/")

    assert answer.status_code == 404
    changes = f"/admin/cameras/change/?q={camera.pk}"
    assert f'<a href="{changes}">Changes of this camera</a>' in answer.content.decode()
    assert len(viewer.get(changes).context["cl"].result_list) == 2
    assert viewer.get(page_of(make_camera())).status_code == 200
