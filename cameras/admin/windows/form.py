"""The form of a window: times as clocks show them, what it is over, and how it repeats, in words."""

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelect2Widget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from cameras.admin.windows.over import CAMERAS, EVERYTHING, SITE, OverForm
from cameras.guards import OutOfScope
from cameras.intent import InvalidIntent
from cameras.models import Camera
from cameras.rules import TIME_ZONES
from cameras.windows import window_actions
from cameras.windows.intent import WindowValues, clean_window, values_of
from cameras.windows.models import MAX_REASON, Window
from cameras.windows.recurrence import MAX_RULE
from cameras.windows.repeats import Repeats, read_rule, rule_of
from controlplane.access.admin.moment_input import FORMAT, MomentInput
from controlplane.problems import FieldError

# The inputs that say together what is one value.
_SCOPE = frozenset({"over", SITE, CAMERAS})
_RULE = frozenset({"repeats", "last_day", "rule"})


class DayInput(UnfoldAdminTextInputWidget, forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__()
        self.format = "%Y-%m-%d"


class WindowForm(OverForm, forms.ModelForm):
    """Once it is confirmed, a valid form has called the action: `stored` is the window that it returned."""

    # Which version of the window the form shows.
    seen = forms.CharField(required=False, widget=forms.HiddenInput)
    starts = forms.CharField(
        label=_("From"), required=False, help_text=_("Empty: from now on."), widget=MomentInput
    )
    ends = forms.CharField(label=_("Until"), widget=MomentInput)
    zone = forms.ChoiceField(
        label=_("Time zone"),
        required=False,
        choices=[("", _("That of the site"))] + [(name, name) for name in sorted(TIME_ZONES)],
        help_text=_("These are times on the clocks there. Without a site: your own, or UTC."),
        widget=UnfoldAdminSelect2Widget,
    )
    repeats = forms.ChoiceField(label=_("Repeats"), choices=Repeats.choices, widget=UnfoldAdminSelectWidget)
    last_day = forms.DateField(
        label=_("Last day"),
        required=False,
        help_text=_("It begins on this day for the last time."),
        widget=DayInput,
    )
    rule = forms.CharField(
        label=_("Rule"),
        required=False,
        max_length=MAX_RULE,
        help_text=_("RRULE of RFC 5545, with UNTIL or COUNT, e.g. FREQ=MONTHLY;BYDAY=1SU;COUNT=12."),
        widget=UnfoldAdminTextInputWidget({"spellcheck": "false", "autocomplete": "off"}),
    )
    reason = forms.CharField(
        label=_("Why"),
        required=False,
        max_length=MAX_REASON,
        help_text=_("For the cameras' pages, the history and who takes over."),
        widget=UnfoldAdminTextInputWidget,
    )

    data: Any
    now: datetime
    is_confirmed = False
    is_shown_again = False
    write: Callable[[WindowValues], Window]
    stored: Window
    values: WindowValues

    class Meta:
        model = Window
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_new = self.instance._state.adding
        self.offer_what_they_may()
        if not self.is_new:
            self.initial = {**self.initial, **self._texts_of(self.instance)}

    def _version(self) -> str:
        return hashlib.sha256(repr(values_of(self.instance)).encode()).hexdigest()[:16]

    def _texts_of(self, window: Window) -> dict[str, Any]:
        """The stored window as the inputs show it."""
        repeats, last_day = read_rule(window.rule)
        ids = [row.camera_id for row in window.covered.all()]
        return {
            "seen": self._version(),
            "action": window.action,
            "over": EVERYTHING if window.is_everything else SITE if window.site_id else CAMERAS,
            # Without those in the bin, which the window keeps.
            CAMERAS: list(Camera.objects.filter(pk__in=ids).values_list("pk", flat=True)) if ids else [],
            SITE: window.site_id,
            "starts": f"{datetime.fromisoformat(window.starts):{FORMAT}}",
            "ends": f"{datetime.fromisoformat(window.ends):{FORMAT}}",
            "zone": window.zone,
            "repeats": repeats,
            "last_day": last_day,
            "rule": window.rule if repeats == Repeats.OWN else "",
            "reason": window.reason,
        }

    def is_valid(self) -> bool:
        """One that was taken back from its plan is shown again, without a fault."""
        return not self.is_shown_again and super().is_valid()

    def clean(self) -> dict[str, Any]:
        if self.errors:
            return self.cleaned_data
        if not self.is_new and self.cleaned_data["seen"] != self._version():
            self._say_what_happened_meanwhile()
            return self.cleaned_data
        try:
            given, stored = self._given(), None if self.is_new else self.instance
            self.values = clean_window(given, now=self.now, stored=stored) if given else values_of(self.instance)
            if self.is_new or _SCOPE & set(self.changed_data):
                window_actions.require_reach(self.principal, self.values.reach)
        except (InvalidIntent, OutOfScope) as error:
            self._refuse(error.errors)
        return self.cleaned_data

    def _say_what_happened_meanwhile(self) -> None:
        self.data = self.data.copy()
        self.data["seen"] = self._version()
        changed = _("Somebody else changed this window while the form was open; nothing was saved.")
        choice = _("Save again to replace that, or open the window anew to see it.")
        self.add_error(None, f"{changed} {choice}")

    def _given(self) -> dict[str, Any]:
        """The values as the action takes them: all of a new window, else those that were changed."""
        data = self.cleaned_data
        given = {name: data[name] for name in ("action", "ends", "zone", "reason")}
        if data["starts"]:
            given["starts"] = data["starts"]
        given["zone"] = data["zone"] or self.zone_of_place()
        given["rule"] = self._rule()
        touched = {*given} if self.is_new else set(self.changed_data)
        touched |= {"rule"} if _RULE & touched else set()
        given = {name: value for name, value in given.items() if name in touched}
        return given | (self.scope() if self.is_new or _SCOPE & touched else {})

    def _rule(self) -> str:
        data = self.cleaned_data
        repeats = Repeats(data["repeats"])
        if repeats == Repeats.ONCE:
            return ""
        if repeats == Repeats.OWN:
            if not data["rule"]:
                raise InvalidIntent([FieldError("rule", str(_("Say how it repeats.")))])
            return str(data["rule"])
        if not data["last_day"]:
            raise InvalidIntent([FieldError("last_day", str(_("Say on which day it begins for the last time.")))])
        return rule_of(repeats, data["last_day"])

    def _refuse(self, errors: Iterable[FieldError]) -> None:
        for name, detail, _code in errors:
            if name == "rule" and self.cleaned_data["repeats"] != Repeats.OWN:
                name = "last_day"
            if name in _SCOPE | {EVERYTHING}:
                name = self.cleaned_data["over"] if self.cleaned_data["over"] != EVERYTHING else "over"
            self.add_error(name if name in self.fields else None, detail)

    def _post_clean(self) -> None:
        """In the place of Django's: the action writes, and what it refuses is shown at the fields."""
        if self.errors or not self.is_confirmed:
            return
        try:
            self.stored = self.write(self.values)
        except (InvalidIntent, OutOfScope) as error:
            self._refuse(error.errors)
