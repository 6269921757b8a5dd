"""The log of deliveries in the admin: only read, newest first."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from controlplane.access.admin.log import LogAdmin, LogRow
from controlplane.access.admin.related_filter import RelatedFilter
from controlplane.access.principals import Principal
from controlplane.access.time_zones import exact
from telemetry.alerts.models import Delivery, DeliveryState
from telemetry.alerts.querysets import DeliveryQuerySet

STATE_COLOURS = {
    DeliveryState.WAITING.value: "info",
    DeliveryState.DELIVERED.value: "success",
    DeliveryState.GIVEN_UP.value: "danger",
    DeliveryState.WITHDRAWN.value: "default",
}


def exact_or_dash(moment: Any) -> str:
    return exact(moment) if moment else "–"


@admin.register(Delivery)
class DeliveryAdmin(LogAdmin):
    list_display = ("moment", "state_badge", "text", "subscription", "attempts", "outcome")
    list_filter = (("state", ChoicesDropdownFilter), ("subscription", RelatedFilter))
    list_filter_submit = True
    list_select_related = ("alert", "subscription")
    ordering = ("-created_at", "-id")
    fieldsets = (
        (None, {"fields": ("text", "kind", "happened", "data")}),
        (
            _("Delivery"),
            {"fields": ("subscription", "state", "attempts", "detail", "moment", "next", "finished", "id")},
        ),
    )

    def visible_to(self, principal: Principal) -> DeliveryQuerySet:
        return Delivery.objects.visible_to(principal).select_related("alert", "subscription")

    def log_rows(self, rows: Sequence[Delivery], request: HttpRequest) -> Iterable[LogRow]:
        for delivery in rows:
            facts = [
                (_("Kind"), self.kind(delivery)),
                (_("Happened"), self.happened(delivery)),
                (_("Attempts"), delivery.attempts),
                (_("What became of it"), self.outcome(delivery)),
            ]
            url = reverse("admin:alerts_delivery_change", args=[delivery.pk])
            label = (STATE_COLOURS[delivery.state], delivery.get_state_display())
            text, to = delivery.alert.text, delivery.subscription.name
            yield LogRow(delivery.created_at, text, url, via=to, note=delivery.detail, label=label, facts=facts)

    @display(description=_("noticed"), ordering="created_at")
    def moment(self, delivery: Delivery) -> str:
        return exact(delivery.created_at)

    @display(description=_("state"), label=STATE_COLOURS)
    def state_badge(self, delivery: Delivery) -> tuple[str, str]:
        return delivery.state, delivery.get_state_display()

    @display(description=_("alert"))
    def text(self, delivery: Delivery) -> str:
        return delivery.alert.text

    @display(description=_("kind"))
    def kind(self, delivery: Delivery) -> str:
        return f"{delivery.alert.get_kind_display()} ({delivery.alert.kind})"

    @display(description=_("happened"))
    def happened(self, delivery: Delivery) -> str:
        return exact(delivery.alert.at)

    @display(description=_("data"))
    def data(self, delivery: Delivery) -> str:
        return ", ".join(f"{name}: {value}" for name, value in delivery.alert.data.items()) or "–"

    @display(description=_("what became of it"))
    def outcome(self, delivery: Delivery) -> str:
        if delivery.state == DeliveryState.WAITING and delivery.next_attempt_at:
            text = (
                gettext("%(detail)s Next attempt at %(moment)s.")
                if delivery.detail
                else gettext("Due %(moment)s.")
            )
            return text % {"detail": delivery.detail, "moment": exact(delivery.next_attempt_at)}
        return delivery.detail or exact_or_dash(delivery.finished_at)

    @display(description=_("next attempt"))
    def next(self, delivery: Delivery) -> str:
        return exact_or_dash(delivery.next_attempt_at)

    @display(description=_("finished"))
    def finished(self, delivery: Delivery) -> str:
        return exact_or_dash(delivery.finished_at)
