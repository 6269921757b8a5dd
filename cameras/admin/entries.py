"""The pages of one entry of the log: its changes, what reverting it as one would do, and doing it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from cameras.admin.differences import ELSEWHERE, in_short, label_of, site_names, value_of
from cameras.admin.moments import exact, now_of
from cameras.admin.undo import with_undo_of
from cameras.block_reverts import (
    BlockPlan,
    BlockRevert,
    PlannedRow,
    RevertOutdated,
    RowEffect,
    plan_block,
    revert_block,
)
from cameras.intent import InvalidIntent
from cameras.models import Change, ChangeBlock, ChangeKind
from cameras.reverts import RevertedField, RevertEffect
from cameras.sentences import sentence_of
from controlplane.access.admin.log import LogAdmin
from controlplane.access.authentication import author_of
from controlplane.access.memberships import principal_of_user
from controlplane.access.principals import Principal

KIND_COLOURS = {
    ChangeKind.CREATED.value: "success",
    ChangeKind.UPDATED.value: "info",
    ChangeKind.DELETED.value: "danger",
}
# Changes of an entry on one page.
PAGE = 100
# Rows of each kind that a revert names; each box to tick is an input, of which Django takes 1,000.
SHOWN_AT_MOST = 500
# Longer values are not shown in a row, only that they differ.
SHORT = 200
# The largest number that the database takes.
MAX_REVISION = 2**63 - 1
ACTING = ("operate", "change", "add", "delete")
TITLES = {
    RowEffect.CHANGED_SINCE: _("Changed again since: stay as they are unless you tick them"),
    RowEffect.REFUSED: _("Cannot be reverted"),
    RowEffect.NOT_KEPT: _("Secrets are not kept here, so they cannot be reverted"),
    RowEffect.ALREADY_SO: _("Already as before"),
    RowEffect.REVERTED: _("Will be reverted"),
}
WILL = {
    ChangeKind.CREATED.value: _("is deleted; it can be restored"),
    ChangeKind.DELETED.value: _("is restored, with its samples"),
}


class EntryPages(LogAdmin):
    """The base of the log's admin; the rows of its list lead to these pages."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("entry/<int:revision>/", wrap(self.entry_view), name="cameras_change_entry"),
            path("entry/<int:revision>/revert/", wrap(self.revert_view), name="cameras_change_revert"),
            path("entry/<int:revision>/undo/", wrap(self.undo_view), name="cameras_change_undo"),
            *super().get_urls(),
        ]

    def may_revert(self, request: HttpRequest) -> bool:
        """Whether the person may do anything to cameras; what of an entry, the revert's plan says."""
        return any(self.may(request, f"cameras.{verb}_camera") for verb in ACTING)

    def entry_view(self, request: HttpRequest, revision: int) -> HttpResponse:
        """The changes of one entry, in pages that begin after a revision."""
        block = self._block(request, revision)
        after = request.GET.get("after", "")
        changes = block.changes.order_by("revision")
        if after.isdecimal() and int(after) <= MAX_REVISION:
            changes = changes.filter(revision__gt=int(after))
        page = list(changes[: PAGE + 1])
        return self._page(
            request,
            "entry",
            block,
            sentence_of(block),
            changes=[(change, KIND_COLOURS[change.kind], what_of(change)) for change in page[:PAGE]],
            following=page[PAGE - 1].revision if len(page) > PAGE else None,
            is_first_page=not after,
            may_revert=self.may_revert(request),
        )

    def revert_view(self, request: HttpRequest, revision: int) -> HttpResponse:
        """GET shows row by row what a revert would do; POST does just that, and shows row by row what was done."""
        block = self._block(request, revision)
        if not self.may_revert(request):
            raise PermissionDenied
        if request.method == "POST":
            overwrite = [int(text) for text in request.POST.getlist("overwrite") if text.isdecimal()]
            fingerprint = request.POST.get("fingerprint", "")
            done = self._revert(request, block, overwrite, fingerprint)
            if done:
                return self._told(request, block, done)
        principal = principal_of_user(request.user)
        plan = plan_block(block, principal)
        title = gettext("Revert: %(what)s") % {"what": sentence_of(block)}
        return self._page(request, "entry_revert", block, title, plan=plan, groups=groups_of(plan, principal))

    def undo_view(self, request: HttpRequest, revision: int) -> HttpResponse:
        """A POST reverts what was not changed since, and leads back to where it came from."""
        block = self._block(request, revision)
        if not self.may_revert(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseRedirect(reverse("admin:cameras_change_revert", args=[block.pk]))
        undone = self._revert(request, block, (), None)
        if undone:
            self._say(request, block, undone)
        following = request.POST.get("next", "")
        if not url_has_allowed_host_and_scheme(following, {request.get_host()}, request.is_secure()):
            following = reverse("admin:cameras_camera_changelist")
        return HttpResponseRedirect(following)

    def _block(self, request: HttpRequest, revision: int) -> ChangeBlock:
        if not self.has_view_permission(request):
            raise PermissionDenied
        block = ChangeBlock.objects.filter(pk=revision).first() if revision <= MAX_REVISION else None
        principal = principal_of_user(request.user)
        # Its pages tell of all its changes: they are for who may see them all.
        if block is None or Change.objects.filter(block=block).beyond(principal).exists():
            raise Http404
        scope = principal.scope_for("cameras.view_site")
        if block.site_id and not scope.covers(None, block.site_id):
            block.site_name = str(ELSEWHERE)
        return block

    def _revert(
        self, request: HttpRequest, block: ChangeBlock, overwrite: Any, fingerprint: str | None
    ) -> BlockRevert | None:
        by, now = author_of(request, "admin"), now_of(request)
        try:
            return revert_block(block=block, overwrite=overwrite, by=by, now=now, fingerprint=fingerprint)
        except RevertOutdated:
            text = gettext("Cameras were changed meanwhile; nothing was reverted. Check the rows again.")
        except InvalidIntent as error:
            text = gettext("Nothing was reverted: %(faults)s") % {"faults": error}
        self.message_user(request, text, messages.ERROR)
        return None

    def _say(self, request: HttpRequest, block: ChangeBlock, undone: BlockRevert) -> None:
        if undone.block_id is None:
            text = gettext("Nothing was undone: everything is as before, or was changed since.")
            self.message_user(request, text, messages.INFO)
            return
        text = gettext("Undone: %(what)s.") % {"what": sentence_of(block)}
        in_the_way = [row for row in undone.left if row.effect is not RowEffect.ALREADY_SO]
        if in_the_way:
            left = ngettext(
                "%(count)d camera stays as it is.", "%(count)d cameras stay as they are.", len(in_the_way)
            )
            text += " " + left % {"count": len(in_the_way)}
        self.message_user(request, with_undo_of(text, undone.block_id), messages.SUCCESS)

    def _told(self, request: HttpRequest, block: ChangeBlock, done: BlockRevert) -> HttpResponse:
        if done.block_id is None:
            self.message_user(request, gettext("There was nothing to revert."), messages.INFO)
            return HttpResponseRedirect(reverse("admin:cameras_change_entry", args=[block.pk]))
        return self._page(
            request,
            "entry_reverted",
            block,
            gettext("Revert: %(what)s") % {"what": sentence_of(block)},
            groups=[
                {
                    "title": title,
                    "count": len(rows),
                    "rows": shown(rows, principal_of_user(request.user)),
                    "more": max(0, len(rows) - SHOWN_AT_MOST),
                    "is_left": rows is done.left,
                }
                for title, rows in ((_("Reverted"), done.done), (_("Left as they are"), done.left))
                if rows
            ],
            revert_id=done.block_id,
        )

    def _page(
        self, request: HttpRequest, name: str, block: ChangeBlock, title: str, **context: Any
    ) -> HttpResponse:
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
        context = {"entry": block, "at": exact(block.at), **context}
        return TemplateResponse(request, f"admin/cameras/{name}.html", frame | context)


def what_of(change: Change) -> str:
    """The difference in one line."""
    return in_short(change.diff) if change.kind == ChangeKind.UPDATED else ""


def groups_of(plan: BlockPlan, principal: Principal) -> list[dict[str, Any]]:
    """The rows of a plan by what would become of them, those first that need a look."""
    return [
        {
            "effect": effect.value,
            "title": title,
            "count": len(rows),
            "rows": shown(rows, principal),
            "more": max(0, len(rows) - SHOWN_AT_MOST),
        }
        for effect, title in TITLES.items()
        if (rows := plan.having(effect))
    ]


def _is_short(field: RevertedField) -> bool:
    values = (field.present, field.before)
    return all(not isinstance(value, dict | list) and len(str(value)) <= SHORT for value in values)


def shown(rows: list[PlannedRow], principal: Principal) -> list[dict[str, Any]]:
    """The first of the rows, each with its fields as they are now and as they would be."""
    rows = rows[:SHOWN_AT_MOST]
    diffs = (
        {field.name: {"before": field.before, "after": field.present}} for row in rows for field in row.fields
    )
    sites = site_names(diffs, principal)
    return [
        {
            "revision": row.change.revision,
            "name": row.change.name,
            "why": row.why,
            "will": WILL.get(row.change.kind, "") if row.effect is not RowEffect.REFUSED else "",
            "fields": [
                {
                    "label": label_of(field.name),
                    "is_newer": field.effect is RevertEffect.CHANGED_SINCE,
                    "is_short": _is_short(field),
                    "present": value_of(field.name, field.present, sites) if _is_short(field) else "",
                    "before": value_of(field.name, field.before, sites) if _is_short(field) else "",
                }
                for field in row.fields
                if field.effect in (RevertEffect.RESTORED, RevertEffect.CHANGED_SINCE)
            ],
        }
        for row in rows
    ]
