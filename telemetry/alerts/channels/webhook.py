"""A POST of JSON: signed, after the Standard Webhooks specification, or in the format of a tool for people."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from controlplane.encoding import encode_json
from controlplane.sealing import Unreadable
from telemetry.alerts import sealing
from telemetry.alerts.channels import destinations, posting
from telemetry.alerts.channels.base import BaseChannel, NothingToSend
from telemetry.alerts.channels.formats.base import Order
from telemetry.alerts.channels.formats.table import UnknownFormat, format_of
from telemetry.alerts.channels.signature import signed_headers
from telemetry.alerts.channels.telling import telling_of
from telemetry.alerts.models import Delivery, Format, Subscription
from telemetry.alerts.results import Result


class WebhookChannel(BaseChannel[posting.Message]):
    fields = ("url",)
    help_text = _("Of a webhook: https://… at a public address. It is called with a POST.")
    signed = True

    def signs(self, subscription: Subscription) -> bool:
        return subscription.format == Format.STANDARD

    def clean(self, values: Mapping[str, Any]) -> dict[str, str]:
        if values["format"] not in Format.values:
            raise ValidationError({"format": gettext("Choose one of the formats.")})
        cleaned = format_of(values["format"]).clean(values["url"], values["key"])
        try:
            destinations.check_url(cleaned["url"])
        except destinations.RefusedDestination as error:
            raise ValidationError({"url": str(error)}) from None
        return {**cleaned, "format": values["format"]}

    def describe(self, subscription: Subscription) -> str:
        return subscription.shown_url

    def render(self, delivery: Delivery, now: datetime) -> posting.Message:
        alert, subscription = delivery.alert, delivery.subscription
        try:
            url = sealing.url_of(subscription)
        except Unreadable:
            raise NothingToSend("The URL cannot be opened with FIELD_ENCRYPTION_KEYS: enter it again.") from None
        try:
            secret, old = sealing.secret_of(subscription), sealing.old_secret_of(subscription, now)
        except Unreadable:
            raise NothingToSend(
                "The secret cannot be opened with FIELD_ENCRYPTION_KEYS: make a new one."
            ) from None
        if not secret and self.signs(subscription):
            raise NothingToSend("There is no secret to sign with: make a new one.")
        try:
            form = format_of(subscription.format)
        except UnknownFormat as error:
            raise NothingToSend(str(error)) from None
        body = encode_json(form.body(Order(alert, partial(telling_of, alert, now), url, secret)))
        signed = signed_headers([secret, *old], delivery.pk, now, body) if self.signs(subscription) else {}
        headers = {"Content-Type": "application/json", **signed}
        return posting.Message(form.target(url), headers, body, form.accepted)

    async def send(self, message: posting.Message) -> Result:
        return await posting.post(message)
