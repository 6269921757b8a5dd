"""The audit trail in the admin: only read, newest first."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from controlplane.access.admin.log_filters import ActionFilter, FromFilter, UntilFilter, ViaFilter, WhoFilter
from controlplane.access.admin.pages import ReadOnlyAdmin
from controlplane.access.models import AuditEntry
from controlplane.access.time_zones import exact


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("moment", "by", "action", "object", "field_names", "via")
    list_filter = (FromFilter, UntilFilter, WhoFilter, ActionFilter, ViaFilter)
    list_filter_submit = True
    search_fields = ("by", "action", "object_name", "object_id", "request_id")
    search_help_text = _("Who, action, object, its id or the request's id")
    ordering = ("-at", "-id")
    fields = (
        "moment",
        "by",
        "via",
        "request_id",
        "action",
        "object_type",
        "object_name",
        "object_id",
        "field_names",
    )

    @display(description=_("at"), ordering="at")
    def moment(self, entry: AuditEntry) -> str:
        return exact(entry.at)

    @display(description=_("object"))
    def object(self, entry: AuditEntry) -> str:
        return f"{entry.object_type} {entry.object_name or entry.object_id}"

    @display(description=_("fields"))
    def field_names(self, entry: AuditEntry) -> str:
        return ", ".join(map(str, entry.fields)) or "–"
