"""People and groups in the admin.

A person who is no superuser cannot gain by these pages what they do not hold: no field of theirs gives it,
and whoever holds more is out of their reach.
"""

from collections.abc import Sequence
from typing import Any

from allauth.account.admin import EmailAddress
from allauth.mfa.admin import Authenticator
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, Permission, User
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from controlplane.access import audit, first_passwords
from controlplane.access.admin.pages import PlainAdmin
from controlplane.access.admin.person_factors import WithSecondFactors
from controlplane.access.admin.person_forms import (
    NewPersonForm,
    PersonForm,
    ShownForm,
    further_groups_within,
    role_of,
)
from controlplane.access.admin.reach import is_within_reach
from controlplane.access.authentication import author_of
from controlplane.access.principals import GROUPS
from controlplane.compression import kept_plain


class AuditedAdmin(PlainAdmin):
    """Every act on a row is written to the audit trail, by the names of the fields and never their values."""

    audited_as = ""

    def _audit(self, request: HttpRequest, obj: Any, what: str, fields: Sequence[str] = ()) -> None:
        audit.record(
            by=author_of(request, "admin"),
            now=timezone.now(),
            action=f"{self.audited_as}.{what}",
            object_type=self.audited_as,
            object_id=obj.pk,
            object_name=str(obj)[:200],
            fields=fields,
        )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        if change:
            form.cleaned_data = {name: form.cleaned_data[name] for name in form.changed_data}
        super().save_related(request, form, formsets, change)
        fields = [name for name in form.changed_data if not name.startswith("password")]
        if not change or fields:
            self._audit(request, form.instance, "updated" if change else "created", fields)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self._audit(request, obj, "deleted")
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset:
            self._audit(request, row, "deleted")
        super().delete_queryset(request, queryset)


admin.site.index_title = _("Overview")
admin.site.unregister(User)
admin.site.unregister(Group)
# Rows of allauth, registered by what is imported above: factors stand on the page of the person.
admin.site.unregister(Authenticator)
admin.site.unregister(EmailAddress)


@admin.register(User)
class PersonAdmin(WithSecondFactors, AuditedAdmin, auth_admin.UserAdmin):
    audited_as = "user"
    form = PersonForm
    add_form = NewPersonForm
    add_form_template = None
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "full_name", "email", "role", "is_active", "last_login")
    list_filter = ("is_active", "groups")
    readonly_fields = ("last_login", "date_joined")
    actions = ("delete_selected",)
    filter_horizontal = ()
    add_fieldsets = (
        (None, {"fields": ("username", "first_name", "last_name", "email")}),
        (_("Access"), {"fields": ("role", "password")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        access = ["role", "is_active"]
        if further_groups_within(request.user).exists():
            access.append("further_groups")
        if request.user.is_superuser:
            access += ["is_superuser", "user_permissions"]
        return (
            (None, {"fields": ("username", "password")}),
            (_("Person"), {"fields": ("first_name", "last_name", "email")}),
            (_("Access"), {"fields": access}),
            (_("Dates"), {"fields": ("last_login", "date_joined")}),
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.editor = request.user
        return form

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = Permission.objects.select_related("content_type")
        return _searchable(super().formfield_for_manytomany(db_field, request, **kwargs))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and is_within_reach(request.user, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_delete_permission(request, obj) and obj != request.user
        return allowed and is_within_reach(request.user, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.made_password = form.made_password
            obj.save()
            first_passwords.require_change(obj, timezone.now())
            return
        columns = {field.name for field in obj._meta.concrete_fields}.intersection(form.changed_data)
        if "is_active" in columns:
            columns.add("is_staff")  # both are one choice, see the form
        obj.save(update_fields=sorted(columns))

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Shows a password that was made, once: in this very answer, so that no cookie or session contains it."""
        if not obj.made_password:
            return PlainAdmin.response_add(self, request, obj, post_url_continue)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Password of %(name)s") % {"name": obj.get_username()},
            "person": obj,
            "secret": obj.made_password,
            "sign_in_url": request.build_absolute_uri(reverse("admin:index")),
        }
        return kept_plain(TemplateResponse(request, "admin/access/new_person.html", context))

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        return super().user_change_password(request, id, form_url)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        if request.resolver_match and request.resolver_match.url_name == "auth_user_password_change":
            self._audit(request, obj, "updated", ["password"])
            if obj != request.user:
                first_passwords.require_change(obj, timezone.now())
        return super().log_change(request, obj, message)

    @display(description=_("name"))
    def full_name(self, person: Any) -> str:
        return person.get_full_name() or "–"

    @display(description=_("role"))
    def role(self, person: Any) -> str:
        if person.is_superuser:
            return gettext("Superuser")
        role = role_of(person)
        return str(role.label) if role else "–"

    @display(description=_("further groups"))
    def further_groups(self, person: Any) -> str:
        return ", ".join(group.name for group in person.groups.all() if group.name not in GROUPS) or "–"


@admin.register(Group)
class GroupAdmin(AuditedAdmin, auth_admin.GroupAdmin):
    audited_as = "group"
    form = ShownForm
    fields = ("name", "permissions")
    list_display = ("name", "people")
    actions = ("delete_selected",)
    filter_horizontal = ()

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(people_count=models.Count("user"))

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        return _searchable(super().formfield_for_manytomany(db_field, request, **kwargs))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fixed = ["name"] if obj and obj.name in GROUPS else []  # a migration makes these by name
        return fixed if request.user.is_superuser else [*fixed, "permissions"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        editable = request.user.is_superuser or not (obj and obj.name in GROUPS)
        return editable and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and obj.name in GROUPS)

    @display(description=_("people"), ordering="people_count")
    def people(self, group: Any) -> int:
        return group.people_count


def _searchable(field: Any) -> Any:
    """A field of many permissions as a select with a search."""
    choices = field.widget.choices
    field.widget, field.help_text = UnfoldAdminSelect2MultipleWidget(), ""
    field.widget.choices = choices
    return field
