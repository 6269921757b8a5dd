"""The form of a new token: whose it is, what it may do, and what it is bound to."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from cameras import names
from cameras.admin.moments import now_of
from cameras.admin.row_select import RowsSelect
from cameras.models import Camera, CameraVitals, Site
from controlplane.access import tokens
from controlplane.access.admin.moment_input import MomentInput
from controlplane.access.memberships import principal_of_user
from controlplane.access.models import ApiToken
from controlplane.access.principals import Role
from controlplane.access.scope import WHOLE_FLEET, Scope
from controlplane.access.time_zones import present_zone

GONE = {
    name: _("One of them is not there any more: choose again.") for name in ("invalid_choice", "invalid_pk_value")
}


class TokenForm(forms.ModelForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("Whose token this is; the change log names it."),
        widget=UnfoldAdminTextInputWidget,
    )
    role = forms.ChoiceField(
        label=_("Role"),
        choices=Role.choices,
        widget=UnfoldAdminSelectWidget,
        help_text=_(
            "A worker posts telemetry, and reads the cameras that it is bound to; an orchestrator reads cameras"
            " and how to reach them."
        ),
    )
    sites = forms.ModelMultipleChoiceField(
        label=_("Only these sites"),
        queryset=Site.objects.none(),
        required=False,
        help_text=_("It then sees and touches only the cameras of these sites, and those named below."),
        error_messages=GONE,
        widget=RowsSelect(Camera._meta.get_field("site"), admin.site),
    )
    cameras = forms.ModelMultipleChoiceField(
        label=_("Only these cameras"),
        queryset=Camera.objects.none(),
        required=False,
        help_text=_("It then sees and touches only these cameras, and those of the sites."),
        error_messages=GONE,
        # The admin's search takes its cue from any foreign key to cameras.
        widget=RowsSelect(CameraVitals._meta.get_field("camera"), admin.site),
    )
    expires_at = forms.DateTimeField(label=_("Expires"), required=False, widget=MomentInput)

    class Meta:
        model = ApiToken
        fields = ()

    request: HttpRequest

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "expires_at" in self.fields:  # the page of a token that exists has no inputs
            principal = principal_of_user(self.request.user)
            for name, model in (("sites", Site), ("cameras", Camera)):
                self.fields[name].queryset = model.objects.visible_to(principal)  # type: ignore[attr-defined]
            help_text = gettext("In %(zone)s. Empty: the token is valid until it is revoked.")
            self.fields["expires_at"].help_text = help_text % {"zone": present_zone()}
            self.fields["expires_at"].initial = tokens.default_expiry(now_of(self.request))

    def clean_name(self) -> str:
        name = self.cleaned_data["name"]
        if not name.isprintable():
            raise forms.ValidationError(_("Holds a character that cannot be shown; remove it."))
        if not names.is_visible(name):
            raise forms.ValidationError(_("Holds nothing that can be seen."))
        if tokens.is_name_taken(name, now_of(self.request)):
            raise forms.ValidationError(str(tokens.NameTaken()))
        return name

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        if expires_at and expires_at <= now_of(self.request):
            raise forms.ValidationError(_("Lies in the past."))
        return expires_at

    def clean(self) -> dict[str, Any]:
        """Adds the `scope`, what the token is bound to or the whole fleet, and the `site_of` of its cameras."""
        given = self.cleaned_data
        if self.errors:
            return given
        sites, cameras = given["sites"], given["cameras"]
        given["scope"] = WHOLE_FLEET
        if sites or cameras:
            given["scope"] = Scope(frozenset(site.pk for site in sites), frozenset(row.pk for row in cameras))
        giver, site_of = principal_of_user(self.request.user), {row.pk: row.site_id for row in cameras}
        given["site_of"] = site_of
        if not giver.may_give(Role(given["role"]), given["scope"], site_of):
            fault = _("You may not grant more than you have: choose another role, or other sites and cameras.")
            self.add_error("role", fault)
        return given

    def _post_clean(self) -> None:
        """Sets nothing on the row: `tokens.create_token` makes it."""
