"""The log of deliveries in the admin: only read, newest first."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from controlplane.access.admin.log import LogAdmin, LogRow
from controlplane.access.admin.related_filter import RelatedFilter
from controlplane.access.authentication import author_of
from controlplane.access.memberships import principal_of_user
from controlplane.access.principals import Principal
from controlplane.access.time_zones import exact
from telemetry.alerts import subscriptions
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
    change_form_outer_before_template = "admin/alerts/delivery_again.html"
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

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        delivery = kwargs.get("obj")
        context["may_send_again"] = delivery is not None and self._may_send_again(request, delivery)
        return super().render_change_form(request, context, *args, **kwargs)

    def _may_send_again(self, request: HttpRequest, delivery: Delivery) -> bool:
        scope = principal_of_user(request.user).scope_for("alerts.change_subscription")
        subscription = delivery.subscription
        mine = subscriptions.reaches(scope, subscription.site_id, subscription.topics)
        return mine and delivery.state == DeliveryState.GIVEN_UP

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        again = path("<uuid:delivery_id>/again/", wrap(self.again_view), name="alerts_delivery_again")
        return [again, *super().get_urls()]

    def again_view(self, request: HttpRequest, delivery_id: UUID) -> HttpResponse:
        """POST sends once more what was given up."""
        page = HttpResponseRedirect(reverse("admin:alerts_delivery_change", args=[delivery_id]))
        if request.method != "POST":
            return page
        if not self.may(request, "alerts.change_subscription"):
            raise PermissionDenied
        if self.get_queryset(request).filter(pk=delivery_id).exists():
            by = author_of(request, "admin")
            if subscriptions.send_again(delivery_id=delivery_id, by=by, now=timezone.now()):
                self.message_user(request, gettext("It is sent again in a few seconds."), messages.SUCCESS)
            else:
                self.message_user(request, gettext("Only what was given up is sent again."), messages.WARNING)
        return page

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
