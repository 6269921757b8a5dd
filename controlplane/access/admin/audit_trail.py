"""The audit trail in the admin: only read, newest first, by day, a sentence a row."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from controlplane.access import audit
from controlplane.access.admin.audit_csv import csv_of
from controlplane.access.admin.filters_in_use import query_of_list
from controlplane.access.admin.list_parameters import check_list_parameters
from controlplane.access.admin.log import LogAdmin, LogRow
from controlplane.access.admin.log_filters import (
    ActionFilter,
    FromFilter,
    PartFilter,
    UntilFilter,
    ViaFilter,
    WhoFilter,
)
from controlplane.access.authentication import author_of
from controlplane.access.models import AuditEntry, AuditObject
from controlplane.access.principals import Principal, in_words
from controlplane.access.time_zones import exact
from controlplane.problems import Problem

MAX_DOWNLOADED = 20_000
MARK = "\ufeff"  # by which spreadsheets know UTF-8
# Acts that are no "kind and name, done by somebody".
SENTENCES = {
    "audit.exported": _("Entries of the audit trail downloaded by %(author)s: %(count)d"),
    "cameras.exported": _("Cameras exported without credentials by %(author)s: %(count)d"),
    "clock.accepted": _("The clock of ingest accepted by %(author)s"),
    "request.refused": _("%(name)s refused to %(author)s"),
    "user.sign_in_failed": _("Somebody failed to sign in as %(name)s"),
    "user.sessions_ended": _("Sessions of %(name)s ended by %(author)s: %(count)d"),
    "user.signed_in": _("%(author)s signed in"),
    "user.signed_out": _("%(author)s signed out"),
}
# What was done, by the end of the action's name; the kind of object stands before it.
DONE = {
    "binding_lost": _("lost a camera"),
    "created": _("made"),
    "deleted": _("deleted"),
    "erased": _("erased"),
    "exported": _("exported with credentials"),
    "factor_added": _("given a second factor"),
    "factor_removed": _("rid of a second factor"),
    "made": _("made for the demo"),
    "password_changed": _("given a new password"),
    "password_reset": _("given a new password through an e-mail"),
    "recovery_code_used": _("signed in with a recovery code"),
    "recovery_codes_made": _("given new recovery codes"),
    "removed": _("removed with the demo"),
    "renewed": _("renewed"),
    "revealed": _("shown with credentials"),
    "revoked": _("revoked"),
    "roles_changed": _("given other roles"),
    "rotated": _("rotated"),
    "secret_renewed": _("given a new secret"),
    "single_sign_on_connected": _("connected to single sign-on"),
    "single_sign_on_disconnected": _("disconnected from single sign-on"),
    "tested": _("tested"),
    "updated": _("edited"),
}


def sentence_of(entry: AuditEntry) -> str:
    """What was done to what, and by whom; an action that has no words here is named as it is stored."""
    name = gettext("“%(name)s”") % {"name": entry.object_name} if entry.object_name else entry.object_id
    if sentence := SENTENCES.get(entry.action):
        name = name or gettext("a name that nobody has")
        named = {"author": in_words(entry.by), "name": name, "count": entry.object_count}
        return str(sentence) % named
    done = DONE.get(entry.action.rpartition(".")[2])
    if entry.object_count > 1:
        name = gettext("%(name)s and %(count)d more") % {"name": name, "count": entry.object_count - 1}
    return gettext("%(kind)s %(name)s %(done)s by %(author)s") % {
        "kind": entry.object_type.replace("_", " ").capitalize(),
        "name": name,
        "done": done or f"({entry.action})",
        "author": in_words(entry.by),
    }


class PrincipalFilter(WhoFilter):
    """By a part of the name, or by the whole id."""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        text = self.value()
        return queryset.filter(Q(by__icontains=text) | Q(principal=text)) if text else queryset


class AddressFilter(PartFilter):
    title = _("address")
    parameter_name = "address"
    lookup = "address"


@admin.register(AuditEntry)
class AuditEntryAdmin(LogAdmin):
    list_display = ("moment", "by", "action", "object", "field_names", "via", "address")
    list_filter = (FromFilter, UntilFilter, PrincipalFilter, ActionFilter, AddressFilter, ViaFilter)
    actions_list = ("download_csv",)
    list_filter_submit = True
    search_fields = ("by", "action", "object_name", "object_id", "request_id", "client_request_id")
    search_help_text = _("Who, action, object, its id or the request's id")
    ordering = ("-at", "-id")
    fields = (
        "moment",
        "by",
        "principal",
        "via",
        "address",
        "request_id",
        "client_request_id",
        "action",
        "object_type",
        "object_name",
        "object_id",
        "objects",
        "field_names",
        "roles_before",
        "roles_after",
    )

    def visible_to(self, principal: Principal) -> QuerySet[Any]:
        """All or none: `view_auditentry` is held for the whole fleet only."""
        held = principal.scope_for("access.view_auditentry").is_whole
        return AuditEntry.objects.all() if held else AuditEntry.objects.none()

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Also the entries of which one of several objects has this id, or these words in its name."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if term := search_term.strip():
            among = AuditObject.objects.filter(Q(object_id=term) | Q(object_name__icontains=term))
            found |= queryset.filter(pk__in=among.values("entry"))
        return found, may_repeat

    def has_download_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list; its link to the file leads to the entries that are listed."""
        answer = super().changelist_view(request, extra_context)
        context = getattr(answer, "context_data", None) or {}
        for link in context.get("actions_list", ()):
            link["path"] += query_of_list(request)
        return answer

    @action(description=_("Download CSV"), url_path="csv", permissions=["download"], icon="download")
    def download_csv(self, request: HttpRequest) -> HttpResponse:
        """The entries as the list is filtered. Raises Problem 400 where they are more than MAX_DOWNLOADED."""
        check_list_parameters(self, request)
        found = list(self.get_changelist_instance(request).queryset[: MAX_DOWNLOADED + 1])
        if len(found) > MAX_DOWNLOADED:
            detail = "These are more than %(most)s entries: choose a shorter time, or filter by something else."
            raise Problem(400, gettext(detail) % {"most": f"{MAX_DOWNLOADED:,}"})
        by, now = author_of(request, "admin"), timezone.now()
        audit.record_count(by=by, now=now, action="audit.exported", object_type="audit entry", count=len(found))
        file = HttpResponse(MARK + csv_of(found), content_type="text/csv; charset=utf-8")
        file["Content-Disposition"] = 'attachment; filename="audit-trail.csv"'
        return file

    def log_rows(self, rows: Sequence[AuditEntry], request: HttpRequest) -> Iterable[LogRow]:
        for entry in rows:
            facts = [
                (_("Action"), entry.action),
                (_("Fields"), self.field_names(entry)),
                (_("Id"), entry.object_id or "–"),
                (_("By"), entry.principal or "–"),
                (_("Address"), entry.address or "–"),
                (_("Request"), entry.request_id or "–"),
            ]
            if entry.after is not None:
                facts += [(_("Before"), self.roles_before(entry)), (_("After"), self.roles_after(entry))]
            url = reverse("admin:access_auditentry_change", args=[entry.pk])
            yield LogRow(entry.at, sentence_of(entry), url, entry.via, facts=facts)

    @display(description=_("at"), ordering="at")
    def moment(self, entry: AuditEntry) -> str:
        return exact(entry.at)

    @display(description=_("object"))
    def object(self, entry: AuditEntry) -> str:
        return f"{entry.object_type} {entry.object_name or entry.object_id}"

    @display(description=_("objects"))
    def objects(self, entry: AuditEntry) -> SafeString | str:
        """All of them, where there are several: a query."""
        if entry.object_count == 1:
            return "–"
        rows = entry.all_objects.order_by("object_name", "pk").values_list("object_name", "object_id")
        return format_html_join("\n", "<div>{} ({})</div>", rows)

    @display(description=_("roles before"))
    def roles_before(self, entry: AuditEntry) -> str:
        return "; ".join(entry.before or ()) or "–"

    @display(description=_("roles after"))
    def roles_after(self, entry: AuditEntry) -> str:
        return "; ".join(entry.after or ()) or "–"

    @display(description=_("fields"))
    def field_names(self, entry: AuditEntry) -> str:
        return ", ".join(map(str, entry.fields)) or "–"
