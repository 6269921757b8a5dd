"""The forms of import and export, and the file that travels sealed between a plan and its confirmation.

The file holds passwords: it is in no page, session or disk in clear. It comes back with the confirmation, readable
by this service alone, for the person whom the plan was shown to, and for an hour.
"""

import json
import zlib
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget, UnfoldBooleanWidget

from cameras.models import Site
from cameras.transfer.files import formats
from cameras.transfer.files.formats import Format
from cameras.transfer.files.rows import MAX_UPLOAD_BYTES, UnreadableFile
from cameras.transfer.imports import Prepared, Upload, read_upload
from controlplane.sealing import Seal, Unreadable

MAX_AGE_SECONDS = 3_600
_seal = Seal("uploaded file")
LABELS = {
    Format.CSV: _("CSV, for spreadsheets"),
    Format.JSON: _("JSON"),
    Format.FRIGATE: _("Frigate configuration"),
    Format.MEDIAMTX: _("MediaMTX paths"),
    Format.GO2RTC: _("go2rtc streams"),
}


class ExpiredFile(Exception):
    """What came with the confirmation is no file that this person was shown a plan of in the last hour."""


class ImportForm(forms.Form):
    """`prepared` are the rows of a valid form's file."""

    prepared: Prepared
    upload: Upload

    file = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget({"accept": ".csv,.tsv,.txt,.json,.yml,.yaml", "x-data": ""}),
    )
    format = forms.ChoiceField(
        label=_("Format"),
        required=False,
        choices=[("", _("Recognise it")), *((source.value, LABELS[source]) for source in formats.IMPORTED)],
        widget=UnfoldAdminSelectWidget,
    )
    site = forms.ModelChoiceField(
        label=_("Site"),
        queryset=Site.objects.none(),
        required=False,
        empty_label=_("As the file says"),
        help_text=_(
            "For cameras that name no site in the file. A Frigate configuration names none: choose one where there"
            " are several Frigates, so that cameras of the same name stay apart."
        ),
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, sites: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["site"].queryset = sites  # type: ignore[attr-defined]
        self.fields["file"].help_text = gettext(
            "CSV or JSON as the export writes them, or a Frigate configuration; at most %(size)d MiB."
        ) % {"size": MAX_UPLOAD_BYTES // 1024 // 1024}
        # Before it is sent: what is far too large, the server cuts off without a page.
        self.fields["file"].widget.attrs |= {
            "data-largest": MAX_UPLOAD_BYTES,
            "data-too-large": _too_large(),
            "x-on:change": (
                "$el.setCustomValidity($el.files[0]?.size > $el.dataset.largest ? $el.dataset.tooLarge : '')"
            ),
        }

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        file = data.get("file")
        if file is None or self.errors:
            return data
        if file.size > MAX_UPLOAD_BYTES:
            self.add_error("file", _too_large())
            return data
        self.upload = Upload(file.read(), file.name, data["format"] or None, data["site"])
        try:
            self.prepared = read_upload(self.upload)
        except UnreadableFile as error:
            self.add_error("file", str(error))
        return data


def _too_large() -> str:
    size = MAX_UPLOAD_BYTES // 1024 // 1024
    return gettext("The file is larger than %(size)d MiB: use the command import_cameras.") % {"size": size}


class ExportForm(forms.Form):
    format = forms.ChoiceField(
        label=_("Format"),
        choices=[(target.value, LABELS[target]) for target in Format],
        widget=UnfoldAdminSelectWidget,
    )
    site = forms.ModelChoiceField(
        label=_("Site"),
        queryset=Site.objects.none(),
        required=False,
        empty_label=_("All sites"),
        widget=UnfoldAdminSelectWidget,
    )
    with_credentials = forms.BooleanField(
        label=_("With connection strings in clear"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=_(
            "The last three formats need them. Each camera whose connection string is in the file gets an entry in"
            " the audit trail; keep the file safe."
        ),
    )

    def __init__(self, *args: Any, sites: Any, may_reveal: bool, is_filtered: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["site"].queryset = sites  # type: ignore[attr-defined]
        if is_filtered:  # by a site too, where somebody wants that
            del self.fields["site"]
        if not may_reveal:
            del self.fields["with_credentials"]
            self.fields["format"].choices = [  # type: ignore[attr-defined]
                (target.value, LABELS[target]) for target in Format if target not in formats.WITH_CREDENTIALS_ONLY
            ]


def sealed(upload: Upload, owner: str) -> str:
    """The file as it travels through the page of its plan."""
    said = [upload.file_name, upload.format, str(upload.site.pk) if upload.site else None]
    content = json.dumps(said).encode() + b"\n" + upload.data
    return _seal.close(owner, zlib.compress(content))


def unsealed(text: str, owner: str) -> Prepared:
    """The rows of the file that travelled. Raises ExpiredFile."""
    try:
        content = zlib.decompress(_seal.open(owner, text, MAX_AGE_SECONDS))
        said, _newline, data = content.partition(b"\n")
        file_name, source, site_id = json.loads(said)
        site = Site.objects.get(pk=site_id) if site_id else None
        return read_upload(Upload(data, file_name, source, site))
    except (Unreadable, Site.DoesNotExist, UnreadableFile):
        raise ExpiredFile from None
