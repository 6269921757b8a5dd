"""Tokens of machines in the admin: made, shown once, revoked.

They stand with the cameras because their binding names one, or a site; access itself knows neither.
"""

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display
from unfold.views import ChangeList

from cameras.admin.moments import aged, exact, now_of
from cameras.admin.token_form import TokenForm
from cameras.models import Camera, Site
from cameras.tokens import tokens_for
from controlplane.access import tokens
from controlplane.access.admin.pages import PlainAdmin, audit_trail_of
from controlplane.access.authentication import author_of
from controlplane.access.memberships import principal_of_user
from controlplane.access.models import ApiToken, TokenBinding
from controlplane.access.principals import Principal
from controlplane.compression import kept_plain
from controlplane.problems import Problem

REVOKE = "access.change_apitoken"
STATES = {"active": _("Active"), "expired": _("Expired"), "revoked": _("Revoked")}
NAMED_AT_MOST = 3
STATE_COLOURS = {"active": "success", "expired": "warning", "revoked": "danger"}


class StateFilter(DropdownFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return STATES.items()

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "revoked":
            return queryset.exclude(revoked_at=None)
        expired = queryset.filter(revoked_at=None, expires_at__lte=now_of(request))
        if self.value() == "expired":
            return expired
        if self.value() == "active":
            return queryset.filter(revoked_at=None).exclude(pk__in=expired.values("pk"))
        return queryset


class NamedChangeList(ChangeList):
    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        name_bindings(self.result_list, request)


def name_bindings(rows: list[Any], request: HttpRequest) -> None:
    """Set `bound_to` and `asked_at` on each token; `bound_to` has kinds and names, sites first.

    One query for all rows.
    """
    bindings = TokenBinding.objects.filter(token__in=rows).annotate(
        site_name=Subquery(Site.objects.filter(pk=OuterRef("site_id")).values("name")),
        camera_name=Subquery(Camera.objects.filter(pk=OuterRef("camera_id")).values("name")),
    )
    bound_to: dict[UUID, list[tuple[bool, str]]] = defaultdict(list)
    for binding in bindings:
        name = binding.site_name or binding.camera_name or gettext("(deleted)")
        bound_to[binding.token_id].append((binding.site_id is None, name))
    for row in rows:
        row.asked_at = now_of(request)
        # Sorted here: one database puts what is NULL first, the other last.
        row.bound_to = [
            (_("camera") if is_camera else _("site"), name) for is_camera, name in sorted(bound_to[row.pk])
        ]


def _in_words(token: Any, bound_to: list[tuple[Any, str]]) -> str:
    if not token.is_bound:
        return gettext("nothing: sees all")
    if not bound_to:
        return gettext("what is deleted: sees nothing")
    return format_html_join(", ", "{} <bdi>{}</bdi>", bound_to)


@admin.register(ApiToken)
class TokenAdmin(PlainAdmin):
    form = TokenForm
    list_display = ("name", "state", "role", "binding", "hint", "last_used", "expires")
    list_filter = (("role", ChoicesDropdownFilter), StateFilter)
    list_filter_submit = True
    search_fields = ("name", "hint")
    search_help_text = _("Name or first characters")
    ordering = ("-created_at", "pk")
    actions = ("revoke_selected",)
    change_form_outer_before_template = "admin/access/token_revocation.html"
    add_fieldsets = (
        (None, {"fields": ("name", "role")}),
        (_("Binding"), {"fields": ("sites", "cameras")}),
        (_("Validity"), {"fields": ("expires_at",)}),
    )
    fieldsets = (
        (None, {"fields": ("name", "state_in_words", "role", "bindings", "hint")}),
        (_("History"), {"fields": ("created", "created_by", "last_used", "expires", "revoked")}),
    )

    def visible_to(self, principal: Principal) -> QuerySet[ApiToken]:
        return tokens_for(principal, "access.view_apitoken")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return self.may(request, REVOKE)

    def log_of(self, request: HttpRequest, object_id: str) -> str | None:
        return audit_trail_of(request, object_id)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NamedChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        token = super().get_object(request, object_id, from_field)
        if token:
            name_bindings([token], request)
        return token

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.request = request
        return form

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["may_revoke"] = self.has_revoke_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    # --- Making -------------------------------------------------------------------------------------------

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        given = form.cleaned_data
        try:
            token, obj.secret = tokens.create_token(
                name=given["name"],
                role=given["role"],
                scope=given["scope"],
                site_of=given["site_of"],
                expires_at=given["expires_at"],
                by=author_of(request, "admin"),
                now=now_of(request),
            )
        except tokens.NameTaken as error:  # since the form was read
            raise Problem(409, str(error)) from None
        obj.pk, obj.name = token.pk, token.name

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The action has written everything."""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Shows the secret, once: in this very answer, so that no cookie or session ever contains it."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Token %(name)s") % {"name": obj.name},
            "token": obj,
            "secret": obj.secret,
        }
        return kept_plain(TemplateResponse(request, "admin/access/token_secret.html", context))

    # --- Revoking -----------------------------------------------------------------------------------------

    @action(description=_("Revoke selected tokens"), permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: Any) -> None:
        self._revoke(request, list(queryset.values_list("pk", flat=True)))

    def _revoke(self, request: HttpRequest, ids: list[UUID]) -> None:
        reached = tokens_for(principal_of_user(request.user), REVOKE).filter(pk__in=ids)
        revoked = tokens.revoke_tokens(
            ids=reached.values_list("pk", flat=True), by=author_of(request, "admin"), now=now_of(request)
        )
        text = ngettext("%(count)d token revoked.", "%(count)d tokens revoked.", revoked) % {"count": revoked}
        if revoked:
            text += " " + gettext("It is refused everywhere within 30 seconds.")
        self.message_user(request, text, messages.SUCCESS if revoked else messages.INFO)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.revoke_view)
        return [path("<uuid:token_id>/revoke/", view, name="access_apitoken_revoke"), *super().get_urls()]

    def revoke_view(self, request: HttpRequest, token_id: UUID) -> HttpResponse:
        """Revoke from the token's page: a POST with its CSRF token."""
        if request.method == "POST":
            if not self.has_revoke_permission(request):
                raise PermissionDenied
            if self.get_object(request, str(token_id)) is None:
                raise self.nothing_at(request, str(token_id))
            self._revoke(request, [token_id])
        return HttpResponseRedirect(reverse("admin:access_apitoken_change", args=[token_id]))

    # --- Columns ------------------------------------------------------------------------------------------

    @display(description=_("state"), label=STATE_COLOURS)
    def state(self, token: Any) -> tuple[str, Any]:
        if token.revoked_at:
            state = "revoked"
        else:
            state = "expired" if token.expires_at and token.expires_at <= token.asked_at else "active"
        return state, STATES[state]

    @display(description=_("state"))
    def state_in_words(self, token: Any) -> Any:
        return self.state(token)[1]

    @display(description=_("bound to"))
    def binding(self, token: Any) -> str:
        """For the list: the first few."""
        words = _in_words(token, token.bound_to[:NAMED_AT_MOST])
        more = len(token.bound_to) - NAMED_AT_MOST
        return format_html(gettext("{} and {} more"), words, more) if more > 0 else words

    @display(description=_("bound to"))
    def bindings(self, token: Any) -> str:
        return _in_words(token, token.bound_to)

    @display(description=_("created"))
    def created(self, token: Any) -> Any:
        return aged(token.created_at, token.asked_at)

    @display(description=_("last used"), ordering="last_used_at")
    def last_used(self, token: Any) -> Any:
        return aged(token.last_used_at, token.asked_at)

    @display(description=_("expires"), ordering="expires_at")
    def expires(self, token: Any) -> Any:
        return exact(token.expires_at) if token.expires_at else gettext("never")

    @display(description=_("revoked"))
    def revoked(self, token: Any) -> Any:
        return aged(token.revoked_at, token.asked_at, gettext("no"))
