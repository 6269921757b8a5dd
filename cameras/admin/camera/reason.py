"""Why somebody did something to a camera, in words of their own: kept as the note of the change."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from cameras import rules

MAX_REASON = 200
_rule = rules.text(MAX_REASON, is_required=False, has_lines=False)


class ReasonField(forms.CharField):
    def __init__(self, *, help_text: Any) -> None:
        widget = UnfoldAdminTextInputWidget({"maxlength": MAX_REASON})
        super().__init__(label=_("Why"), required=False, max_length=MAX_REASON, help_text=help_text, widget=widget)

    def clean(self, value: Any) -> str:
        """The rule is that of the texts of a camera."""
        try:
            return _rule(super().clean(value))
        except rules.InvalidValue as error:
            raise forms.ValidationError(str(error)) from None


class StopForm(forms.Form):
    reason = ReasonField(help_text=_("For the status and the history, e.g. until when."))
