"""The addresses of the admin's lists: what no filter declares is refused in words, and nothing chooses a lookup."""

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.test import Client

from cameras.models import Camera
from controlplane.access.admin.pages import PlainAdmin
from tests.admin_client import CAMERAS, TOKENS, sign_in, viewer
from tests.factories import make_camera, make_site

__all__ = ["viewer"]
pytestmark = pytest.mark.django_db

LOOKUPS = (
    "regex",
    "iregex",
    "contains",
    "icontains",
    "startswith",
    "endswith",
    "gt",
    "lte",
    "range",
    "date",
    "year",
)
AUTOCOMPLETE = "/admin/autocomplete/?app_label=cameras&model_name=camera&field_name=site"
PALETTE = "/admin/search/?s=gate"
WORDS_AT_MOST, WORDS_TOO_MANY = "+".join("e" * 10), "+".join("e" * 11)


@pytest.fixture
def superuser(db: None) -> Client:
    return sign_in(name="root", is_superuser=True)


def lists() -> list[str]:
    return [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry]


def test_every_page_of_the_admin_stands_on_the_same_ground() -> None:
    assert all(isinstance(page, PlainAdmin) for page in admin.site._registry.values())
    assert len(lists()) >= 8


def test_every_list_stands_in_the_sidebar() -> None:
    sections = settings.UNFOLD["SIDEBAR"]["navigation"]
    linked = {str(item["link"]) for section in sections for item in section["items"]}

    assert [address for address in lists() if address not in linked] == []


def test_no_lookup_on_any_column_of_any_model_is_let_through(superuser: Client) -> None:
    for model in admin.site._registry:
        address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        for field in model._meta.get_fields():
            for lookup in LOOKUPS:
                parameter = f"{field.name}__{lookup}"
                answer = superuser.get(address, {parameter: "(.|.)*!"})
                assert answer.status_code == 400, (address, parameter)
                assert parameter in answer.json()["detail"]


def test_a_declared_filter_by_a_field_takes_exact_in_and_isnull_and_judges_what_it_is_given(
    superuser: Client,
) -> None:
    site = make_site("North")
    make_camera("Gate", site=site)
    make_camera("Attic")

    def listed(query: str) -> list[str]:
        answer = superuser.get(f"{CAMERAS}?{query}")
        assert answer.status_code == 200, query
        return [camera.name for camera in answer.context["cl"].result_list]

    for query in (
        f"site__id__exact={site.pk}",
        f"site={site.pk}",
        f"site__exact={site.pk}",
        f"site__in={site.pk}",
    ):
        assert listed(query) == ["Gate"], query
    assert listed("site__isnull=True") == ["Attic"]
    assert listed("site__isnull=0") == ["Gate"]
    assert listed("desired_state__in=running,stopped") == ["Attic", "Gate"]
    assert listed("status=&desired_state__exact=&site__id__exact=&silent=&q=") == ["Attic", "Gate"], "a form's own"


