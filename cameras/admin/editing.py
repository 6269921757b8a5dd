"""Editing intent in a form: only what the person touched is written, and nothing that changed meanwhile.

Owns the comparison of three versions of each field: as the form showed it, as the person sent it, and as it
is stored now. The rules of the fields stand in `cameras.intent`; an action writes.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from copy import copy
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from django import forms
from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.translation import gettext as _

from cameras.actions import StaleRevision
from cameras.admin import inputs
from cameras.admin.differences import compared_lines
from cameras.admin.moments import clock, now_of
from cameras.fields import Field, by_name
from cameras.guards import OutOfScope
from cameras.intent import InvalidIntent
from controlplane.access.admin.pages import PlainAdmin
from controlplane.access.memberships import principal_of_user
from controlplane.access.principals import Principal, in_words
from controlplane.problems import FieldError

ATTEMPTS = 3
# The longest stored value that is shown within a sentence.
SHORT = 200


class LastChange(NamedTuple):
    by: str
    at: datetime


class IntentForm(forms.ModelForm):
    """A form over intent. It carries a digest of each field as it was shown, to see what the person touched."""

    declared: ClassVar[tuple[Field, ...]] = ()
    stored: Any = None  # the row as the action has stored it
    asked_at: datetime  # the time of the request
    asked_by: Principal  # of whom a site is taken that they may see

    data: Any
    _errors: Any

    as_rendered = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.decided = by_name(self.declared)
        self.secret = next((name for name, field in self.decided.items() if field.is_secret), "")
        self.fields.update({name: inputs.input_of(field, self.asked_by) for name, field in self.decided.items()})
        given = kwargs.get("initial") or {}
        self.is_new = self.instance._state.adding
        self.values: dict[str, Any] = {}
        self.present = self.texts()
        self.initial = {
            **self.present,
            **given,
            self.secret: "",
            "as_rendered": json.dumps(_digests(self.present)),
        }
        self.shown = {} if self.is_new else _read_digests(self.data.get("as_rendered", ""))

    # What subclasses define.

    def texts(self) -> dict[str, str]:
        """Each field of the stored row as its input shows it; for a secret, a text that changes with it."""
        return {name: inputs.text_of(field, self.instance) for name, field in self.decided.items()}

    def rule(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as an action takes them. Raises InvalidIntent."""
        raise NotImplementedError

    def last_change_of(self, name: str) -> LastChange | None:
        """Who gave a field the value that is stored, and when; None where no log knows."""
        return None

    # What was touched, and what of it may be written.

    @cached_property
    def changed_data(self) -> list[str]:
        return [name for name in self.decided if self._is_touched(name)]

    def _is_touched(self, name: str) -> bool:
        sent = self.data.get(name)
        if sent is None:
            return False
        if self.is_new or name == self.secret:
            return bool(sent.strip())
        return _digest(sent) != self.shown.get(name, _digest(self.present[name]))

    def _is_changed_meanwhile(self, name: str) -> bool:
        present = _digest(self.present[name])
        same = name != self.secret and _digest(self.data[name]) == present
        return not same and self.shown.get(name, present) != present

    def clean(self) -> dict[str, Any]:
        values = {}
        for name in self.decided if self.is_new else self.changed_data:
            if name not in self.cleaned_data:
                continue
            if not self.is_new and self._is_changed_meanwhile(name):
                self.add_error(name, self._meanwhile(name))
                continue
            try:
                values[name] = inputs.value_of(self.decided[name], self.cleaned_data[name])
            except forms.ValidationError as error:
                self.add_error(name, error)
        try:
            self.values = self.rule(values) if values else {}
        except InvalidIntent as error:
            self._refuse(error.errors)
        return self.cleaned_data

    def _meanwhile(self, name: str) -> str:
        field = self.decided[name]
        present, typed = inputs.words_of(field, self.instance), inputs.tidied(field, str(self.data[name]))
        conflict = _("Somebody else changed this while the form was open; nothing was saved.")
        if last := self.last_change_of(name):
            who, when = in_words(last.by), clock(last.at, self.asked_at)
            words = _("%(who)s changed this at %(when)s, while the form was open; nothing was saved.")
            conflict = words % {"who": who, "when": when}
        choice = _("Save again to replace that, or put it in here to keep it.")
        if name == self.secret or (len(present) <= SHORT and "\n" not in present):
            now = _("It is now: %(present)s") % {"present": present or _("(empty)")}
            return f"{conflict} {now} — {choice}"
        lines = _("With − is what is stored now, with + what is in this form.")
        both = compared_lines(present, typed) or format_html('<pre class="cp-json" tabindex="0">{}</pre>', present)
        return format_html("{} {} {} {}", conflict, choice, lines, both)

    def _refuse(self, errors: Iterable[FieldError]) -> None:
        faulty = set(self.errors)
        for path, detail, _code in errors:
            name = path.partition(".")[0].partition("[")[0]
            place = path[len(name) :].lstrip(".")
            if name not in faulty:
                known = name if name in self.fields else None
                self.add_error(known, f"{place}: {detail}" if place else detail)

    def full_clean(self) -> None:
        super().full_clean()
        if self.is_bound and self._errors:
            self._show_present()

    def _show_present(self) -> None:
        """Where the form is shown again, fields that the person did not touch show what is stored now."""
        if self.secret and self.data.get(self.secret):
            self.add_error(self.secret, _("For safety it is not shown again: type it once more."))
        if self.is_new:
            return
        self.data = self.data.copy()
        for name in self.decided:
            if name in self.data and name != self.secret and name not in self.changed_data:
                self.data[name] = self.present[name]
        self.data["as_rendered"] = json.dumps(_digests(self.present))

    def write(self) -> Any:
        """Call the action that `IntentAdmin` names; returns the stored row, and raises what the action raises."""
        raise NotImplementedError

    def _post_clean(self) -> None:
        """In the place of Django's validation of the model: the action writes the values.

        Only the action sees whether a name is taken or a site is gone; what it refuses is shown at the fields.
        """
        if self._errors:
            return
        try:
            self.stored = self.write()
        except (InvalidIntent, OutOfScope) as error:
            self._refuse(error.errors)


