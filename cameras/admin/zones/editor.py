"""Zones drawn by hand: the textarea that a script turns into an editor, and the two endpoints that it calls.

The script never judges: `cameras.geometry` decides whether zones are valid, and words what is wrong with them.
Nothing is written here; the form around it saves.
"""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.template.loader import render_to_string
from django.urls import path
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from cameras import geometry
from cameras.admin import json_text

MAX_OFFERED = 8
# As many zones and points as `geometry` allows, indented and with all digits, are 2.8 MB; a body is 4 MiB at most.
MAX_TEXT_BYTES = 3 * 1024 * 1024

# What the script says; the words in braces it puts in.
TEXTS = {
    "action_add": _("Draw a zone"),
    "action_capacity": _("Change the capacity"),
    "action_colour": _("Change the colour"),
    "action_copy": _("Copy zones"),
    "action_insert": _("Insert a point"),
    "action_kind": _("Change the kind"),
    "action_move": _("Move"),
    "action_name": _("Rename"),
    "action_remove": _("Delete"),
    "action_text": _("Edit the JSON"),
    "area": _("Area"),
    "area_name": _("Area {number}"),
    "cannot_draw": _("This JSON cannot be drawn. Correct it below, or undo."),
    "checking": _("Checking…"),
    "copied": _("Copied from {camera}: {count}. Undo takes them back."),
    "delete_point": _("Delete point {number}"),
    "drawing_first": _("Click or tap where it begins. By keyboard: arrows move the cross, Space sets a point."),
    "drawing_area": _("{count} set. Close it on the first point, or press Enter. Escape cancels."),
    "drawing_line": _("{count} set. End it on the last point, or press Enter. Escape cancels."),
    "exclusion": _("Exclusion"),
    "id_later": _("given when it is saved"),
    "insert_point": _("Insert a point after {number}"),
    "line": _("Counting line"),
    "line_name": _("Line {number}"),
    "no_camera": _("No other camera has zones by that name, address, location or site."),
    "no_picture": _("This file is no picture that the browser can show."),
    "no_site": _("no site"),
    "no_zones": _("No zones: the whole picture counts."),
    "not_valid": _("Not valid. Faults: {count}"),
    "not_checked": _("The check does not answer just now; saving checks all the same."),
    "not_saved": _("Not saved: {kind} needs {count} points at least. Set more, or cancel it."),
    "place": _("{x}, {y}"),
    "point": _("Point {number} of {count} of {name}: {x}, {y}"),
    "points": _("Points: {count}"),
    "redone": _("Done again: {action}."),
    "refused": _("These zones cannot be saved yet"),
    "shape": _("{name}, {kind}. Points: {count}"),
    "shape_at_fault": _("{name}, {kind}. Points: {count}. Not valid"),
    "signed_out": _("You are signed out. Copy the JSON, sign in again, and paste it."),
    "still_shown": _("The still is shown in this browser only. It is not sent anywhere."),
    "still_gone": _("The still is gone."),
    "too_few": _("{kind}: needs {count} points at least. Delete all of it instead."),
    "undone": _("Undone: {action}."),
    "valid": _("Valid. Zones: {count}"),
    "x_of": _("x of point {number}"),
    "y_of": _("y of point {number}"),
    "zones": _("Zones: {count}"),
    "zone_gone": _("{name} is deleted. Undo brings it back."),
}  # fmt: skip


def parse_zones(text: str) -> Any:
    """The value of the text of a `zone_config`. Raises ValidationError."""
    # A browser sends an end of a line as two bytes.
    if len(text.replace("\r\n", "\n").encode("utf-8", "surrogatepass")) > MAX_TEXT_BYTES:
        raise ValidationError(gettext("The text is larger than %(mib)d MiB.") % {"mib": MAX_TEXT_BYTES // 1024**2})
    return json_text.parse(text)


class ZoneEditor(UnfoldAdminTextareaWidget):
    """A textarea of GeoJSON, which stays what is sent; with a script the zones are drawn instead of typed."""

    needs_multipart_form = True  # the other encoding trebles each bracket, comma and end of a line

    class Media:
        css = {"screen": ["cameras/zone_editor/zone_editor.css"]}
        js = [Script("cameras/zone_editor/main.js", type="module")]

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        textarea = super().render(name, value, attrs, renderer)
        context = {"name": name, "textarea": textarea, "texts": {key: str(text) for key, text in TEXTS.items()}}
        return render_to_string("admin/cameras/zone_editor.html", context)


class AnswersZoneEditor:
    """For the admin of cameras: the endpoints of the editor."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view  # type: ignore[attr-defined]
        return [
            path("zones/check/", wrap(self.check_zones_view), name="cameras_zones_check"),
            path("zones/others/", wrap(self.zones_of_others_view), name="cameras_zones_of_others"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def check_zones_view(self: Any, request: HttpRequest) -> HttpResponse:
        """Judge the text of a `zone_config`: `{zones: canonical form or null, problems: [{path, detail}]}`."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not (self.has_change_permission(request) or self.has_add_permission(request)):
            raise PermissionDenied
        try:
            zones = geometry.canonical_zones(parse_zones(request.body.decode("utf-8", "surrogateescape")))
        except ValidationError as error:
            return JsonResponse({"zones": None, "problems": [_problem("", text) for text in error.messages]})
        except geometry.InvalidZones as error:
            problems = [_problem(problem.path, problem.detail) for problem in error.problems]
            return JsonResponse({"zones": None, "problems": problems})
        return JsonResponse({"zones": zones, "problems": []})

    def zones_of_others_view(self: Any, request: HttpRequest) -> HttpResponse:
        """The first cameras with zones that match `q`, of those that the person may see, with their zones."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        cameras, _distinct = self.get_search_results(
            request,
            self.get_queryset(request).with_zones(),
            request.GET.get("q", ""),
        )
        rows = cameras.order_by("name", "id").values("id", "name", "site__name", "zone_config")[:MAX_OFFERED]
        offered = [
            {"id": row["id"], "name": row["name"], "site": row["site__name"] or "", "zones": row["zone_config"]}
            for row in rows
        ]
        return JsonResponse({"cameras": offered})


def _problem(where: str, detail: Any) -> dict[str, str]:
    return {"path": where, "detail": str(detail)}
