"""People and groups in the admin.

A person who is no superuser cannot gain by these pages what they do not hold: no field of theirs gives it,
and whoever holds more is out of their reach.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, Permission, User
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelect2MultipleWidget

from controlplane.access import audit
from controlplane.access.admin.pages import PlainAdmin
from controlplane.access.authentication import author_of
from controlplane.access.principals import GROUPS


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


class ShownForm(forms.ModelForm):
    """Carries what it showed, so that a field which the person did not touch is not taken for a change."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.show_hidden_initial = not field.disabled


class PersonForm(ShownForm, UserChangeForm):
    """A person, with the link to the form of the password."""


admin.site.index_title = _("Overview")
admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class PersonAdmin(AuditedAdmin, auth_admin.UserAdmin):
    audited_as = "user"
    form = PersonForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "full_name", "email", "roles", "is_active", "last_login")
    list_filter = ("is_active", "groups")
    readonly_fields = ("last_login", "date_joined")
    actions = ("delete_selected",)
    filter_horizontal = ()
    add_fieldsets = ((None, {"fields": ("username", "usable_password", "password1", "password2")}),)
    _person = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
    )
    _dates = (_("Dates"), {"fields": ("last_login", "date_joined")})
    fieldsets: ClassVar[Any] = (
        *_person,
        (_("Access"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        _dates,
    )
    fieldsets_of_administrators = (
        *_person,
        (_("Access"), {"fields": ("is_active", "is_staff", "groups")}),
        _dates,
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj and not request.user.is_superuser:
            return self.fieldsets_of_administrators
        return super().get_fieldsets(request, obj)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["queryset"] = _groups_within(request.user)
            kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
            return super().formfield_for_manytomany(db_field, request, **kwargs)
        kwargs["queryset"] = Permission.objects.select_related("content_type")
        return _searchable(super().formfield_for_manytomany(db_field, request, **kwargs))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget  # groups are chosen here, and made on their own page
        return field

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _is_within_reach(request.user, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_delete_permission(request, obj) and obj != request.user
        return allowed and _is_within_reach(request.user, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.save()
            return
        columns = {field.name for field in obj._meta.concrete_fields}
        obj.save(update_fields=[name for name in form.changed_data if name in columns])

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        return super().user_change_password(request, id, form_url)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        if request.resolver_match and request.resolver_match.url_name == "auth_user_password_change":
            self._audit(request, obj, "updated", ["password"])
        return super().log_change(request, obj, message)

    @display(description=_("name"))
    def full_name(self, person: Any) -> str:
        return person.get_full_name() or "–"

    @display(description=_("roles"))
    def roles(self, person: Any) -> str:
        names = [group.name for group in person.groups.all()]
        return ", ".join([gettext("Superuser"), *names] if person.is_superuser else names) or "–"


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


def _beyond(editor: Any) -> Any:
    """The permissions that `editor` does not hold."""
    held = Permission.objects.filter(models.Q(user=editor) | models.Q(group__user=editor))
    return Permission.objects.exclude(pk__in=held.values("pk"))


def _is_within_reach(editor: Any, person: Any) -> bool:
    """Whether `person`, active or not, holds nothing that `editor` does not."""
    if person is None or editor.is_superuser:
        return True
    more = _beyond(editor).filter(models.Q(user=person) | models.Q(group__user=person))
    return not person.is_superuser and not more.exists()


def _groups_within(editor: Any) -> Any:
    """The groups that `editor` may give: those that hold nothing which `editor` does not."""
    groups = Group.objects.order_by("name")
    return groups if editor.is_superuser else groups.exclude(permissions__in=_beyond(editor))


def _searchable(field: Any) -> Any:
    """A field of many permissions as a select with a search."""
    choices = field.widget.choices
    field.widget, field.help_text = UnfoldAdminSelect2MultipleWidget(), ""
    field.widget.choices = choices
    return field
