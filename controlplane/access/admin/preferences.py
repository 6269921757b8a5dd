"""The page on which each person chooses for themselves, whatever their role."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelect2Widget

from controlplane.access import preferences
from controlplane.access.authentication import author_of
from controlplane.access.models import OF_BROWSER, OF_SITE
from controlplane.access.time_zones import NAMES


class PreferencesForm(forms.Form):
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=lambda: [
            (OF_SITE, _("As the site: its own on its pages, UTC elsewhere")),
            (OF_BROWSER, _("As this browser")),
            ("UTC", "UTC"),
            (_("Always"), [(name, name) for name in sorted(NAMES - {"UTC"})]),
        ],
        help_text=_("All times in the admin are written and typed in it. The API speaks UTC."),
        widget=UnfoldAdminSelect2Widget,
    )


@admin.site.admin_view
def preferences_page(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    form = PreferencesForm(request.POST or None, initial={"time_zone": preferences.time_zone_of(user)})
    if request.method == "POST" and form.is_valid():
        preferences.set_time_zone(
            user=user,
            time_zone=form.cleaned_data["time_zone"],
            by=author_of(request, "admin"),
            now=timezone.now(),
        )
        messages.success(request, gettext("Your preferences are saved."))
        return HttpResponseRedirect(reverse("preferences"))
    context = {
        **admin.site.each_context(request),
        "title": gettext("My preferences"),
        "form": form,
        "media": form.media,
        "now": timezone.now(),
    }
    return TemplateResponse(request, "admin/preferences.html", context)
