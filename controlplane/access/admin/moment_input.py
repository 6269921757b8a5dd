"""A date and time typed in one input of the browser's own, in the time zone of the person who types."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

FORMAT = "%Y-%m-%dT%H:%M"


class MomentInput(UnfoldAdminTextInputWidget, forms.DateTimeInput):
    """It needs no script, and says nothing of the zone: the field's help has to."""

    input_type = "datetime-local"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.format = FORMAT
