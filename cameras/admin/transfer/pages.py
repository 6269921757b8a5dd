"""Import and export on the list of cameras: a file, the plan of what it would do, and its confirmation."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from cameras.admin import json_text
from cameras.admin.moments import now_of
from cameras.admin.transfer.forms import ExpiredFile, ExportForm, ImportForm, sealed, unsealed
from cameras.admin.undo import with_undo
from cameras.intent import InvalidIntent
from cameras.models import Site
from cameras.transfer.exports import ExportRefused, export_cameras
from cameras.transfer.files import formats
from cameras.transfer.files.formats import Format
from cameras.transfer.files.written import LeftOut
from cameras.transfer.imports import Prepared
from cameras.transfer.plan import Effect, Plan, PlannedRow, PlanOutdated, PlanRefused, apply_plan
from controlplane.access.admin.filters_in_use import filters_in_use, query_of_list
from controlplane.access.admin.list_parameters import check_list_parameters
from controlplane.access.authentication import author_of
from controlplane.access.memberships import principal_of_user
from controlplane.access.principals import Principal
from controlplane.compression import kept_plain

SHOWN_AT_MOST = 100
NAMED_AT_MOST = 10
TITLES = {
    Effect.REFUSED: _("Refused"),
    Effect.CHANGE: _("To change"),
    Effect.CREATE: _("To create"),
    Effect.UNCHANGED: _("Unchanged"),
}
COLOURS = {
    Effect.REFUSED: "danger",
    Effect.CHANGE: "info",
    Effect.CREATE: "success",
    Effect.UNCHANGED: "default",
}
MARK = "\ufeff"  # by which spreadsheets know UTF-8


class TransferPages:
    """For the admin of cameras: two links above the list, and the pages behind them."""

    actions_list = ("import_cameras", "export_cameras")
    admin_site: Any
    opts: Any
    get_changelist_instance: Any
    may: Any

    def has_import_permission(self, request: HttpRequest) -> bool:
        return all(self.may(request, f"cameras.{verb}_camera") for verb in ("add", "change"))

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(self.may(request, "cameras.view_camera"))

    @action(description=_("Import"), url_path="import", permissions=["import"], icon="upload")
    def import_cameras(self, request: HttpRequest) -> HttpResponse:
        """A form; with a file its plan; with the file and its plan's fingerprint, the import."""
        principal = principal_of_user(request.user)
        if "sealed" in request.POST:
            return self._confirm(request, principal)
        sites = Site.objects.visible_to(principal).order_by("name")
        if request.method != "POST":
            return self._form(request, ImportForm(sites=sites))
        form = ImportForm(request.POST, request.FILES, sites=sites)
        if not form.is_valid():
            return self._form(request, form)
        plan = form.prepared.plan(principal)
        return self._plan(request, form.prepared, plan, sealed(form.upload, _owner(principal)))

    def _confirm(self, request: HttpRequest, principal: Principal) -> HttpResponse:
        text = request.POST["sealed"]
        try:
            prepared = unsealed(text, _owner(principal))
        except ExpiredFile:
            words = gettext("The plan is more than an hour old, or not yours. Choose the file again.")
            messages.error(request, words)
            return HttpResponseRedirect(request.path)
        plan = prepared.plan(principal)
        if "refused" in request.POST:
            return kept_plain(_download(prepared.refused_file(plan), Format.CSV, "refused-cameras"))
        try:
            stored = apply_plan(
                plan,
                fingerprint=request.POST.get("fingerprint", ""),
                by=author_of(request, "admin"),
                now=now_of(request),
                skips_refused="skip_refused" in request.POST,
            )
        except PlanRefused:
            messages.warning(request, gettext("Nothing was stored: say whether the refused rows are left out."))
            return self._plan(request, prepared, plan, text)
        except (PlanOutdated, InvalidIntent):
            messages.warning(
                request,
                gettext("Cameras have changed since this plan was made. Nothing was stored; read it again."),
            )
            return self._plan(request, prepared, prepared.plan(principal), text)
        messages.success(request, with_undo(_stored(plan), stored))
        return HttpResponseRedirect(reverse("admin:cameras_camera_changelist"))

    def _form(self, request: HttpRequest, form: ImportForm) -> HttpResponse:
        return self._page(request, "import", gettext("Import cameras"), form=form)

    def _plan(self, request: HttpRequest, prepared: Prepared, plan: Plan, text: str) -> HttpResponse:
        counts = plan.counts()
        unit = gettext("Item") if prepared.unit == "item" else gettext("Line")
        groups = [
            {
                "effect": effect.value,
                "title": title,
                "count": counts[effect],
                "colour": COLOURS[effect],
                "rows": [_shown(planned) for planned in plan.having(effect)[:SHOWN_AT_MOST]],
                "more": max(0, counts[effect] - SHOWN_AT_MOST),
            }
            for effect, title in TITLES.items()
        ]
        return self._page(
            request,
            "import_plan",
            gettext("Import cameras: the plan"),
            groups=groups,
            unit=unit,
            plan=plan,
            sealed=text,
            file_url=request.path,
            writes=counts[Effect.CREATE] + counts[Effect.CHANGE],
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list; what its link to the export leads to are the cameras that are listed."""
        answer = super().changelist_view(request, extra_context)  # type: ignore[misc]
        context = getattr(answer, "context_data", None) or {}
        if context.get("filters_in_use"):
            path = reverse("admin:cameras_camera_export_cameras")
            for link in context["actions_list"]:
                if link["path"] == path:
                    link |= {"title": _title_of_export(context["cl"]), "path": path + query_of_list(request)}
        return answer

    @action(description=_("Export"), url_path="export", permissions=["export"], icon="download")
    def export_cameras(self, request: HttpRequest) -> HttpResponse:
        """A form, and the file that was asked for with it: of all cameras, or as the list above it is filtered."""
        check_list_parameters(self, request)
        principal = principal_of_user(request.user)
        listed = self.get_changelist_instance(request)
        filters = filters_in_use(listed, request)
        form = ExportForm(
            request.POST or None,
            sites=Site.objects.visible_to(principal).order_by("name"),
            may_reveal=principal.has_perm("cameras.reveal_camera"),
            is_filtered=bool(filters),
        )
        if form.is_valid():
            target = Format(form.cleaned_data["format"])
            try:
                written = export_cameras(
                    target=target,
                    with_credentials=form.cleaned_data.get("with_credentials", False),
                    principal=principal,
                    by=author_of(request, "admin"),
                    now=now_of(request),
                    site=form.cleaned_data.get("site"),
                    among=listed.queryset if filters else None,
                )
            except ExportRefused as error:
                form.add_error(None, str(error))
            else:
                _warn_of(request, written.left_out)
                file = _download(written.text, target)
                return kept_plain(file) if form.cleaned_data.get("with_credentials") else file
        title = _title_of_export(listed) if filters else gettext("Export cameras")
        return self._page(request, "export", title, form=form, filters=filters)

    def _page(self, request: HttpRequest, name: str, title: str, **context: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, **context}
        return TemplateResponse(request, f"admin/cameras/{name}.html", context)


def _title_of_export(listed: Any) -> str:
    words = ngettext("Export this camera", "Export these %(count)s cameras", listed.result_count)
    return words % {"count": f"{listed.result_count:,}"}


def _owner(principal: Principal) -> str:
    return f"import of {principal.label}"


def _shown(planned: PlannedRow) -> dict[str, Any]:
    """A row of the plan: what is wrong with a refused one, what would be stored of the others."""
    refused = planned.effect is Effect.REFUSED
    return {
        "number": planned.row.number,
        "name": planned.name,
        "faults": planned.faults,
        "remarks": planned.remarks,
        "diff": [] if refused else [_difference(name, entry) for name, entry in planned.diff.items()],
        "is_new": planned.effect is Effect.CREATE,
    }


def _difference(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    before, after = (_worded(entry[side]) for side in ("before", "after"))
    secret = name == "connection_string" and before == after
    return {"label": gettext(name.replace("_", " ")), "before": before, "after": after, "is_secret": secret}


def _worded(value: Any) -> str:
    return json_text.pretty(value) if isinstance(value, dict) else "" if value is None else str(value)


def _stored(plan: Plan) -> str:
    counts = plan.counts()
    made = ngettext("%(count)d camera created", "%(count)d cameras created", counts[Effect.CREATE])
    changed = ngettext("%(count)d changed", "%(count)d changed", counts[Effect.CHANGE])
    left_out = ngettext("%(count)d row left out", "%(count)d rows left out", counts[Effect.REFUSED])
    words = [made % {"count": counts[Effect.CREATE]}, changed % {"count": counts[Effect.CHANGE]}]
    if plan.is_refused:
        words.append(left_out % {"count": counts[Effect.REFUSED]})
    return ", ".join(words) + "."


def _warn_of(request: HttpRequest, left_out: Sequence[LeftOut]) -> None:
    """On the next page: a download has none."""
    if left_out:
        words = ngettext(
            "%(count)d camera or zone is not in the file, which says why at its top: %(names)s.",
            "%(count)d cameras or zones are not in the file, which says why at its top: %(names)s.",
            len(left_out),
        )
        names = ", ".join(one.camera["name"] for one in left_out[:NAMED_AT_MOST])
        more = ", …" if len(left_out) > NAMED_AT_MOST else ""
        messages.warning(request, words % {"count": len(left_out), "names": names + more})


def _download(text: str, target: Format, name: str = "cameras") -> HttpResponse:
    content_type = formats.CONTENT_TYPES.get(target, formats.YAML_CONTENT_TYPE)
    response = HttpResponse((MARK if target is Format.CSV else "") + text, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}{formats.SUFFIXES[target]}"'
    return response
