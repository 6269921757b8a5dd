"""Sessions: everybody sees and ends their own, and who may edit people those of people within their reach."""

import re
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from controlplane.access.admin.pages import UnwrittenAdmin
from controlplane.access.admin.reach import is_within_reach, people_visible_to
from controlplane.access.authentication import author_of
from controlplane.access.memberships import may_enter
from controlplane.access.models import Session
from controlplane.access.principals import Principal
from controlplane.access.session_store import live_sessions
from controlplane.access.sessions import end_sessions, key_of_row
from controlplane.access.time_zones import ago, exact

# The first that is found names it: most browsers name others beside themselves.
BROWSERS = [("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari")]
SYSTEMS = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
]


def browser_of(user_agent: str) -> str:
    """A browser and its system in words, as far as it says what it is; else the beginning of what it says."""
    browser = next((name for part, name in BROWSERS if re.search(rf"\b{part}[A-Za-z]*/", user_agent)), "")
    system = next((name for part, name in SYSTEMS if part in user_agent), "")
    if browser and system:
        return gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or user_agent[:40] or "–"


@admin.register(Session)
class SessionAdmin(UnwrittenAdmin):
    list_display = ("person", "browser", "address", "signed_in", "last_used")
    list_display_links = None
    search_fields = ("user__username", "address")
    search_help_text = _("Person or address")
    ordering = ("-last_used_at", "pk")
    actions = ("end_selected",)

    def visible_to(self, principal: Principal) -> QuerySet[Any]:
        sessions = live_sessions(timezone.now()).filter(user__isnull=False).select_related("user")
        own = Q(user=int(principal.id.removeprefix("user:")))
        if not principal.has_perm("auth.change_user"):
            return sessions.filter(own)
        return sessions.filter(own | Q(user__in=people_visible_to(principal).values("pk")))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_enter(request.user)

    def has_end_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_urls(self) -> list[Any]:
        """The list alone: a session has nothing more to show."""
        return [url for url in super().get_urls() if url.name == "access_session_changelist"]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        for row in changelist.result_list:
            row.is_this_one = row.pk == key_of_row(request.session)  # type: ignore[arg-type]
        return changelist

    @action(description=_("End selected sessions"), permissions=["end"])
    def end_selected(self, request: HttpRequest, queryset: Any) -> None:
        rows = list(queryset)
        own = [row.pk for row in rows if row.user_id == request.user.pk]
        of_others = [row for row in rows if row.user_id != request.user.pk]
        within_reach = {
            person.pk for person in {row.user for row in of_others} if is_within_reach(request.user, person)
        }
        keys = own + [row.pk for row in of_others if row.user_id in within_reach]
        ended = end_sessions(
            which=Session.objects.filter(pk__in=keys), by=author_of(request, "admin"), now=timezone.now()
        )
        text = ngettext("%(count)d session ended.", "%(count)d sessions ended.", ended) % {"count": ended}
        self.message_user(request, text, messages.SUCCESS if ended else messages.INFO)
        if len(keys) < len(rows):
            refusal = gettext("Sessions of people who may do more than you were left alone.")
            self.message_user(request, refusal, messages.WARNING)

    @display(description=_("person"), ordering="user__username")
    def person(self, session: Any) -> str:
        name = session.user.get_username()
        return gettext("%(name)s (this session)") % {"name": name} if session.is_this_one else name

    @display(description=_("browser"), ordering="user_agent")
    def browser(self, session: Any) -> str:
        return browser_of(session.user_agent)

    @display(description=_("signed in"), ordering="created_at")
    def signed_in(self, session: Any) -> str:
        return exact(session.created_at)

    @display(description=_("last used"), ordering="last_used_at")
    def last_used(self, session: Any) -> str:
        return ago(session.last_used_at, timezone.now())
