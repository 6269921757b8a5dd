"""The forms of a person: a new one, one that exists, and the roles that both have."""

import secrets
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth import password_validation
from django.contrib.auth.models import User
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.forms import UserChangeForm
from unfold.widgets import UnfoldAdminSelectWidget

from controlplane.access import places
from controlplane.access.admin.secret_input import SecretInput
from controlplane.access.memberships import principal_of_user, roles_of, scope_at
from controlplane.access.models import Membership
from controlplane.access.principals import GIVE, ROLES_OF_PEOPLE, Role

MADE_PASSWORD_BYTES = 12


class ShownForm(forms.ModelForm):
    """Carries what it showed, so that a field which the person did not touch is not taken for a change."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.show_hidden_initial = not field.disabled


class NewPersonForm(forms.ModelForm):
    """One form for all that a colleague needs; `made_password` is the one that nobody typed."""

    made_password = ""

    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        widget=SecretInput,
        help_text=_("Leave it empty to have one made; it is shown once, after saving."),
    )

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "email")

    def clean_username(self) -> str:
        username = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=username).exists():
            raise forms.ValidationError(_("Somebody has this username already, in capitals or not."))
        return username

    def _post_clean(self) -> None:
        """The validators compare the password with the name and the address, which are on the row by then."""
        super()._post_clean()  # type: ignore[misc]
        password = self.cleaned_data.get("password")
        if password:
            try:
                password_validation.validate_password(password, self.instance)
            except forms.ValidationError as error:
                self.add_error("password", error)
        if password and self.errors and "password" not in self.errors:
            self.add_error("password", gettext("For safety it is not shown again: type it once more."))

    def save(self, commit: bool = True) -> Any:
        password = self.cleaned_data["password"]
        if not password:
            password = self.made_password = secrets.token_urlsafe(MADE_PASSWORD_BYTES)
        self.instance.is_staff = True  # who may not sign in to the admin has no use for a role
        self.instance.set_password(password)
        return super().save(commit)


class PersonForm(ShownForm, UserChangeForm):
    """A person, with the link to the form of the password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "is_active" not in self.fields:  # the page of a person who is out of reach has no inputs
            return
        self.initial["is_active"] = self.instance.is_active and self.instance.is_staff
        self.fields["is_active"].label = gettext("May sign in")
        self.fields["is_active"].help_text = gettext(
            "Take it away rather than delete the person: from then on nothing is open to them, and the tokens that"
            " they made are revoked."
        )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if "is_active" in self.changed_data and self.cleaned_data.get("is_active"):
            self.instance.is_staff = True
        return cleaned


# --- Roles ------------------------------------------------------------------------------------------------


class MembershipForm(ShownForm):
    """A role and where it holds; what it may offer, the formset says."""

    role = forms.ChoiceField(
        label=_("Role"),
        choices=[(role.value, role.label) for role in ROLES_OF_PEOPLE],
        widget=UnfoldAdminSelectWidget({"aria-label": _("Role")}),
    )
    place = forms.ChoiceField(label=_("Where"), widget=UnfoldAdminSelectWidget({"aria-label": _("Where")}))

    class Meta:
        model = Membership
        fields = ("role",)

    def __init__(self, *args: Any, places: list[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["place"]
        field.choices = places
        field.required = ("", _WHOLE_FLEET) not in places
        self.initial["place"] = str(self.instance.site_id or "")

    def _post_clean(self) -> None:
        """Sets nothing on the row: `memberships.set_memberships` writes."""


class MembershipFormSet(forms.BaseInlineFormSet):
    """The roles of a person. `roles` are those that a valid one asks for, by site; what others gave stays."""

    editor: Any  # who gives them

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.principal = principal_of_user(self.editor)
        scope = self.principal.scope_for(GIVE)
        everything: list[tuple[str, Any]] = [("", _WHOLE_FLEET)] if scope.is_whole else []
        sites = [(str(site_id), name) for site_id, name in places.names_of_sites(scope).items()]
        self.form_kwargs["places"] = everything + sites
        self.roles: dict[UUID | None, Role] = {}

    def validate_unique(self) -> None:
        """Two roles at one place are refused by `clean`, in words."""

    def clean(self) -> None:
        self.roles = roles_of(self.instance)
        changed = [form for form in self.forms if form.has_changed() and not form.errors]
        for form in changed:
            if form.instance.pk:
                self.roles.pop(form.instance.site_id, None)
        for form in changed:
            given = form.cleaned_data
            if given.get("DELETE"):
                continue
            site_id = UUID(given["place"]) if given["place"] else None
            role = Role(given["role"])
            if site_id in self.roles:
                form.add_error("place", gettext("There is another role for this place: keep one of them."))
            elif not self.principal.may_give(role, scope_at(site_id), {}):
                form.add_error("role", gettext("You may not give more than you have yourself there."))
            self.roles[site_id] = role


_WHOLE_FLEET = _("The whole fleet")
