"""The link in a message that takes back what was just done."""

from collections.abc import Collection

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from cameras.models import Camera


def with_undo(text: str, changed: Collection[Camera]) -> SafeString | str:
    """The message, with the link where cameras were changed: they carry the revisions of their entry."""
    return with_undo_of(text, min(camera.revision for camera in changed)) if changed else text


def with_undo_of(text: str, block_id: int) -> SafeString:
    """The message, with the link to revert an entry. A script makes it undo at once, and not ask first."""
    url = reverse("admin:cameras_change_revert", args=[block_id])
    undo_url = reverse("admin:cameras_change_undo", args=[block_id])
    link = format_html('<a class="cp-undo" href="{}" data-undo="{}">{}</a>', url, undo_url, gettext("Undo"))
    return format_html("{} {}", text, link)
