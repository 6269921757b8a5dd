"""What every page of the admin has in common: bounded lists, removal that asks first, logs that are only read."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NoReturn

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.actions import delete_selected as confirm_and_delete
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Media
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.paginator import InfinitePaginator

from controlplane.access.admin.filters_in_use import filters_in_use
from controlplane.access.admin.list_parameters import check_list_parameters, checks_of_filters
from controlplane.access.admin.refresh import is_refresh, refreshed
from controlplane.access.admin.rows import TICK, headers_of, rows_of
from controlplane.access.memberships import principal_of_user
from controlplane.access.principals import Principal
from controlplane.access.scope import NOWHERE, Scope
from controlplane.access.time_zones import exact
from controlplane.problems import Link, NothingHere, Problem
from controlplane.search_terms import check_search

# The confirmation sends one input a row, and Django takes 1,000 inputs.
DELETE_AT_MOST = 500


class PlainAdmin(ModelAdmin):
    """What every list and every removal have in common.

    Who sees and touches which rows is asked of the principal, as by the API: `visible_to` and `covers` say how.
    """

    list_per_page = 50
    show_full_result_count = False
    rows_template = "admin/list_rows.html"  # what a list that keeps itself up to date asks for
    refreshes_on = ""  # the kinds of events of the stream after which it asks, beside from time to time
    show_facets = ShowFacets.NEVER  # they count the whole table once for every choice

    # --- Who, and what ------------------------------------------------------------------------------------

    def visible_to(self, principal: Principal) -> QuerySet[Any]:
        """The rows that the principal may see: of lists, pages, pickers, filters and the palette alike."""
        raise NotImplementedError

    def covers(self, scope: Scope, row: Any) -> bool:
        """Whether a row lies within a scope."""
        return scope.is_whole

    def may(self, request: HttpRequest, permission: str, row: Any = None) -> bool:
        """Whether the person holds a permission for a row, or somewhere where none is named."""
        scope = principal_of_user(request.user).scope_for(permission)
        return scope != NOWHERE and (row is None or self.covers(scope, row))

    def get_queryset(self, request: HttpRequest) -> Any:
        return self.visible_to(principal_of_user(request.user)).order_by(*self.get_ordering(request))

    def visible_ids(self, request: HttpRequest, ids: Collection[Any]) -> list[Any]:
        """Those of the rows that are there for the person: what they may not see is gone to them."""
        visible = self.visible_to(principal_of_user(request.user))
        return list(visible.filter(pk__in=ids).values_list("pk", flat=True))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person sees any; those that they do not see are in no queryset."""
        return self.may(request, self._named("view"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request, self._named("add"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, self._named("change"), obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, self._named("delete"), obj)

    def _named(self, verb: str) -> str:
        return f"{self.opts.app_label}.{verb}_{self.opts.model_name}"

    # --- The list -----------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        check_list_parameters(self, request)
        now = timezone.now()
        answer = super().changelist_view(request, extra_context)
        context = getattr(answer, "context_data", None) or {}
        if "cl" not in context:  # an action's page, or a redirect
            return answer
        context |= self._context_of_list(request, context["cl"], now)
        if is_refresh(request):
            return refreshed(request, self.rows_template, context, now)
        return answer

    def _context_of_list(self, request: HttpRequest, changelist: Any, now: datetime) -> dict[str, Any]:
        return {
            "title": capfirst(str(self.opts.verbose_name_plural)),
            "rows": rows_of(changelist),
            "headers": headers_of(changelist),
            "has_ticks": TICK in changelist.list_display,
            "filters_in_use": filters_in_use(changelist, request),
            "refreshes_itself": self.refreshes_itself(request),
            "list_media": self._media_of_filters(request),
            "as_of": exact(now),
        }

    def refreshes_itself(self, request: HttpRequest) -> bool:
        """Whether the list, as it is asked for, keeps itself up to date while somebody looks at it."""
        return False

    def _media_of_filters(self, request: HttpRequest) -> Media:
        """All that the page of a list needs of scripts and styles; Django's own media are for forms."""
        kinds = (entry[1] if isinstance(entry, tuple) else entry for entry in self.get_list_filter(request))
        forms: list[Any] = [getattr(kind, "form_class", None) for kind in kinds]
        return sum((Media(form.Media) for form in forms if hasattr(form, "Media")), Media())

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


class UnwrittenAdmin(PlainAdmin):
    """Rows that nobody writes by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(UnwrittenAdmin):
    """A log: newest first, only read, and never counted."""

    paginator = InfinitePaginator
    actions: Any = None

    def refreshes_itself(self, request: HttpRequest) -> bool:
        """Its first page, where nothing is searched for: a search reads all of a long log."""
        return not {SEARCH_VAR, PAGE_VAR} & request.GET.keys()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        extra_context = {**(extra_context or {}), "show_history": False}
        return super().changeform_view(request, object_id, form_url, extra_context)


def audit_trail_of(request: HttpRequest, object_id: str) -> str | None:
    """The address of one object's entries in the audit trail; None where the person may not read it."""
    if not principal_of_user(request.user).has_perm("access.view_auditentry"):
        return None
    return f"{reverse('admin:access_auditentry_changelist')}?{urlencode({'q': object_id})}"
