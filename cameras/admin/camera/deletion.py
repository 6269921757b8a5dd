"""What a person is shown and asked before cameras are deleted."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldBooleanWidget


class DeletionForm(forms.Form):
    erase = forms.BooleanField(
        label=_("Erase at once"),
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text=_("It cannot be restored then, and its samples are removed from now on."),
    )


def deletion_context() -> dict[str, Any]:
    """What the pages that ask say of restoring."""
    return {"days": settings.DELETED_CAMERA_DAYS}


def what_is_left(*, count: int, is_erased: bool) -> str:
    """What a message says after so many cameras were deleted: whether they can be restored."""
    if is_erased:
        return ngettext("It was erased.", "They were erased.", count)
    days = settings.DELETED_CAMERA_DAYS
    words = ngettext("Can be restored for %(days)d day.", "Can be restored for %(days)d days.", days)
    return words % {"days": days}
