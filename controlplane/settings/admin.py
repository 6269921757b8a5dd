"""The admin: its name, its styles, what stands in its sidebar."""

from collections.abc import Callable

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _shown_to(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)


def _list_of(title: object, icon: str, model: str) -> dict[str, object]:
    app_label, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app_label}_{name}_changelist"),
        "permission": _shown_to(f"{app_label}.view_{name}"),
    }


UNFOLD = {
    "SITE_TITLE": "Control plane",
    "SITE_HEADER": "Control plane",
    "SITE_SUBHEADER": "Cameras, desired state, telemetry",
    "SITE_SYMBOL": "videocam",
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": False,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("controlplane/favicon.svg"),
        }
    ],
    "STYLES": [lambda request: static("controlplane/admin.css")],
    "SCRIPTS": [
        lambda request: static("controlplane/names.js"),
        lambda request: static("controlplane/time_zone.js"),
    ],
    "DASHBOARD_CALLBACK": "cameras.admin.dashboard.fleet_at_a_glance",
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": _("Fleet"),
                "items": [
                    {"title": _("Overview"), "icon": "dashboard", "link": reverse_lazy("admin:index")},
                    _list_of(_("Cameras"), "videocam", "cameras.camera"),
                    _list_of(_("Sites"), "location_on", "cameras.site"),
                    _list_of(_("Changes"), "history", "cameras.change"),
                ],
            },
            {
                "title": _("Alerts"),
                "separator": True,
                "items": [
                    _list_of(_("Subscriptions"), "notifications", "alerts.subscription"),
                    _list_of(_("Deliveries"), "outbox", "alerts.delivery"),
                ],
            },
            {
                "title": _("Access"),
                "separator": True,
                "items": [
                    _list_of(_("Tokens"), "key", "access.apitoken"),
                    _list_of(_("Users"), "person", "auth.user"),
                    _list_of(_("Groups"), "group", "auth.group"),
                    _list_of(_("Audit trail"), "policy", "access.auditentry"),
                ],
            },
            {
                "title": _("Documentation"),
                "separator": True,
                "items": [{"title": _("API"), "icon": "api", "link": reverse_lazy("docs")}],
            },
        ],
    },
}
