"""What the admin shows of a camera: its health, judged once a request for all rows, and what was observed."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from cameras.admin import json_text
from cameras.admin.moments import age, aged, now_of, pulse_of
from cameras.models import Camera, DesiredState
from cameras.querysets import CameraQuerySet
from cameras.status import STATUS_CHOICES, Status, Verdict

STATUS_COLOURS = {
    Status.HEALTHY.value: "success",
    Status.PENDING.value: "info",
    Status.STOPPING.value: "info",
    Status.STALE.value: "warning",
    Status.ORPHANED.value: "warning",
    Status.OFFLINE.value: "danger",
    Status.STOPPED.value: "default",
}
STATUS_LABELS = dict(STATUS_CHOICES)
# Not read for the list: they may be large, and the sealed text has no business there.
ONLY_ON_THE_PAGE = ("zone_config", "model_config", "notes", "sealed_connection")


def judge(camera: Camera, request: HttpRequest) -> None:
    """Put the camera's verdict on the row, for its columns; all rows of a page are judged at one moment."""
    camera.asked_at = now_of(request)  # type: ignore[attr-defined]
    camera.health = camera.verdict(camera.asked_at, pulse_of(request))  # type: ignore[attr-defined]


def reason_in_words(verdict: Verdict) -> str:
    return gettext(verdict.reason.partition(": ")[2])


def changes_of(camera_id: object) -> str:
    """Where the change log of one camera is read."""
    return f"{reverse('admin:cameras_change_changelist')}?{urlencode({'q': str(camera_id)})}"


def health_of(camera: Any) -> dict[str, Any]:
    """What the top of the camera's page says of it."""
    health, running = camera.health, camera.desired_state == DesiredState.RUNNING
    vitals = getattr(camera, "vitals", None)
    return {
        "health_label": STATUS_LABELS[health.status.value],
        "health_colour": STATUS_COLOURS[health.status.value],
        "health_reason": reason_in_words(health),
        "health_for": age(health.since, camera.asked_at) if health.since else "",
        "last_contact": aged(vitals.last_contact if vitals else None, camera.asked_at),
        "changes_url": changes_of(camera.pk),
        "desired_state_url": reverse("admin:cameras_camera_desired_state", args=[camera.pk]),
        "other_state": (DesiredState.STOPPED if running else DesiredState.RUNNING).value,
    }


class StatusFilter(DropdownFilter):
    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return STATUS_CHOICES

    def queryset(self, request: HttpRequest, queryset: CameraQuerySet) -> CameraQuerySet:
        if self.value() not in STATUS_LABELS:
            return queryset
        return queryset.with_status(now_of(request), pulse_of(request)).filter(derived_status=self.value())


class JudgedChangeList(ChangeList):
    result_list: Any

    def get_queryset(self, *args: Any, **kwargs: Any) -> Any:
        return super().get_queryset(*args, **kwargs).defer(*ONLY_ON_THE_PAGE)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        for camera in self.result_list:
            judge(camera, request)


class CameraColumns:
    """The columns and read-only fields; `judge` must have seen the row."""

    @display(description=_("status"), label=STATUS_COLOURS)
    def status(self, camera: Any) -> tuple[str, str]:
        return camera.health.status.value, STATUS_LABELS[camera.health.status.value]

    @display(description=_("reason"))
    def reason(self, camera: Any) -> SafeString | str:
        words = reason_in_words(camera.health)
        if camera.health.since is None:
            return words
        duration = gettext("for %(age)s") % {"age": age(camera.health.since, camera.asked_at)}
        return format_html('<span class="cp-stack">{}<span class="cp-under">{}</span></span>', words, duration)

    @display(description=_("desired state"), ordering="desired_state")
    def desired(self, camera: Camera) -> str:
        return camera.get_desired_state_display()

    @display(description=_("last contact"), ordering="vitals__last_contact")
    def last_contact(self, camera: Any) -> SafeString | str:
        vitals = getattr(camera, "vitals", None)
        return aged(vitals.last_contact if vitals else None, camera.asked_at)

    @display(description=_("connection string"))
    def connection(self, camera: Camera) -> str:
        return camera.redacted_connection

    @display(description=_("zones"))
    def zones(self, camera: Camera) -> SafeString:
        return json_text.preformatted(camera.zone_config)

    @display(description=_("model configuration"))
    def model(self, camera: Camera) -> SafeString:
        return json_text.preformatted(camera.model_config)

    @display(description=_("latest sample"))
    def latest(self, camera: Any) -> SafeString | str:
        vitals = getattr(camera, "vitals", None)
        if not vitals or vitals.latest_timestamp is None:
            return gettext("none")
        seen = gettext("occupancy %(occupancy)s, confidence %(confidence)s") % {
            "occupancy": vitals.latest_occupancy,
            "confidence": vitals.latest_confidence,
        }
        return format_html("{} · {}", seen, aged(vitals.latest_timestamp, camera.asked_at))

    @display(description=_("generation"))
    def generations(self, camera: Any) -> str:
        vitals = getattr(camera, "vitals", None)
        observed = vitals.observed_generation if vitals else None
        if observed is None:
            return gettext("%(generation)d; no worker has named one") % {"generation": camera.generation}
        return gettext("%(generation)d; the worker runs %(observed)d") % {
            "generation": camera.generation,
            "observed": observed,
        }

    @display(description=_("samples"))
    def counters(self, camera: Any) -> str:
        vitals = getattr(camera, "vitals", None)
        if not vitals:
            return gettext("none")
        return gettext("%(a)s accepted, %(d)s duplicates, %(c)s conflicts, %(r)s rejected") % {
            "a": f"{vitals.accepted_count:,}",
            "d": f"{vitals.duplicate_count:,}",
            "c": f"{vitals.conflict_count:,}",
            "r": f"{vitals.rejected_count:,}",
        }

    @display(description=_("created"))
    def created(self, camera: Any) -> SafeString | str:
        return aged(camera.created_at, camera.asked_at)

    @display(description=_("last edited"))
    def updated(self, camera: Any) -> SafeString | str:
        return aged(camera.updated_at, camera.asked_at)
