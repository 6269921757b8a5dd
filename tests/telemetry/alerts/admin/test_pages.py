"""Subscriptions and deliveries in the admin."""

import re
from typing import Any

import pytest
from django.test import Client

from controlplane.access.models import AuditEntry
from telemetry.alerts import outbox, sealing
from telemetry.alerts.models import Alert, Delivery, Kind, Subscription
from tests.admin_client import administrator, sign_in
from tests.factories import NOW, make_site
from tests.telemetry.alerts.conftest import Receiver, subscribe

__all__ = ["administrator"]
pytestmark = pytest.mark.django_db

SUBSCRIPTIONS = "/admin/alerts/subscription/"
DELIVERIES = "/admin/alerts/delivery/"
FORM = {
    "name": "Control room",
    "channel": "webhook",
    "url": "https://8.8.8.8/hook",
    "addresses": "",
    "topics": ["silence", "fleet"],
    "site": "",
    "grace_seconds": "30",
    "is_active": "on",
}


def errors_of(page: Any) -> dict[str, Any]:
    return dict(page.context["adminform"].form.errors)


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def test_a_webhook_is_made_and_its_secret_is_shown_once(administrator: Client) -> None:
    page = administrator.post(f"{SUBSCRIPTIONS}add/", FORM)

    (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]{44}", page.content.decode())
    assert "no-store" in page["Cache-Control"]
    made = Subscription.objects.get()
    assert (made.name, made.shown_url, made.topics, made.grace_seconds) == (
        "Control room", "https://8.8.8.8/…", ["silence", "fleet"], 30,
    )  # fmt: skip
    assert secret not in made.sealed_secret
    for path in (SUBSCRIPTIONS, f"{SUBSCRIPTIONS}{made.pk}/change/"):
        text = administrator.get(path).content.decode()
        assert "whsec_" not in text
        assert made.sealed_secret not in text
    assert actions() == ["subscription.created"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "url"),
        ({"url": "https://2130706433/"}, "url"),
        ({"url": "http://8.8.8.8/"}, "url"),
        ({"url": "https://user:pass@8.8.8.8/"}, "url"),
        ({"url": ""}, "url"),
        ({"url": "https://8.8.8.8/\0"}, "url"),
        ({"topics": []}, "topics"),
        ({"topics": ["weather"]}, "topics"),
        ({"grace_seconds": "-1"}, "grace_seconds"),
        ({"grace_seconds": "3601"}, "grace_seconds"),
        ({"channel": "pigeon"}, "channel"),
        ({"channel": "email"}, "addresses"),
        ({"channel": "email", "addresses": "not an address"}, "addresses"),
        ({"channel": "email", "addresses": "a@example.com\n" * 21}, "addresses"),
        ({"name": "a\u202eb"}, "name"),
        ({"site": "x"}, "site"),
    ],
)
def test_a_bad_field_is_named(administrator: Client, values: dict[str, Any], field: str) -> None:
    page = administrator.post(f"{SUBSCRIPTIONS}add/", {**FORM, **values})

    assert page.status_code == 200
    assert list(errors_of(page)) == [field]
    assert not Subscription.objects.exists()


def test_a_change_is_written_and_the_secret_stays(administrator: Client) -> None:
    site = make_site("North")
    made, _ = subscribe("https://8.8.8.8/hook")
    other, _ = subscribe("https://8.8.8.8/hook", name="Other")
    changed = {**FORM, "name": "Night desk", "site": str(site.pk), "channel": "email"}

    administrator.post(f"{SUBSCRIPTIONS}{made.pk}/change/", changed)
    taken = administrator.post(f"{SUBSCRIPTIONS}{other.pk}/change/", changed)

    stored = Subscription.objects.get(pk=made.pk)
    assert (stored.name, stored.site, stored.channel) == ("Night desk", site, "webhook")
    assert stored.sealed_secret == made.sealed_secret
    assert list(errors_of(taken)) == ["name"]
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.fields) == ("subscription.updated", ["name", "topics", "site", "grace_seconds"])


def test_of_a_url_only_the_host_is_shown_and_an_empty_one_is_kept(administrator: Client) -> None:
    made, _ = subscribe("https://8.8.8.8/services/T0/B0?token=s3cret")
    page = f"{SUBSCRIPTIONS}{made.pk}/change/"

    shown = administrator.get(page).content.decode() + administrator.get(SUBSCRIPTIONS).content.decode()
    administrator.post(page, {**FORM, "url": ""})
    kept = Subscription.objects.get()
    administrator.post(page, {**FORM, "url": "https://9.9.9.9/new"})
    replaced = Subscription.objects.get()

    assert "https://8.8.8.8/…" in shown
    assert "services" not in shown
    assert "s3cret" not in shown
    assert sealing.url_of(kept) == "https://8.8.8.8/services/T0/B0?token=s3cret"
    assert (sealing.url_of(replaced), replaced.shown_url) == ("https://9.9.9.9/new", "https://9.9.9.9/…")
    assert AuditEntry.objects.latest("pk").fields == ["url"]


