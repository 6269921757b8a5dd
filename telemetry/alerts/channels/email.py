"""An e-mail to one or several addresses, through the mail server of EMAIL_HOST."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email
from django.template.loader import render_to_string
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from telemetry.alerts.channels import smtp
from telemetry.alerts.channels.base import BaseChannel, NothingToSend
from telemetry.alerts.channels.telling import Telling, fact_lines, shortened, telling_of
from telemetry.alerts.models import Delivery, Subscription
from telemetry.alerts.results import SETTLED, AddressState, Result

MAX_ADDRESSES = 20
MAX_SUBJECT = 120


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
        recipients = left_of(delivery)
        if not recipients:
            raise NothingToSend("Every address was told, or has refused it for good.")
        telling = telling_of(alert, now)
        message = EmailMultiAlternatives(
            subject=f"[Control plane] {shortened(telling.title, MAX_SUBJECT)}",
            body=_plain(telling, delivery),
            to=recipients,
            headers={"Message-ID": f"<{delivery.pk}@controlplane>", "Auto-Submitted": "auto-generated"},
        )
        context = {"telling": telling, "subscription": subscription, "alert": alert}
        message.attach_alternative(render_to_string("alerts/mail.html", context), "text/html")
        return message

    async def send(self, message: EmailMultiAlternatives) -> Result:
        if not settings.EMAIL_HOST:
            return Result("No e-mail can be sent: EMAIL_HOST is not set.")
        content = message.message().as_bytes()
        return _result_of(await smtp.hand_over(settings.EMAIL_FROM, message.to, content))


def left_of(delivery: Delivery) -> list[str]:
    """The addresses that are neither told nor refused for good."""
    known = delivery.addresses or {}
    return [
        address
        for address in delivery.subscription.addresses.split()
        if known.get(address, {}).get("state") not in SETTLED
    ]


def _result_of(answers: smtp.Answers) -> Result:
    told, refused, deferred = (
        [address for address, answer in answers.items() if answer.state is state] for state in AddressState
    )
    if not refused and not deferred:
        return Result(addresses=answers)
    said = [f"{address}: {answers[address].detail}" for address in (*refused, *deferred)]
    words = [
        *([f"Told {', '.join(told)}."] if told else []),
        *([f"Refused for good {'; '.join(said[: len(refused)])}."] if refused else []),
        *([f"Not taken now {'; '.join(said[len(refused) :])}."] if deferred else []),
    ]
    return Result(" ".join(words), is_final=not deferred, addresses=answers)


def _plain(telling: Telling, delivery: Delivery) -> str:
    lines = [telling.text, "", *fact_lines(telling)]
    lines += ["", telling.link] if telling.link else []
    about = gettext("Subscription %(name)s, alert %(id)s.")
    return "\n".join([*lines, "", about % {"name": delivery.subscription.name, "id": delivery.alert_id}, ""])
