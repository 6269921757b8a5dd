"""The whole surface of the service on one screen."""

from typing import NoReturn

from django.contrib import admin
from django.http import Http404, HttpRequest
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from controlplane import probes, problems
from controlplane.access.admin.preferences import preferences_page

READ = ["get", "head"]


def nothing_here(request: HttpRequest, rest: str) -> NoReturn:
    raise Http404


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    # Django's redirect to an object's own page takes numbers for ids; ours are UUIDs, and none has such a page.
    path("admin/r/<path:rest>", nothing_here),
    path("admin/preferences/", preferences_page, name="preferences"),
    path("admin/account/", include("controlplane.access.sign_in.urls")),
    path("admin/", admin.site.urls),
    path("", include("cameras.api.urls")),
    path("", include("telemetry.api.urls")),
    path("", include("telemetry.alerts.api.urls")),
    path("schema", SpectacularAPIView.as_view(http_method_names=READ), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema", http_method_names=READ), name="docs"),
    path("metrics", probes.MetricsView.as_view(), name="metrics"),
    path("livez", probes.livez, name="livez"),
    path("readyz", probes.readyz, name="readyz"),
]

handler400 = problems.bad_request
handler403 = problems.permission_denied
handler404 = problems.not_found
handler429 = problems.too_many_requests
handler500 = problems.server_error
