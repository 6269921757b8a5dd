"""The form of a subscription in the admin: which fields it has, and what a person may choose."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from cameras import names
from cameras.models import Site
from cameras.rules import TIME_ZONES
from controlplane.access.principals import Principal
from telemetry.alerts.channels.table import channel_of, channels_with
from telemetry.alerts.models import (
    DESTINATION_FIELDS,
    MAX_GRACE_SECONDS,
    Channel,
    Format,
    Subscription,
    Topic,
)
from telemetry.alerts.subscriptions import ESCALATIONS, FIXED, REPEATS, UNLESS_SAID, clean_subscription, value_of

TIME = {"type": "time"}


class SubscriptionForm(forms.ModelForm):
    name = forms.CharField(label=_("Name"), max_length=200, widget=UnfoldAdminTextInputWidget)
    channel = forms.ChoiceField(label=_("Channel"), choices=Channel.choices, widget=UnfoldAdminSelectWidget)
    url = forms.CharField(
        label=_("URL"),
        required=False,
        widget=UnfoldAdminTextInputWidget({"spellcheck": "false", "autocomplete": "off"}),
    )
    format = forms.ChoiceField(
        label=_("Format"),
        choices=Format.choices,
        initial=Format.STANDARD,
        required=False,
        help_text=_("Who reads it: a program of yours, or people with one of these tools."),
        widget=UnfoldAdminSelectWidget,
    )
    key = forms.CharField(
        label=_("Integration key"),
        required=False,
        max_length=64,
        help_text=_("Of an integration of the type Events API v2. It is stored encrypted, and not shown again."),
        widget=UnfoldAdminTextInputWidget({"type": "password", "spellcheck": "false", "autocomplete": "off"}),
    )
    addresses = forms.CharField(
        label=_("E-mail addresses"),
        required=False,
        widget=UnfoldAdminTextareaWidget({"rows": 3, "spellcheck": "false"}),
    )
    topics = forms.MultipleChoiceField(
        label=_("Notifies of"),
        choices=Topic.choices,
        initial=list(Topic.values),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    site = forms.ModelChoiceField(
        label=_("Only of this site"),
        queryset=Site.objects.none(),
        required=False,
        empty_label=_("All sites"),
        help_text=_("What concerns the whole fleet is sent in any case."),
        widget=UnfoldAdminSelect2Widget,
    )
    grace_seconds = forms.IntegerField(
        label=_("Grace (seconds)"),
        initial=60,
        help_text=_("For a camera that is back within this time nothing is sent."),
        widget=UnfoldAdminIntegerFieldWidget({"min": 0, "max": MAX_GRACE_SECONDS, "inputmode": "numeric"}),
    )
    escalation_seconds = forms.TypedChoiceField(
        label=_("Stage"),
        coerce=int,
        required=False,
        choices=list(ESCALATIONS.items()),
        initial=0,
        help_text=_("A second stage hears only of what nobody has acknowledged by then."),
        widget=UnfoldAdminSelectWidget,
    )
    repeat_seconds = forms.TypedChoiceField(
        label=_("Reminds"),
        coerce=int,
        required=False,
        choices=list(REPEATS.items()),
        initial=0,
        help_text=_("For as long as it holds and nobody has acknowledged it."),
        widget=UnfoldAdminSelectWidget,
    )
    quiet_from = forms.TimeField(label=_("Quiet from"), required=False, widget=UnfoldAdminTextInputWidget(TIME))
    quiet_until = forms.TimeField(
        label=_("Quiet until"),
        required=False,
        help_text=_(
            "What begins meanwhile is sent afterwards, if it still holds. The end of what was sent is always."
        ),
        widget=UnfoldAdminTextInputWidget(TIME),
    )
    quiet_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=[(name, name) for name in sorted(TIME_ZONES)],
        initial="UTC",
        required=False,
        widget=UnfoldAdminSelect2Widget,
    )
    is_active = forms.BooleanField(
        label=_("Active"), required=False, initial=True, widget=UnfoldBooleanSwitchWidget
    )

    principal: Principal  # who subscribes

    class Meta:
        model = Subscription
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offer_what_they_may(self.fields["site"], self.fields["topics"])
        for name in DESTINATION_FIELDS:
            helps = [str(channel_of(channel).help_text) for channel in channels_with(name)]
            self.fields[name].help_text = " ".join(helps)
        if self.instance._state.adding:
            return
        for name in self.fields.keys() - {"key"}:
            self.initial[name] = getattr(self.instance, name, "")
        if shown := self.instance.shown_url:
            url = self.fields["url"]
            url.widget.attrs["placeholder"] = shown
            url.help_text += " " + gettext("Only its host is shown. Leave it empty to keep it.")
        for name in FIXED:
            self.fields[name].disabled = True
        self.fields["channel"].help_text = gettext("For another channel make another subscription.")
        self.fields["format"].help_text = gettext("For another format make another subscription.")
        self.fields["key"].help_text += " " + gettext("Leave it empty to keep it.")

    def _offer_what_they_may(self, site: Any, topics: Any) -> None:
        site.queryset = Site.objects.visible_to(self.principal).order_by("name")
        if not self.principal.scope_for("alerts.add_subscription").is_whole:
            site.required, site.empty_label, site.help_text = True, None, ""
            topics.choices = [(value, words) for value, words in topics.choices if value != Topic.FLEET]
            topics.initial = [value for value, _words in topics.choices]

    def clean_name(self) -> str:
        name = self.cleaned_data["name"]
        if not name.isprintable():
            raise forms.ValidationError(_("Holds a character that cannot be shown; remove it."))
        if not names.is_visible(name):
            raise forms.ValidationError(_("Holds nothing that can be seen."))
        if Subscription.objects.filter(name=name).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("Another subscription has this name."))
        return name

    def clean(self) -> dict[str, Any]:
        if self.errors:
            return self.cleaned_data
        kept = {name: value_of(self.instance, name) for name in ("url", "key") if not self.cleaned_data[name]}
        form = self.cleaned_data["format"] or Format.STANDARD.value
        kept |= {name: UNLESS_SAID[name] for name in UNLESS_SAID if self.cleaned_data[name] in ("", None)}
        return clean_subscription(self.cleaned_data | kept | {"format": form})

    def _post_clean(self) -> None:
        """Nothing is put on the row here: an action does that."""
