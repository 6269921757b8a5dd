"""The admin: its name, its styles, what stands in its sidebar."""

from collections.abc import Callable

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _shown_to(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)


def _list_of(title: object, icon: str, model: str, permission: str = "") -> dict[str, object]:
    app_label, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app_label}_{name}_changelist"),
        "permission": _shown_to(permission or f"{app_label}.view_{name}"),
    }


# The accent of what can be pressed, and of nothing else: the colours of data and of statuses stand in admin.css.
# 500 is that of links in the dark, so it is lighter than on the usual scale.
ACCENT = {
    "50": "oklch(96.2% .018 272.3)",
    "100": "oklch(93% .034 272.8)",
    "200": "oklch(87% .065 274)",
    "300": "oklch(78.5% .115 274.7)",
    "400": "oklch(74% .14 276)",
    "500": "oklch(69% .17 276.9)",
    "600": "oklch(51.1% .262 277)",
    "700": "oklch(45.7% .24 277)",
    "800": "oklch(39.8% .195 277.4)",
    "900": "oklch(35.9% .144 278.7)",
    "950": "oklch(25.7% .09 281.3)",
}

UNFOLD = {
    "COLORS": {"primary": ACCENT},
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
    "STYLES": [
        lambda request: static("controlplane/admin.css"),
        lambda request: static("controlplane/lists.css"),
        lambda request: static("controlplane/pages.css"),
    ],
    "SCRIPTS": [
        lambda request: static("controlplane/names.js"),
        lambda request: static("controlplane/undo.js"),
        lambda request: static("controlplane/time_zone.js"),
        lambda request: static("controlplane/drafts.js"),
    ],
    "ACCOUNT": {"navigation": [{"title": _("Sign-in and security"), "link": reverse_lazy("mfa_index")}]},
    "DASHBOARD_CALLBACK": "cameras.admin.dashboard.fleet_at_a_glance",
    "COMMAND": {"search_callback": "cameras.admin.palette.find"},
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": [
            {
                "title": _("Fleet"),
                "items": [
                    {"title": _("Overview"), "icon": "dashboard", "link": reverse_lazy("admin:index")},
                    _list_of(_("Cameras"), "videocam", "cameras.camera"),
                    _list_of(_("Sites"), "location_on", "cameras.site"),
                    _list_of(_("Windows"), "schedule", "windows.window", "cameras.view_camera"),
                    _list_of(_("Changes"), "history", "cameras.change"),
                    _list_of(_("Deleted cameras"), "delete", "cameras.deletedcamera", "cameras.delete_camera"),
                ],
            },
            {
                "title": _("Alerts"),
                "separator": True,
                "items": [
                    _list_of(_("Incidents"), "warning", "alerts.incident"),
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
                    # Everybody's own.
                    _list_of(_("Sessions"), "devices", "access.session") | {"permission": lambda request: True},
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
