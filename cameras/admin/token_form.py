"""The form of a new token: whose it is, what it may do, and what it is bound to."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSplitDateTimeWidget, UnfoldAdminTextInputWidget

from cameras.admin.moments import now_of
from cameras.admin.row_select import RowSelect
from cameras.models import Camera, CameraVitals, Site
from controlplane.access.authentication import principal_of_user
from controlplane.access.models import ApiToken
from controlplane.access.principals import Role, grants_of
from controlplane.access.scope import WHOLE_FLEET, Scope


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
            "A worker posts telemetry and nothing else; an orchestrator reads cameras and how to reach them."
        ),
    )
    camera = forms.ModelChoiceField(
        label=_("Only this camera"),
        queryset=Camera.objects.select_related("site"),
        required=False,
        help_text=_("It then sees and touches only this camera."),
        # The admin's search takes its cue from any foreign key to cameras.
        widget=RowSelect(CameraVitals._meta.get_field("camera"), admin.site),
    )
    site = forms.ModelChoiceField(
        label=_("Only this site"),
        queryset=Site.objects.all(),
        required=False,
        help_text=_("It then sees and touches only the cameras of this site."),
        widget=RowSelect(Camera._meta.get_field("site"), admin.site),
    )
    expires_at = forms.SplitDateTimeField(
        label=_("Expires"),
        required=False,
        help_text=_("In UTC; without a date it is valid until it is revoked."),
        widget=UnfoldAdminSplitDateTimeWidget,
    )

    class Meta:
        model = ApiToken
        fields = ()

    request: HttpRequest

    def clean_name(self) -> str:
        name = self.cleaned_data["name"]
        if not name.isprintable():
            raise forms.ValidationError(_("Holds a character that cannot be shown; remove it."))
        return name

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        if expires_at and expires_at <= now_of(self.request):
            raise forms.ValidationError(_("Lies in the past."))
        return expires_at

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("camera") and self.cleaned_data.get("site"):
            self.add_error("site", _("A token is bound to one camera or to one site, not to both."))
        if "role" in self.cleaned_data and not self._may_be_given():
            self.add_error("role", _("You may not give a role that may do more than you."))
        return self.cleaned_data

    def _may_be_given(self) -> bool:
        camera, site = self.cleaned_data.get("camera"), self.cleaned_data.get("site")
        scope = WHOLE_FLEET
        if camera or site:
            scope = Scope(
                cameras=frozenset({camera.pk} if camera else ()), sites=frozenset({site.pk} if site else ())
            )
        grants = grants_of(Role(self.cleaned_data["role"]), scope)
        site_of = {camera.pk: camera.site_id} if camera else {}
        return principal_of_user(self.request.user).may_give(grants, site_of)

    def _post_clean(self) -> None:
        """Nothing is put on the row here: `tokens.create_token` makes it."""
