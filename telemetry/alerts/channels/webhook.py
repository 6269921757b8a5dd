"""A signed POST of JSON, after the Standard Webhooks specification."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from controlplane.encoding import encode_json
from controlplane.sealing import Unreadable
from telemetry.alerts import sealing
from telemetry.alerts.channels import destinations, posting
from telemetry.alerts.channels.base import BaseChannel, NothingToSend
from telemetry.alerts.channels.signature import signed_headers
from telemetry.alerts.models import Delivery, Subscription


class WebhookChannel(BaseChannel[posting.Message]):
    fields = ("url",)
    help_text = _("Of a webhook: https://… at a public address. It is called with a signed POST.")
    signed = True

    def clean(self, values: Mapping[str, Any]) -> dict[str, str]:
        try:
            destinations.check_url(values["url"])
        except destinations.RefusedDestination as error:
            raise ValidationError({"url": str(error)}) from None
        return {"url": values["url"]}

    def describe(self, subscription: Subscription) -> str:
        return subscription.shown_url

    def render(self, delivery: Delivery, now: datetime) -> posting.Message:
        alert, subscription = delivery.alert, delivery.subscription
        body = encode_json(
            {
                "type": alert.kind,
                "timestamp": alert.at,
                "data": {"alert_id": alert.pk, "text": alert.text, "noticed_at": alert.created_at, **alert.data},
            }
        )
        try:
            url = sealing.url_of(subscription)
        except Unreadable:
            raise NothingToSend("The URL cannot be opened with FIELD_ENCRYPTION_KEYS: enter it again.") from None
        try:
            secret = sealing.secret_of(subscription)
        except Unreadable:
            raise NothingToSend(
                "The secret cannot be opened with FIELD_ENCRYPTION_KEYS: make a new one."
            ) from None
        headers = {"Content-Type": "application/json", **signed_headers(secret, delivery.pk, now, body)}
        return posting.Message(url, headers, body)

    async def send(self, message: posting.Message) -> str:
        return await posting.post(message)
