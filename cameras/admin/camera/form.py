"""The form of a camera: its inputs, and how what was typed becomes what `intent.clean_camera` takes."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.utils.crypto import salted_hmac
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from cameras.admin import json_text
from cameras.admin.editing import IntentForm
from cameras.admin.row_select import RowSelect
from cameras.admin.zones.editor import ZoneEditor, parse_zones
from cameras.fields import MAX_INTERVAL_SECONDS, MAX_LOCATION, MAX_NAME
from cameras.intent import clean_camera
from cameras.models import Camera, DesiredState, Site

JSON_INPUT = {"rows": 12, "spellcheck": "false", "class": "cp-json-input"}


class CameraForm(IntentForm):
    decided = (
        "name", "site", "location", "connection_string", "desired_state", "expected_interval_seconds",
        "zone_config", "model_config", "notes",
    )  # fmt: skip
    secret = "connection_string"  # noqa: S105
    source: ClassVar[Camera | None] = None  # of a clone

    clone_of = forms.CharField(required=False, widget=forms.HiddenInput)

    name = forms.CharField(label=_("Name"), widget=UnfoldAdminTextInputWidget({"maxlength": MAX_NAME}))
    site = forms.ModelChoiceField(
        label=_("Site"),
        queryset=Site.objects.all(),
        required=False,
        widget=RowSelect(Camera._meta.get_field("site"), admin.site),
    )
    location = forms.CharField(
        label=_("Location"),
        required=False,
        help_text=_("Where at the site, in words."),
        widget=UnfoldAdminTextInputWidget({"maxlength": MAX_LOCATION}),
    )
    connection_string = forms.CharField(
        label=_("Connection string"),
        strip=False,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "new-password", "spellcheck": "false"}),
        help_text=_("rtsp://user:password@host:port/path. It is kept encrypted and not shown again."),
    )
    desired_state = forms.ChoiceField(
        label=_("Desired state"), choices=DesiredState.choices, widget=UnfoldAdminSelectWidget
    )
    expected_interval_seconds = forms.IntegerField(
        label=_("Expected interval (seconds)"),
        help_text=_("How often a worker reports; three times this is late, six times is offline."),
        widget=UnfoldAdminIntegerFieldWidget({"min": 1, "max": MAX_INTERVAL_SECONDS, "inputmode": "numeric"}),
    )
    zone_config = forms.CharField(label=_("Zones"), required=False, widget=ZoneEditor(JSON_INPUT))
    model_config = forms.CharField(
        label=_("Model configuration"),
        required=False,
        help_text=_("What the vision worker loads: a JSON object."),
        widget=UnfoldAdminTextareaWidget(JSON_INPUT),
    )
    notes = forms.CharField(label=_("Notes"), required=False, widget=UnfoldAdminTextareaWidget({"rows": 4}))

    class Meta:
        model = Camera
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        url = self.fields["connection_string"]
        if self.source:
            copy = gettext("%(name)s (copy)") % {"name": self.source.name[: MAX_NAME - 20]}
            self.initial = {
                **self.initial,
                "name": copy,
                "desired_state": DesiredState.STOPPED.value,
                "clone_of": str(self.source.pk),
            }
            url.required = False
            url.help_text = format_html(
                gettext("Leave it empty to reach it as “{}”: {}."),
                format_html("<bdi>{}</bdi>", self.source.name),
                self.source.redacted_connection,
            )
        elif not self.is_new:
            url.required = False
            url.help_text = format_html(
                gettext("Leave it empty to keep {}. A new one is kept encrypted and not shown."),
                self.instance.redacted_connection,
            )

    def texts(self) -> dict[str, str]:
        camera = self.source or self.instance
        is_blank = camera._state.adding
        return {
            "name": camera.name,
            "site": str(camera.site_id or ""),
            "location": camera.location,
            # The ciphertext changes with the secret, and a keyed hash of it tells nobody anything.
            "connection_string": salted_hmac(__name__, camera.sealed_connection).hexdigest(),
            "desired_state": str(camera.desired_state),
            "expected_interval_seconds": str(camera.expected_interval_seconds),
            "zone_config": "" if is_blank else json_text.pretty(camera.zone_config),
            "model_config": "" if is_blank else json_text.pretty(camera.model_config),
            "notes": camera.notes,
        }

    def read(self, name: str) -> Any:
        value = self.cleaned_data[name]
        if name == "site":
            return str(value.pk) if value else None
        if name == "zone_config":
            return parse_zones(value)
        if name == "model_config":
            return json_text.parse(value)
        if name == "notes":
            return value.replace("\r\n", "\n")
        return value

    def rule(self, values: Mapping[str, Any]) -> dict[str, Any]:
        if self.source:
            kept = {name: value for name, value in values.items() if value or name != "connection_string"}
            return clean_camera(kept, stored_redacted="")
        return clean_camera(values, stored_redacted=None if self.is_new else self.instance.redacted_connection)

    def typed(self, name: str) -> str:
        text = super().typed(name)
        if name not in ("zone_config", "model_config"):
            return text
        try:
            return json_text.pretty(json_text.parse(text))
        except forms.ValidationError:
            return text

    def words(self, name: str) -> str:
        if name == "connection_string":
            return str(self.instance.redacted_connection)
        if name == "site":
            return str(self.instance.site or "")
        if name == "desired_state":
            return str(self.instance.get_desired_state_display())
        return super().words(name)
