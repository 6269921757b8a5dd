"""What holds for every channel, whichever it is."""

from typing import Any

import pytest
from django.contrib.admin import site
from django.core.exceptions import ValidationError

from telemetry.alerts import outbox
from telemetry.alerts.admin.subscription_form import SubscriptionForm
from telemetry.alerts.channels.table import channel_of
from telemetry.alerts.models import DESTINATION_FIELDS, Alert, Channel, Delivery, Kind, Subscription
from telemetry.alerts.sending import send_due
from telemetry.alerts.subscriptions import clean_subscription
from tests.factories import AUTHOR, NOW
from tests.telemetry.alerts.conftest import Receiver, subscribe

EMPTY = {
    "name": "Control room",
    "topics": ["silence"],
    "site": None,
    "format": "standard",
    "key": "",
    "grace_seconds": 0,
    "is_active": True,
    **dict.fromkeys(DESTINATION_FIELDS, ""),
}
# Of each channel, what its fields may hold; a channel that is added adds its row.
DESTINATIONS: dict[str, dict[str, str]] = {
    "webhook": {"url": "https://8.8.8.8/hook"},
    "email": {"addresses": "a@example.com"},
}


def test_each_channel_has_a_class_of_its_own_and_a_destination_to_try_it_with() -> None:
    assert len({type(channel_of(name)) for name in Channel}) == len(Channel)
    assert sorted(DESTINATIONS) == sorted(Channel.values)


@pytest.mark.parametrize("name", Channel.values)
def test_a_channel_without_a_destination_is_refused_at_its_own_fields(name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        clean_subscription({**EMPTY, "channel": name})

    assert set(refused.value.message_dict) <= set(channel_of(name).fields)


@pytest.mark.parametrize("name", Channel.values)
def test_what_is_stored_is_the_destination_of_the_channel_and_of_no_other(name: str) -> None:
    others = {field: value for fields in DESTINATIONS.values() for field, value in fields.items()}

    cleaned = clean_subscription({**EMPTY, **others, "channel": name})

    assert {field for field in DESTINATION_FIELDS if cleaned[field]} == set(channel_of(name).fields)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "described"), [("webhook", "https://8.8.8.8/…"), ("email", "a@example.com")])
def test_a_destination_is_described_on_one_line(name: str, described: str) -> None:
    made, _ = subscribe(**{"url": "", "channel": name, **DESTINATIONS[name]})

    assert described in channel_of(name).describe(made)


@pytest.mark.parametrize("name", Channel.values)
def test_the_form_has_an_input_with_help_for_each_field_of_a_channel(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SubscriptionForm, "principal", AUTHOR.principal, raising=False)  # as its page sets it
    form, admin = SubscriptionForm(), site.get_model_admin(Subscription)

    for field in channel_of(name).fields:
        assert str(channel_of(name).help_text) in form.fields[field].help_text
        assert f"channel == '{name}'" in admin.conditional_fields[field]


@pytest.mark.django_db
@pytest.mark.parametrize("name", Channel.values)
def test_a_subscription_has_a_secret_where_its_channel_is_signed(name: str) -> None:
    made, secret = subscribe(**{"url": "", "channel": name, **DESTINATIONS[name]})

    assert bool(secret) == bool(made.sealed_secret) == channel_of(name).signed


def test_a_channel_that_there_is_not_is_refused_at_its_field() -> None:
    with pytest.raises(ValidationError) as refused:
        clean_subscription({**EMPTY, "channel": "pigeon"})

    assert list(refused.value.message_dict) == ["channel"]


@pytest.mark.django_db
def test_a_channel_of_a_newer_version_waits_and_keeps_no_other_from_being_notified(receiver: Receiver) -> None:
    newer, _ = subscribe(name="newer")
    Subscription.objects.filter(pk=newer.pk).update(channel="pigeon")
    subscribe(receiver.url, name="known")
    outbox.notify([Alert(kind=Kind.OFFLINE, at=NOW, created_at=NOW, text="Gate is offline.")], NOW)

    assert send_due(NOW) == (1, 1)

    waiting: Any = Delivery.objects.get(subscription=newer)
    assert (waiting.state, waiting.detail) == ("waiting", "This version knows no channel “pigeon”.")
