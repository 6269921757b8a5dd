"""An e-mail to one or several addresses, through the mail server of EMAIL_HOST."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import aiosmtplib
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email
from django.template.loader import render_to_string
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from telemetry.alerts.channels.base import BaseChannel
from telemetry.alerts.channels.telling import Telling, shortened, telling_of
from telemetry.alerts.models import Delivery, Subscription

MAX_ADDRESSES = 20
MAX_SUBJECT = 120
# The whole of an e-mail: a server that sends a byte now and then holds up nobody for longer.
TOTAL_SECONDS = 10.0
GOODBYE_SECONDS = 1.0


class EmailChannel(BaseChannel[EmailMultiAlternatives]):
    fields = ("addresses",)
    help_text = _("One a line.")

    def clean(self, values: Mapping[str, Any]) -> dict[str, str]:
        addresses = values["addresses"].replace(",", " ").split()
        try:
            if not 1 <= len(addresses) <= MAX_ADDRESSES:
                raise ValidationError("")
            for address in addresses:
                validate_email(address)
        except ValidationError:
            fault = gettext("From 1 to %(most)d e-mail addresses, one a line.") % {"most": MAX_ADDRESSES}
            raise ValidationError({"addresses": fault}) from None
        return {"addresses": "\n".join(addresses)}

    def describe(self, subscription: Subscription) -> str:
        return ", ".join(subscription.addresses.split())

    def render(self, delivery: Delivery, now: datetime) -> EmailMultiAlternatives:
        alert, subscription = delivery.alert, delivery.subscription
        telling = telling_of(alert, now)
        message = EmailMultiAlternatives(
            subject=f"[Control plane] {shortened(telling.title, MAX_SUBJECT)}",
            body=_plain(telling, delivery),
            to=subscription.addresses.split(),
            headers={"Message-ID": f"<{delivery.pk}@controlplane>", "Auto-Submitted": "auto-generated"},
        )
        context = {"telling": telling, "subscription": subscription, "alert": alert}
        message.attach_alternative(render_to_string("alerts/mail.html", context), "text/html")
        return message

    async def send(self, message: EmailMultiAlternatives) -> str:
        if not settings.EMAIL_HOST:
            return "No e-mail can be sent: EMAIL_HOST is not set."
        server = aiosmtplib.SMTP(
            hostname=settings.EMAIL_HOST,
            port=settings.EMAIL_PORT,
            username=settings.EMAIL_HOST_USER or None,
            password=settings.EMAIL_HOST_PASSWORD or None,
            use_tls=settings.EMAIL_SECURITY == "tls",
            start_tls=settings.EMAIL_SECURITY == "starttls",
        )
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                await server.connect()
                await server.send_message(message.message())
            with suppress(Exception):  # the e-mail is taken, whatever the answer to QUIT is
                async with asyncio.timeout(GOODBYE_SECONDS):
                    await server.quit()
        except Exception as error:  # the log of deliveries says what went wrong
            return f"The mail server did not take it ({type(error).__name__})."
        finally:
            server.close()
        return ""


def _plain(telling: Telling, delivery: Delivery) -> str:
    lines = [telling.text, "", *(f"{fact.label}: {fact.value}" for fact in telling.facts)]
    lines += ["", telling.link] if telling.link else []
    about = gettext("Subscription %(name)s, alert %(id)s.")
    return "\n".join([*lines, "", about % {"name": delivery.subscription.name, "id": delivery.alert_id}, ""])