class IntentAdmin(PlainAdmin):
    """Saves by `act`, which calls one action while the form is checked: what it refuses is shown at the fields."""

    def act(self, request: HttpRequest, obj: Any, form: IntentForm, change: bool) -> Any:
        """Call the action; returns the stored row. Raises InvalidIntent, OutOfScope, and StaleRevision or
        ObjectDoesNotExist where `obj` is not as it was read.
        """
        raise NotImplementedError

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        # No inputs from the columns of the model: the form makes them from the declared fields.
        form = super().get_form(request, obj, change, **{**kwargs, "fields": ()})

        def write(filled: IntentForm) -> Any:
            # A copy, as an action may set values before it refuses them: the page must show the stored row.
            return self.act(request, copy(filled.instance), filled, change)

        form.write, form.asked_at, form.asked_by = write, now_of(request), principal_of_user(request.user)
        return form

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing to save: the action has stored the row, which Django goes on with."""
        obj.pk, obj.name = form.stored.pk, form.stored.name

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The action has written everything."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """As Django's, but tries again where somebody changed the row after it was read and before it was locked.

        The form then compares with what they stored: it is saved, or shows at its fields what is stored now.
        """
        for _attempt in range(ATTEMPTS):
            try:
                return super().changeform_view(request, object_id, form_url, extra_context)
            except (StaleRevision, ObjectDoesNotExist):
                continue
        self.message_user(request, _("This is being changed by others; check it and try again."), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _digest(text: str) -> str:
    return hashlib.sha256(_plain(text).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _digests(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: _digest(text) for name, text in texts.items()}


def _read_digests(text: str) -> dict[str, str]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {name: str(value) for name, value in read.items()} if isinstance(read, dict) else {}
