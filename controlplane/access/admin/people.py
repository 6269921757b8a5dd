"""People in the admin.

A person who is no superuser cannot gain by these pages what they do not hold: no field of theirs gives it,
and whoever holds more is out of their reach.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from allauth.account.admin import EmailAddress
from allauth.mfa.admin import Authenticator
from django.contrib import admin, messages
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm
from unfold.views import ChangeList

from controlplane.access import audit, first_passwords, memberships, places, throttle
from controlplane.access.admin.pages import PlainAdmin, audit_trail_of
from controlplane.access.admin.person_factors import WithSecondFactors
from controlplane.access.admin.person_forms import (
    MembershipForm,
    MembershipFormSet,
    NewPersonForm,
    PersonForm,
)
from controlplane.access.admin.reach import is_within_reach, memberships_visible_to, people_visible_to
from controlplane.access.authentication import author_of
from controlplane.access.memberships import principal_of_user
from controlplane.access.models import Membership
from controlplane.access.principals import ROLES_OF_PEOPLE, Principal
from controlplane.access.sessions import end_sessions_of, key_of_row
from controlplane.compression import kept_plain

WHOLE = "whole"

admin.site.index_title = _("Overview")
admin.site.unregister(User)
admin.site.unregister(Group)  # what people may do, their memberships say
# Rows of allauth, registered by what is imported above: factors stand on the page of the person.
admin.site.unregister(Authenticator)
admin.site.unregister(EmailAddress)


class RoleFilter(DropdownFilter):
    title = _("role")
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        return [(role.value, role.label) for role in ROLES_OF_PEOPLE]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not self.value():
            return queryset
        visible = memberships_visible_to(principal_of_user(request.user))
        return queryset.filter(pk__in=visible.filter(role=self.value()).values("user"))


class PlaceFilter(DropdownFilter):
    title = _("where")
    parameter_name = "place"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, Any]]:
        scope = principal_of_user(request.user).scope_for("auth.view_user")
        everything: list[tuple[str, Any]] = [(WHOLE, _("The whole fleet"))] if scope.is_whole else []
        return everything + [(str(site_id), name) for site_id, name in places.names_of_sites(scope).items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not self.value():
            return queryset
        site_id = None if self.value() == WHOLE else self.value()
        visible = memberships_visible_to(principal_of_user(request.user))
        return queryset.filter(pk__in=visible.filter(site_id=site_id).values("user"))


def name_roles(people: list[Any], request: HttpRequest) -> None:
    """Set `roles_shown` on each person: the label of each role and where. Two queries for all."""
    principal = principal_of_user(request.user)
    names = places.names_of_sites(principal.scope_for("auth.view_user"))
    shown: dict[int, list[tuple[str, str]]] = {person.pk: [] for person in people}
    for row in memberships_visible_to(principal).filter(user__in=people).order_by("pk"):
        where = names.get(row.site_id, gettext("(deleted)")) if row.site_id else gettext("The whole fleet")
        shown[row.user_id].append((row.get_role_display(), where))
    for person in people:
        person.roles_shown = shown[person.pk]


class PeopleList(ChangeList):
    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        name_roles(self.result_list, request)


class RolesInline(TabularInline):
    """The roles of a person. Who sees it is who may edit the person: Django's own permissions say nothing here."""

    model = Membership
    form = MembershipForm
    formset = MembershipFormSet
    fields = ("role", "place")
    ordering = ("pk",)
    extra = 0
    hide_title = True
    verbose_name_plural = _("roles")

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs, validate_min=True)
        formset.editor = request.user
        return formset

    def get_min_num(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else 1

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission


@admin.register(User)
class PersonAdmin(WithSecondFactors, PlainAdmin, auth_admin.UserAdmin):
    form = PersonForm
    add_form = NewPersonForm
    add_form_template = None
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "full_name", "email", "roles", "is_active", "last_login")
    list_filter = ("is_active", RoleFilter, PlaceFilter)
    list_filter_submit = True
    readonly_fields = ("last_login", "date_joined", "roles")
    actions = ("let_in_again", "delete_selected")
    filter_horizontal = ()
    add_fieldsets = (
        (None, {"fields": ("username", "first_name", "last_name", "email")}),
        (_("Access"), {"fields": ("password",)}),
    )

    def visible_to(self, principal: Principal) -> QuerySet[Any]:
        return people_visible_to(principal)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PeopleList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        person = super().get_object(request, object_id, from_field)
        if person:
            name_roles([person], request)
        return person

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        allowed = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return [RolesInline] if allowed else []

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        access = ["is_active"]
        if not self.has_change_permission(request, obj):
            access.append("roles")
        if request.user.is_superuser:
            access.append("is_superuser")
        return (
            (None, {"fields": ("username", "password")}),
            (_("Person"), {"fields": ("first_name", "last_name", "email")}),
            (_("Access"), {"fields": access}),
            (_("Dates"), {"fields": ("last_login", "date_joined")}),
        )

    def log_of(self, request: HttpRequest, object_id: str) -> str | None:
        return audit_trail_of(request, object_id)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "auth.change_user") and is_within_reach(request.user, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = self.may(request, "auth.delete_user") and obj != request.user
        return allowed and is_within_reach(request.user, obj)

    # --- Writing ------------------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.made_password = form.made_password
            obj.save()
            first_passwords.require_change(obj, timezone.now())
            return
        columns = {field.name for field in obj._meta.concrete_fields}.intersection(form.changed_data)
        if "is_active" in columns:
            columns.add("is_staff")  # both are one choice, see the form
        obj.save(update_fields=sorted(columns - {"is_superuser"}))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The roles, and what follows from the rest. All is audited: fields by name, roles before and after."""
        person, by, now = form.instance, author_of(request, "admin"), timezone.now()
        changed = [name for name in form.changed_data if not name.startswith("password")]
        if fields := [name for name in changed if name != "is_superuser"]:
            self._audit(request, person, "updated" if change else "created", fields)
        if "is_superuser" in changed:
            memberships.set_superuser(user=person, is_superuser=form.cleaned_data["is_superuser"], by=by, now=now)
        for formset in formsets:
            memberships.set_memberships(user=person, roles=formset.roles, by=by, now=now)
            formset.new_objects = formset.changed_objects = formset.deleted_objects = []
        if "is_active" in changed:
            memberships.revoke_beyond(user=person, by=by, now=now)
            if not person.is_active:
                self._end_sessions(request, person)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with transaction.atomic():
            self._audit(request, obj, "deleted")
            memberships.remove_person(user=obj, by=author_of(request, "admin"), now=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        with transaction.atomic():
            for person in queryset:
                self.delete_model(request, person)

    @action(description=_("Let selected people try to sign in again"), permissions=["change"])
    def let_in_again(self, request: HttpRequest, queryset: Any) -> None:
        """For who has failed too often: their failures are forgotten, from every address."""
        by, now = author_of(request, "admin"), timezone.now()
        people = [person for person in queryset if is_within_reach(request.user, person)]
        count = sum(throttle.lift(person, by=by, now=now) for person in people)
        text = ngettext("%(count)d person may try again.", "%(count)d people may try again.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS if count else messages.INFO)

    def _end_sessions(self, request: HttpRequest, person: Any) -> None:
        """All but the one that asks."""
        by, now = author_of(request, "admin"), timezone.now()
        end_sessions_of(person, by=by, now=now, but=key_of_row(request.session))  # type: ignore[arg-type]

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
            self._end_sessions(request, obj)
        return super().log_change(request, obj, message)

    def _audit(self, request: HttpRequest, person: Any, what: str, fields: Sequence[str] = ()) -> None:
        by, now = author_of(request, "admin"), timezone.now()
        audit.record_of_person(by=by, now=now, what=what, person=person, fields=fields)

    # --- Columns ------------------------------------------------------------------------------------------

    @display(description=_("name"))
    def full_name(self, person: Any) -> str:
        return person.get_full_name() or "–"

    @display(description=_("roles"))
    def roles(self, person: Any) -> str:
        if person.is_superuser:
            return gettext("Superuser")
        return format_html_join("", "<div>{}: <bdi>{}</bdi></div>", person.roles_shown) or "–"