@pytest.mark.parametrize(
    "address",
    [
        *(f"{CAMERAS}?{query}" for query in (
            "q=%00", "status=%00", "status=nonsense", "silent=1y", "site__id__exact=nonsense", "site__in=nonsense",
            "site__isnull=perhaps", "desired_state__exact=flying", "desired_state__in=running,flying",
            "o=99.-1.x", "o=99", "o=-0x1", "p=0", "p=-1", "p=x", "p=99999999999", "all=what", "_popup=yes",
            "no_such_thing=1", "name=Gate", "name__exact=Gate", "id__in=1", "vitals__last_contact__isnull=True",
            "site__name__startswith=N", "site__cameras__name=x", "redacted_connection__regex=(.|.)*!",
            "sealed_connection__startswith=", "%00=1", "q=%FF", f"q={'e' * 201}", f"q={WORDS_TOO_MANY}",
            "_popup=1&redacted_connection__regex=x", "_to_field=sealed_connection",
        )),
        f"{TOKENS}?state=nonsense",
        f"{TOKENS}?digest__startswith=a",
        "/admin/auth/user/?is_active__exact=maybe",
        "/admin/auth/user/?groups__id__exact=x",
        "/admin/auth/user/?groups__name__regex=x",
        "/admin/auth/user/?password__startswith=a",
        "/admin/auth/user/?email__regex=a",
        "/admin/cameras/change/?kind__exact=%00",
        "/admin/cameras/change/?by__regex=a",
        "/admin/alerts/subscription/?sealed_secret__regex=a",
        "/admin/alerts/delivery/?subscription__sealed_secret__regex=a",
        f"{AUTOCOMPLETE}&term=%00",
        f"{AUTOCOMPLETE}&term={WORDS_TOO_MANY}",
        f"{AUTOCOMPLETE}&term={'e' * 201}",
        f"{AUTOCOMPLETE}&name__regex=x",
        f"{AUTOCOMPLETE}&page=x",
        f"{PALETTE}&page=x",
        f"{PALETTE}&name__regex=x",
        f"/admin/search/?s={WORDS_TOO_MANY}",
        f"/admin/cameras/camera/zones/others/?q={WORDS_TOO_MANY}",
        "/admin/cameras/camera/zones/others/?q=%00",
    ],
)  # fmt: skip
def test_what_a_list_does_not_know_or_cannot_use_is_400_in_words(superuser: Client, address: str) -> None:
    make_camera("Gate", site=make_site())

    answer = superuser.get(address)
    assert answer.status_code == 400
    page = superuser.get(address, headers={"accept": "text/html,*/*;q=0.8"})
    assert page.status_code == 400
    assert page["Content-Type"].startswith("text/html")
    if answer["Content-Type"] == "application/problem+json":
        assert answer.json()["detail"].replace("'", "&#x27;") in page.content.decode()


def test_a_page_that_is_not_there_is_400_in_words(superuser: Client) -> None:
    for number in range(51):
        make_camera(f"Gate {number:02}")

    assert superuser.get(f"{CAMERAS}?p=2").status_code == 200
    answer = superuser.get(f"{CAMERAS}?p=3")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("There is no such page")


@pytest.mark.parametrize("address", [f"{CAMERAS}?q=", f"{AUTOCOMPLETE}&term=", "/admin/search/?s="])
def test_ten_words_and_two_hundred_characters_are_searched_for(superuser: Client, address: str) -> None:
    assert superuser.get(address + WORDS_AT_MOST).status_code == 200
    assert superuser.get(address + "e" * 200).status_code == 200


def test_every_list_with_a_search_refuses_3900_words(superuser: Client) -> None:
    words = "+".join("e" * 3_900)
    for address in lists():
        assert superuser.get(f"{address}?q={words}").status_code == 400, address


def test_a_viewer_is_refused_the_same_and_sees_the_lists_that_are_for_viewers(viewer: Client) -> None:
    make_camera("Gate")

    assert viewer.get(CAMERAS, {"redacted_connection__regex": "(.|.)*!"}).status_code == 400
    assert viewer.get(CAMERAS, {"status": "stopped", "q": "gate", "o": "1.-6"}).status_code == 200


def test_no_filter_of_any_list_asks_for_what_its_own_admin_would_refuse(superuser: Client) -> None:
    """Each choice that a filter offers can be followed."""
    make_camera("Gate", site=make_site("North"))
    assert apps.get_model("cameras", "camera") is Camera
    followed = 0
    for page in admin.site._registry.values():
        address = f"/admin/{page.opts.app_label}/{page.opts.model_name}/"
        for spec in superuser.get(address).context["cl"].filter_specs:
            for value, _label in getattr(spec, "lookup_choices", ()):
                for parameter in spec.expected_parameters()[:1]:
                    followed += 1
                    assert superuser.get(address, {parameter: value}).status_code == 200, (
                        address,
                        parameter,
                        value,
                    )
    assert followed > 20
