"""Incidents in the admin: what is open, whose and for how long; a page for each, to acknowledge and to note."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, OuterRef, Q, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminTextareaWidget

from cameras.intent import InvalidIntent
from cameras.models import Camera, Site
from cameras.panels import OpenIncident, OpenIncidents, add_open_incidents
from cameras.rules import parse_uuid
from controlplane.access.admin.log import LogAdmin, LogRow, days_of
from controlplane.access.admin.pages import audit_trail_of
from controlplane.access.authentication import author_of
from controlplane.access.memberships import principal_of_user
from controlplane.access.principals import Principal, in_words
from controlplane.access.scope import Scope
from controlplane.access.time_zones import age, exact
from telemetry.alerts import incident_actions
from telemetry.alerts.incident_models import (
    MAX_NOTE,
    Incident,
    IncidentEntry,
    IncidentEvent,
    IncidentState,
)
from telemetry.alerts.models import Kind
from telemetry.alerts.querysets import IncidentQuerySet

STATE_COLOURS = {
    IncidentState.OPEN.value: "danger",
    IncidentState.ACKNOWLEDGED.value: "warning",
    IncidentState.RESOLVED.value: "success",
    IncidentState.MERGED.value: "default",
}
ON_FIRST_PAGE = 12
WHY = (IncidentEvent.BEGAN, IncidentEvent.REOPENED, IncidentEvent.WENT_ON)


class NoteForm(forms.Form):
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=MAX_NOTE,
        help_text=_("For whoever looks at it next: what you found, what you do."),
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
    )


@admin.register(Incident)
class IncidentAdmin(LogAdmin):
    list_display = ("title", "state", "began_at")
    list_filter = (("state", ChoicesDropdownFilter),)
    list_filter_submit = True
    search_fields = ("title",)
    search_help_text = _("The name of a camera, a zone or a site.")
    # What holds comes first.
    ordering = (F("ended_at").desc(nulls_first=True), "-began_at", "-id")

    def visible_to(self, principal: Principal) -> IncidentQuerySet:
        return Incident.objects.visible_to(principal)

    def covers(self, scope: Scope, row: Incident) -> bool:
        return scope.covers(row.camera_id, row.site_id)

    def log_of(self, request: HttpRequest, object_id: str) -> str | None:
        return audit_trail_of(request, object_id)

    # --- The list -----------------------------------------------------------------------------------------

    def log_rows(self, rows: Sequence[Incident], request: HttpRequest) -> Iterable[LogRow]:
        sites, now = site_names(rows), timezone.now()
        for incident in rows:
            facts = [
                (_("Site"), sites.get(incident.site_id, "–")),
                (_("Began"), exact(incident.began_at)),
                (_("Over"), exact(incident.ended_at) if incident.ended_at else "–"),
                (_("Acknowledged by"), in_words(incident.acknowledged_by) or "–"),
            ]
            yield LogRow(
                incident.began_at,
                sentence_of(incident),
                address_of(incident),
                via=sites.get(incident.site_id, "") if incident.camera_id else "",
                note=life_of(incident, now),
                label=label_of(incident),
                facts=facts,
            )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """What is open stands above the days of what is over."""
        changelist = super().get_changelist_instance(request)
        rows = list(changelist.result_list)
        holding = [row for row in rows if row.ended_at is None]
        over = [row for row in rows if row.ended_at is not None]
        now = timezone.now()
        days = days_of(self.log_rows(over, request), now)
        if holding:
            shown = [row for _day, of_day in days_of(self.log_rows(holding, request), now) for row in of_day]
            days.insert(0, (gettext("Not over"), shown))
        changelist.days = days
        return changelist

    # --- Its page -----------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """GET shows one incident; POST acknowledges it, with a note if there is one, or only writes the note."""
        incident_id = parse_uuid(object_id)
        incident = self.get_queryset(request).filter(pk=incident_id).first() if incident_id else None
        if incident is None:
            raise self.nothing_at(request, object_id)
        may_act = self.may(request, incident_actions.ACKNOWLEDGE, incident)
        form = NoteForm(request.POST or None)
        if request.method == "POST":
            if not may_act:
                raise PermissionDenied
            if form.is_valid() and self._act(request, incident.pk, form):
                return HttpResponseRedirect(address_of(incident))
        now = timezone.now()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": incident.title,
            "incident": incident,
            "sentence": sentence_of(incident),
            "label": label_of(incident),
            "life": life_of(incident, now),
            "facts": _facts(incident, principal_of_user(request.user)),
            "timeline": [
                (line, exact(line.at), in_words(line.by), IncidentEvent(line.event).label)
                for line in incident.timeline()
            ],
            "parts": incident.merged.count(),
            "greater": incident.merged_into,
            "may_act": may_act,
            "may_acknowledge": may_act and incident.state == IncidentState.OPEN,
            "form": form,
        }
        return TemplateResponse(request, "admin/alerts/incident.html", context)

    def _act(self, request: HttpRequest, incident_id: UUID, form: NoteForm) -> bool:
        note, by, now = form.cleaned_data["note"], author_of(request, "admin"), timezone.now()
        try:
            if "acknowledge" in request.POST:
                incident_actions.acknowledge_incident(incident_id=incident_id, note=note, by=by, now=now)
                self.message_user(request, gettext("It is yours: you have acknowledged it."), messages.SUCCESS)
            else:
                incident_actions.add_note(incident_id=incident_id, text=note, by=by, now=now)
                self.message_user(request, gettext("The note is written."), messages.SUCCESS)
        except InvalidIntent as error:
            for fault in error.errors:
                form.add_error("note", fault.detail)
            return False
        except incident_actions.NotOpen as error:
            form.add_error(None, str(error))
            return False
        return True


def address_of(incident: Incident) -> str:
    return reverse("admin:alerts_incident_change", args=[incident.pk])


def label_of(incident: Incident) -> tuple[str, str]:
    return STATE_COLOURS[incident.state], str(IncidentState(incident.state).label)


def sentence_of(incident: Incident) -> str:
    """What it is of, and what holds."""
    return f"{incident.title}: {', '.join(str(Kind(cause).label) for cause in incident.causes)}"


def life_of(incident: Incident, now: datetime) -> str:
    """How long, and who looks after it."""
    lasted = age(incident.began_at, incident.ended_at or now)
    text = gettext("It lasted %(age)s.") if incident.ended_at else gettext("For %(age)s.")
    words = [text % {"age": lasted}]
    if incident.acknowledged_by:
        words.append(gettext("Acknowledged by %(who)s.") % {"who": in_words(incident.acknowledged_by)})
    if incident.reopened:
        words.append(gettext("It came back %(count)d times.") % {"count": incident.reopened})
    return " ".join(words)


def site_names(incidents: Sequence[Incident]) -> Mapping[UUID | None, str]:
    ids = {incident.site_id for incident in incidents if incident.site_id}
    return dict(Site.objects.filter(pk__in=ids).values_list("pk", "name")) if ids else {}


def _facts(incident: Incident, principal: Principal) -> list[tuple[str, str, str]]:
    """What it is about: a label, a text, and the page that it leads to where the person may see that."""
    facts = []
    if incident.site_id and (site := Site.objects.visible_to(principal).filter(pk=incident.site_id).first()):
        facts.append((gettext("Site"), site.name, reverse("admin:cameras_site_change", args=[site.pk])))
    cameras = Camera.objects.visible_to(principal).filter(pk=incident.camera_id) if incident.camera_id else ()
    for camera in cameras:
        facts.append((gettext("Camera"), camera.name, reverse("admin:cameras_camera_change", args=[camera.pk])))
        if camera.location:
            facts.append((gettext("Place"), camera.location, ""))
    facts.append((gettext("Began"), exact(incident.began_at), ""))
    if incident.ended_at:
        facts.append((gettext("Over"), exact(incident.ended_at), ""))
    if incident.acknowledged_at:
        who, at = in_words(incident.acknowledged_by), exact(incident.acknowledged_at)
        facts.append((gettext("Acknowledged"), f"{who}, {at}", ""))
    return facts


def open_incidents(principal: Principal, now: datetime) -> OpenIncidents:
    """What is open, the longest unacknowledged first, and which cameras it is about, in two queries."""
    rows = Incident.objects.visible_to(principal).open()
    lines = IncidentEntry.objects.filter(incident=OuterRef("pk"), event__in=WHY).order_by("-at", "-pk")
    first = rows.annotate(said=Subquery(lines.values("text")[:1])).order_by("-state", "began_at", "pk")
    newest = list(first[: ON_FIRST_PAGE + 1])
    sites = site_names(newest)
    shown = [
        OpenIncident(
            title=sentence_of(incident),
            url=address_of(incident),
            site=sites.get(incident.site_id, "") if incident.camera_id else "",
            label=label_of(incident),
            life=life_of(incident, now),
            text=incident.said or "",
        )
        for incident in newest[:ON_FIRST_PAGE]
    ]
    of_cameras = rows.exclude(camera_id=None).values("camera_id")
    of_sites = rows.filter(camera_id=None).exclude(site_id=None).values("site_id")
    covered = Q(pk__in=of_cameras) | Q(site_id__in=of_sites)
    return OpenIncidents(shown, len(newest) > ON_FIRST_PAGE, covered)


add_open_incidents(open_incidents)
