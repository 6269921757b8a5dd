"""The columns of cameras in the admin: health, judged at one moment for all rows, and what was observed."""

from collections.abc import Collection
from datetime import tzinfo
from typing import Any

from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.views import ChangeList

from cameras.admin import json_text
from cameras.admin.camera.stops import stop_in_words, stops_of
from cameras.admin.moments import age, aged, interruptions_of, now_of, zone_of
from cameras.admin.windows.words import mark, mark_in_line, marks_of
from cameras.admin.zones.picture import zone_picture
from cameras.models import Camera
from cameras.reasons import Reason
from cameras.status import STATUS_CHOICES, Status

STATUS_COLOURS = {
    Status.HEALTHY.value: "success",
    Status.PENDING.value: "info",
    Status.STOPPING.value: "info",
    Status.DEGRADED.value: "warning",
    Status.STALE.value: "warning",
    Status.FAILING.value: "danger",
    Status.ORPHANED.value: "warning",
    Status.OFFLINE.value: "danger",
    Status.STOPPED.value: "default",
}
STATUS_LABELS = dict(STATUS_CHOICES)


def judge(cameras: Collection[Any], request: HttpRequest) -> None:
    """Set `health`, `stop` and `asked_at` on each camera, for its columns; at most one query for all."""
    stops = stops_of(cameras)
    for camera in cameras:
        camera.asked_at = now_of(request)
        camera.health = camera.verdict(camera.asked_at, interruptions_of(request))
        camera.stop = stops.get(camera.pk)


def reason_in_words(camera: Any, zone: tzinfo | None = None) -> str:
    """Why a camera that `judge` has seen has its status; of a stopped one, who stopped it, when and why."""
    words = gettext(camera.health.reason.partition(": ")[2])
    if camera.stop is None:
        return words
    stopped = stop_in_words(camera.stop, camera.asked_at, zone)
    return stopped if camera.health.reason == Reason.STOPPED_ON_PURPOSE else f"{words} {stopped}"


class JudgedChangeList(ChangeList):
    result_list: Any
    root_queryset: Any

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if self.list_display.index("status") in self.get_ordering_field_columns():
            # Only where the list is sorted by it: a status is computed, for each camera of the fleet.
            judged = self.root_queryset.with_status(now_of(request), interruptions_of(request))
            self.root_queryset = judged.with_urgency()
        return super().get_queryset(request, *args, **kwargs).without_long_values()

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        judge(self.result_list, request)
        mark(self.result_list, now_of(request))


class CameraColumns:
    """The columns and read-only fields; `judge` must have seen the row, and `mark` those of a list."""

    @display(description=_("camera"), ordering="name")
    def named(self, camera: Camera) -> SafeString:
        return format_html('<bdi>{}</bdi><span class="cp-under">{}</span>', camera.name, camera.address)

    @display(description=_("status"), label=STATUS_COLOURS, ordering="urgency")
    def status(self, camera: Any) -> tuple[str, str]:
        return camera.health.status.value, STATUS_LABELS[camera.health.status.value]

    @display(description=_("reason"))
    def reason(self, camera: Any) -> SafeString | str:
        since = camera.health.since
        lines = [gettext("for %(age)s") % {"age": age(since, camera.asked_at)}] if since else []
        lines += [mark_in_line(one) for one in marks_of(camera, camera.asked_at, zone_of(camera))]
        below = format_html_join("", '<span class="cp-under">{}</span>', ((line,) for line in lines))
        words = reason_in_words(camera)
        return format_html('<span class="cp-stack">{}{}</span>', words, below) if lines else words

    @display(description=_("last day"))
    def last_day(self, camera: Camera) -> SafeString:
        """A place for the picture; the page requests those of all rows at once."""
        return format_html('<span class="cp-spark-place" data-keep data-camera="{}"></span>', camera.pk)

    @display(description=_("last contact"), ordering="vitals__last_contact")
    def last_contact(self, camera: Any) -> SafeString | str:
        vitals = getattr(camera, "vitals", None)
        return aged(vitals.last_contact if vitals else None, camera.asked_at)

    @display(description=_("connection string"))
    def connection(self, camera: Camera) -> str:
        return camera.redacted_connection

    @display(description=_("zones"))
    def zones(self, camera: Camera) -> SafeString:
        return zone_picture(camera.zone_config)

    @display(description=_("model configuration"))
    def analysis(self, camera: Camera) -> SafeString:  # not `model`: that is the admin's own
        return json_text.preformatted(camera.model_config)
