"""The form of a camera, which may begin as a clone of another one."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.crypto import salted_hmac
from django.utils.html import format_html
from django.utils.translation import gettext

from cameras.admin.editing import IntentForm, LastChange
from cameras.admin.inputs import text_of
from cameras.fields import CAMERA_FIELDS, MAX_NAME
from cameras.intent import clean_camera
from cameras.models import Camera, Change, DesiredState


class CameraForm(IntentForm):
    declared = CAMERA_FIELDS
    source: ClassVar[Camera | None] = None  # of a clone

    clone_of = forms.CharField(required=False, widget=forms.HiddenInput)

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
        return {
            **{name: text_of(field, camera) for name, field in self.decided.items()},
            # The ciphertext changes with the secret, and a keyed hash of it gives nothing away.
            "connection_string": salted_hmac(__name__, camera.sealed_connection).hexdigest(),
        }

    def last_change_of(self, name: str) -> LastChange | None:
        changes = Change.objects.of_camera(self.instance.pk).filter(diff__has_key=name)
        last = changes.values_list("by", "at").first()
        return LastChange(*last) if last else None

    def rule(self, values: Mapping[str, Any]) -> dict[str, Any]:
        if self.source:
            kept = {name: value for name, value in values.items() if value or name != "connection_string"}
            return clean_camera(kept, stored_redacted="")
        return clean_camera(values, stored_redacted=None if self.is_new else self.instance.redacted_connection)