def test_a_test_says_at_once_whether_it_arrived(administrator: Client, receiver: Receiver) -> None:
    made, _ = subscribe(receiver.url)
    gone, _ = subscribe("http://127.0.0.1:9/", name="gone")

    arrived = administrator.post(f"{SUBSCRIPTIONS}{made.pk}/test/", follow=True).content.decode()
    lost = administrator.post(f"{SUBSCRIPTIONS}{gone.pk}/test/", follow=True).content.decode()

    assert "The test has arrived." in arrived
    assert "The test did not arrive. The connection failed" in lost
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["delivered", "given_up"]
    assert len(receiver.received) == 1
    log = administrator.get(DELIVERIES).content.decode()
    assert "This is a test of the subscription" in log


def test_a_new_secret_is_shown_once_and_signs_from_then_on(administrator: Client) -> None:
    made, secret = subscribe("https://8.8.8.8/hook")

    page = administrator.post(f"{SUBSCRIPTIONS}{made.pk}/secret/").content.decode()

    (new,) = re.findall(r"whsec_[A-Za-z0-9+/=]{44}", page)
    assert new != secret
    assert Subscription.objects.get().sealed_secret != made.sealed_secret
    assert actions()[-1] == "subscription.secret_renewed"


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_administrators_see_and_touch_subscriptions(role: str) -> None:
    made, _ = subscribe()
    client = sign_in(role)

    for path in (SUBSCRIPTIONS, f"{SUBSCRIPTIONS}add/", f"{SUBSCRIPTIONS}{made.pk}/change/", DELIVERIES):
        assert client.get(path).status_code == 403, path
    for path in ("test", "secret", "delete"):
        assert client.post(f"{SUBSCRIPTIONS}{made.pk}/{path}/").status_code == 403, path
    assert Subscription.objects.get().sealed_secret == made.sealed_secret


def test_a_get_neither_tests_nor_makes_a_secret(administrator: Client) -> None:
    made, _ = subscribe()

    for path in ("test", "secret"):
        assert administrator.get(f"{SUBSCRIPTIONS}{made.pk}/{path}/").status_code == 302

    assert not Delivery.objects.exists()
    assert Subscription.objects.get().sealed_secret == made.sealed_secret


def test_a_subscription_that_goes_takes_its_deliveries_along(administrator: Client) -> None:
    made, _ = subscribe()
    outbox.notify([Alert(kind=Kind.OFFLINE, at=NOW, created_at=NOW, text="Gate")], NOW)

    administrator.post(f"{SUBSCRIPTIONS}{made.pk}/delete/", {"post": "yes"})

    assert not Subscription.objects.exists()
    assert not Delivery.objects.exists()
    assert actions()[-1] == "subscription.deleted"


def test_deliveries_are_only_read(administrator: Client) -> None:
    subscribe()
    outbox.notify([Alert(kind=Kind.OFFLINE, at=NOW, created_at=NOW, text="<b>Gate</b>")], NOW)
    page = f"{DELIVERIES}{Delivery.objects.get().pk}/change/"

    assert "&lt;b&gt;Gate&lt;/b&gt;" in administrator.get(page).content.decode()
    assert "&lt;b&gt;Gate&lt;/b&gt;" in administrator.get(DELIVERIES).content.decode()
    assert administrator.post(page, {"state": "delivered"}).status_code == 403
    assert administrator.get(f"{DELIVERIES}add/").status_code == 403


@pytest.mark.parametrize("count", [1, 50])
@pytest.mark.parametrize(("path", "queries"), [(SUBSCRIPTIONS, 5), (DELIVERIES, 4)])
def test_a_list_takes_the_same_few_queries(
    administrator: Client, django_assert_num_queries: Any, path: str, queries: int, count: int
) -> None:
    for n in range(count):
        subscribe(name=f"Desk {n}", site=make_site(f"Site {n}"))
    outbox.notify([Alert(kind=Kind.MASS_SILENCE_BEGAN, at=NOW, created_at=NOW, text="Silence")], NOW)
    assert Delivery.objects.count() == count
    administrator.get(path)  # Django remembers content types

    with django_assert_num_queries(queries):
        assert administrator.get(path).status_code == 200
