"""The inputs that say what windows do, and what they are over: cameras, a site, or everything."""

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from cameras.admin.row_select import RowSelect, RowsSelect
from cameras.admin.windows.words import shared_zone
from cameras.guards import OPERATE
from cameras.models import Camera, CameraVitals, Site
from cameras.windows.models import WindowAction
from controlplane.access.principals import Principal
from controlplane.access.time_zones import present_zone

CAMERAS, SITE, EVERYTHING = "cameras", "site", "everything"
OVER = ((CAMERAS, _("Cameras")), (SITE, _("A site")), (EVERYTHING, _("Everything")))
GONE = {
    name: _("One of them is not there any more: choose again.") for name in ("invalid_choice", "invalid_pk_value")
}


class OverForm(forms.Form):
    """For the `principal`, who chooses among what they see, and everything only where they may stop it all."""

    action = forms.ChoiceField(
        label=_("What"),
        choices=WindowAction.choices,
        initial=WindowAction.STOP,
        help_text=_("A stop ends their workers, and starts them again afterwards. A mute notifies nobody."),
        widget=UnfoldAdminSelectWidget,
    )
    over = forms.ChoiceField(label=_("Over"), choices=OVER, widget=UnfoldAdminSelectWidget)
    cameras = forms.ModelMultipleChoiceField(
        label=_("Cameras"),
        queryset=Camera.objects.none(),
        required=False,
        error_messages=GONE,
        # The admin's search takes its cue from any foreign key to cameras.
        widget=RowsSelect(CameraVitals._meta.get_field("camera"), admin.site),
    )
    site = forms.ModelChoiceField(
        label=_("Site"),
        queryset=Site.objects.none(),
        required=False,
        help_text=_("All cameras that stand there at the time."),
        error_messages=GONE,
        widget=RowSelect(Camera._meta.get_field("site"), admin.site),
    )
    principal: Principal

    def offer_what_they_may(self) -> None:
        cameras: Any = self.fields[CAMERAS]
        site: Any = self.fields[SITE]
        over: Any = self.fields["over"]
        cameras.queryset = (
            Camera.objects.visible_to(self.principal)
            .select_related("site")
            .without_long_values()
            .order_by("name", "pk")
        )
        site.queryset = Site.objects.visible_to(self.principal)
        if not self.principal.scope_for(OPERATE).is_whole:
            over.choices = [choice for choice in OVER if choice[0] != EVERYTHING]

    def scope(self) -> dict[str, Any]:
        """What it is over, as `clean_window` takes it."""
        data = self.cleaned_data
        if data["over"] == EVERYTHING:
            return {EVERYTHING: True}
        if data["over"] == SITE:
            return {SITE: str(data[SITE].pk) if data[SITE] else None}
        return {CAMERAS: [str(camera.pk) for camera in data[CAMERAS]]}

    def zone_of_place(self) -> str:
        """The zone of times that name none."""
        data = self.cleaned_data
        if data["over"] == SITE and data[SITE]:
            return str(data[SITE].timezone)
        return shared_zone(data[CAMERAS]) if data["over"] == CAMERAS else present_zone()
