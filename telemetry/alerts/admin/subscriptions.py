"""Subscriptions in the admin: who is notified of what, a test of it, and a secret that is shown once."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from cameras.panels import Notice, add_notices
from controlplane.access.admin.pages import PlainAdmin, audit_trail_of
from controlplane.access.authentication import author_of
from controlplane.access.memberships import principal_of_user
from controlplane.access.principals import Principal
from controlplane.access.scope import Scope
from controlplane.access.time_zones import exact
from controlplane.compression import kept_plain
from telemetry.alerts import subscriptions
from telemetry.alerts.admin.subscription_form import SubscriptionForm
from telemetry.alerts.channels.table import channel_of, channels_with
from telemetry.alerts.models import (
    DESTINATION_FIELDS,
    Channel,
    DeliveryState,
    Format,
    Subscription,
)
from telemetry.alerts.querysets import SubscriptionQuerySet
from telemetry.alerts.subscriptions import TIMING_FIELDS

MOST_NAMED = 5


@admin.register(Subscription)
class SubscriptionAdmin(PlainAdmin):
    form = SubscriptionForm
    list_display = ("name", "channel", "destination", "notifies_of", "site", "is_active", "trouble")
    list_select_related = ("site",)
    search_fields = ("name",)
    ordering = ("name",)
    actions = ("delete_selected",)
    change_form_outer_before_template = "admin/alerts/subscription_test.html"
    fieldsets = (
        (None, {"fields": ("name", "channel", "format", *DESTINATION_FIELDS, "key")}),
        (_("What it notifies of"), {"fields": ("topics", "site", "is_active")}),
        (_("When"), {"fields": TIMING_FIELDS}),
    )

    @property
    def conditional_fields(self) -> dict[str, str]:
        """For the page's script: of which channels each destination is shown."""
        webhook = f"channel == '{Channel.WEBHOOK.value}'"
        return {"format": webhook, "key": f"{webhook} && format == '{Format.PAGERDUTY.value}'"} | {
            name: " || ".join(f"channel == '{channel.value}'" for channel in channels_with(name))
            for name in DESTINATION_FIELDS
        }

    def visible_to(self, principal: Principal) -> SubscriptionQuerySet:
        return Subscription.objects.visible_to(principal)

    def covers(self, scope: Scope, row: Subscription) -> bool:
        """One of a site that is notified of the whole fleet too is seen there, and edited by who sees it all."""
        return subscriptions.reaches(scope, row.site_id, row.topics)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.principal = principal_of_user(request.user)
        return form

    def log_of(self, request: HttpRequest, object_id: str) -> str | None:
        return audit_trail_of(request, object_id)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        subscription = kwargs.get("obj")
        if subscription:
            query = urlencode({"subscription__id__exact": subscription.pk})
            context.update(
                may_try=self.has_change_permission(request, subscription),
                is_signed=channel_of(subscription.channel).signs(subscription),
                deliveries_url=f"{reverse('admin:alerts_delivery_changelist')}?{query}",
            )
        return super().render_change_form(request, context, *args, **kwargs)

    # --- Writing ------------------------------------------------------------------------------------------

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        by, now = author_of(request, "admin"), timezone.now()
        if change:
            subscriptions.update_subscription(subscription=obj, values=form.cleaned_data, by=by, now=now)
            return
        made, obj.secret = subscriptions.create_subscription(values=form.cleaned_data, by=by, now=now)
        obj.pk, obj.name = made.pk, made.name

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The action has written everything."""

    def delete_model(self, request: HttpRequest, obj: Subscription) -> None:
        subscriptions.delete_subscription(subscription=obj, by=author_of(request, "admin"), now=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for subscription in queryset:
            self.delete_model(request, subscription)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        if obj.secret:
            return self._shown_once(request, obj, obj.secret)
        return super().response_add(request, obj, post_url_continue)

    def _shown_once(self, request: HttpRequest, subscription: Subscription, secret: str) -> HttpResponse:
        """The one page that shows the secret: the answer itself, so that no cookie or session ever holds it."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Subscription %(name)s") % {"name": subscription.name},
            "subscription": subscription,
            "secret": secret,
        }
        return kept_plain(TemplateResponse(request, "admin/alerts/subscription_secret.html", context))

    # --- Trying it, and a new secret ----------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("<uuid:subscription_id>/test/", wrap(self.test_view), name="alerts_subscription_test"),
            path("<uuid:subscription_id>/secret/", wrap(self.secret_view), name="alerts_subscription_secret"),
            *super().get_urls(),
        ]

    def test_view(self, request: HttpRequest, subscription_id: UUID) -> HttpResponse:
        """Send a test now, and show what became of it."""
        subscription = self._posted(request, subscription_id)
        if subscription:
            by = author_of(request, "admin")
            delivery = subscriptions.send_test(subscription=subscription, by=by, now=timezone.now())
            if delivery.state == DeliveryState.DELIVERED:
                self.message_user(request, gettext("The test has arrived."), messages.SUCCESS)
            else:
                message = gettext("The test did not arrive. %(detail)s") % {"detail": delivery.detail}
                self.message_user(request, message, messages.ERROR)
        return self._page(subscription_id)

    def secret_view(self, request: HttpRequest, subscription_id: UUID) -> HttpResponse:
        """Make a new secret, and show it this once."""
        subscription = self._posted(request, subscription_id)
        if not subscription or not channel_of(subscription.channel).signs(subscription):
            return self._page(subscription_id)
        by = author_of(request, "admin")
        secret = subscriptions.renew_secret(subscription=subscription, by=by, now=timezone.now())
        return self._shown_once(request, subscription, secret)

    def _posted(self, request: HttpRequest, subscription_id: UUID) -> Subscription | None:
        """The subscription to act on; None unless this is a POST. Raises PermissionDenied."""
        if request.method != "POST":
            return None
        if not self.has_change_permission(request):
            raise PermissionDenied
        found: Subscription | None = self.get_queryset(request).filter(pk=subscription_id).first()
        if found and not self.has_change_permission(request, found):
            raise PermissionDenied
        return found

    def _page(self, subscription_id: UUID) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:alerts_subscription_change", args=[subscription_id]))

    # --- Columns ------------------------------------------------------------------------------------------

    @display(description=_("to"))
    def destination(self, subscription: Subscription) -> str:
        return channel_of(subscription.channel).describe(subscription)

    @display(description=_("trouble"))
    def trouble(self, subscription: Subscription) -> str:
        since = subscription.ended_at or subscription.failing_since
        return f"{exact(since)}: {subscription.last_error}" if since else ""

    @display(description=_("notifies of"))
    def notifies_of(self, subscription: Subscription) -> str:
        return ", ".join(subscription.topics)


def failing_channels(now: datetime) -> Iterable[Notice]:
    """For the first page: what nobody would notice otherwise, as the alert of it would not arrive."""
    names = list(Subscription.objects.failing(now).order_by("name").values_list("name", flat=True)[:MOST_NAMED])
    if names:
        text = gettext("Alerts do not arrive by: %(names)s.") % {"names": ", ".join(names)}
        yield Notice("warning", text, reverse("admin:alerts_subscription_changelist"))


add_notices(failing_channels)
