"""The forms of a person: a new one, and one that exists. A role is one choice, whatever groups stand behind it."""

import secrets
from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.contrib.auth.models import Group, User
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.forms import UserChangeForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from controlplane.access.admin.reach import groups_within
from controlplane.access.admin.secret_input import SecretInput
from controlplane.access.principals import GROUP_OF, GROUPS, Role

MADE_PASSWORD_BYTES = 12


class ShownForm(forms.ModelForm):
    """Carries what it showed, so that a field which the person did not touch is not taken for a change."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.show_hidden_initial = not field.disabled


def role_of(person: Any) -> Role | None:
    """The role of a person; of several, the one that may do most."""
    held = {group.name for group in person.groups.all()}
    roles = [role for role, group in GROUP_OF.items() if group in held]
    return max(roles, key=lambda role: len(role.permissions), default=None)


class _WithRole(forms.ModelForm):
    """Has the field `role`, with the roles that the editor may give."""

    editor: Any  # who edits

    role = forms.ChoiceField(
        label=_("Role"),
        widget=UnfoldAdminSelectWidget,
        help_text=_(
            "A viewer reads; an operator also starts and stops cameras; an administrator also edits cameras and"
            " sites, and makes tokens, subscriptions and people."
        ),
    )

    def _offer_roles(self, *more: tuple[str, Any]) -> None:
        given = set(groups_within(self.editor).values_list("name", flat=True))
        roles = [(role.value, role.label) for role, group in GROUP_OF.items() if group in given]
        self.fields["role"].choices = [*roles, *more]  # type: ignore[attr-defined]

    def _set_role(self) -> None:
        self.instance.groups.remove(*Group.objects.filter(name__in=GROUPS))
        if role := self.cleaned_data["role"]:
            self.instance.groups.add(Group.objects.get(name=GROUP_OF[Role(role)]))


class NewPersonForm(_WithRole):
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offer_roles()

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

    def _save_m2m(self) -> None:
        super()._save_m2m()  # type: ignore[misc]
        self._set_role()


class PersonForm(_WithRole, ShownForm, UserChangeForm):
    """A person, with the link to the form of the password."""

    further_groups = forms.ModelMultipleChoiceField(
        label=_("Further groups"),
        queryset=Group.objects.none(),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "is_active" not in self.fields:  # the page of a person who is out of reach has no inputs
            return
        role = role_of(self.instance)
        self._offer_roles(("", gettext("None: sees nothing")))
        self.fields["role"].required = False
        self.initial["role"] = role.value if role else ""
        self.initial["is_active"] = self.instance.is_active and self.instance.is_staff
        self.fields["is_active"].label = gettext("May sign in")
        self.fields["is_active"].help_text = gettext("Take it away rather than delete the person.")
        if "further_groups" in self.fields:
            further = further_groups_within(self.editor)
            self.fields["further_groups"].queryset = further  # type: ignore[attr-defined]
            self.initial["further_groups"] = list(further.filter(user=self.instance))

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if "is_active" in self.changed_data and self.cleaned_data.get("is_active"):
            self.instance.is_staff = True
        return cleaned

    def _save_m2m(self) -> None:
        super()._save_m2m()
        if "role" in self.changed_data:
            self._set_role()
        if "further_groups" in self.changed_data:
            self.instance.groups.remove(*further_groups_within(self.editor))
            self.instance.groups.add(*self.cleaned_data["further_groups"])


def further_groups_within(editor: Any) -> Any:
    """The groups beside the roles that `editor` may give."""
    return groups_within(editor).exclude(name__in=GROUPS)
