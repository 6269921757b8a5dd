"""What every page of the admin has in common: bounded lists, removal that asks first, logs that are only read."""

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.actions import delete_selected as confirm_and_delete
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import action
from unfold.paginator import InfinitePaginator

from controlplane.access.admin.list_parameters import check_list_parameters, checks_of_filters
from controlplane.problems import Link, NothingHere, Problem
from controlplane.search_terms import check_search

# The confirmation sends one input a row, and Django takes 1,000 inputs.
DELETE_AT_MOST = 500


class PlainAdmin(ModelAdmin):
    """What every list and every removal have in common."""

    list_per_page = 50
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # they count the whole table once for every choice

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        check_list_parameters(self, request)
        title = {"title": capfirst(str(self.opts.verbose_name_plural))}
        return super().changelist_view(request, title | (extra_context or {}))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list that was asked for. Raises Problem 400 where it has no such page, or a filter no such value."""
        try:
            return super().get_changelist_instance(request)
        except IncorrectLookupParameters:
            raise Problem(400, "There is no such page in this list, or a filter has no such value.") from None

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Django asks for each parameter that is no filter's; by itself it allows all fields of the model."""
        return request is not None and lookup in checks_of_filters(self, request)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Also what pickers of rows and the palette search by. Raises Problem 400 where a search asks too much."""
        check_search(search_term, "search")
        return super().get_search_results(request, queryset, search_term)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> NoReturn:
        """Raises NothingHere, in the place of Django's redirect to the first page with status 200."""
        raise self.nothing_at(request, object_id)

    def nothing_at(self, request: HttpRequest, object_id: str) -> NothingHere:
        """The 404 of a page whose row is not there. Raises PermissionDenied for who may see no row at all."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        words = gettext("There is no %(kind)s at this address. It was deleted, or the address is mistyped.")
        return NothingHere(words % {"kind": self.opts.verbose_name}, self.links_from_nothing(request, object_id))

    def links_from_nothing(self, request: HttpRequest, object_id: str) -> list[Link]:
        """Where whoever came to a row that is not there may look instead."""
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return [Link(gettext("All %(kind)s") % {"kind": self.opts.verbose_name_plural}, url)]

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The change log or the audit trail where one of them has this row, else Django's own history."""
        url = self.log_of(request, object_id)
        return HttpResponseRedirect(url) if url else super().history_view(request, object_id, extra_context)

    def log_of(self, request: HttpRequest, object_id: str) -> str | None:
        return None

    def get_deleted_objects(self, objs: Iterable[Any], request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Only the rows themselves: what goes with them is the action's, and listing it could take minutes."""
        rows = list(objs)
        allowed = all(self.has_delete_permission(request, row) for row in rows)
        names = [str(row) for row in rows]
        counts = {self.opts.verbose_name_plural: len(rows)}
        return names, counts, set() if allowed else {self.opts.verbose_name}, []

    @action(description=_("Delete selected %(verbose_name_plural)s"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        if queryset.count() > DELETE_AT_MOST:
            text = gettext("Delete at most %(count)d at a time; nothing was deleted.") % {"count": DELETE_AT_MOST}
            self.message_user(request, text, messages.ERROR)
            return None
        return confirm_and_delete(self, request, queryset)


class ReadOnlyAdmin(PlainAdmin):
    """A log: newest first, only read, and never counted."""

    paginator = InfinitePaginator
    actions: Any = None

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        extra_context = {**(extra_context or {}), "show_history": False}
        return super().changeform_view(request, object_id, form_url, extra_context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ViaFilter(DropdownFilter):
    """The choices are fixed: reading from the log which ones occur would read all of it."""

    title = _("via")
    parameter_name = "via"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [("admin", _("Admin")), ("api", _("API")), ("command", _("Command"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(via=self.value()) if self.value() else queryset


def audit_trail_of(request: HttpRequest, object_id: str) -> str | None:
    """The address of one object's entries in the audit trail; None where the person may not read it."""
    if not request.user.has_perm("access.view_auditentry"):
        return None
    return f"{reverse('admin:access_auditentry_changelist')}?{urlencode({'q': object_id})}"
