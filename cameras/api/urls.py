"""Addresses of cameras, deleted ones too, sites, tokens, windows and the audit trail.

A trailing slash is taken off by `OptionalTrailingSlash`.
"""

from django.urls import path

from cameras.api.audit import AuditViewSet
from cameras.api.deleted import DeletedCameraViewSet
from cameras.api.fleet import FleetViewSet
from cameras.api.gauges import GaugeViewSet
from cameras.api.placements import PlacementViewSet
from cameras.api.sites import SiteViewSet
from cameras.api.tokens import MeViewSet, TokenViewSet
from cameras.api.views import CameraViewSet
from cameras.api.window_calendar import WindowCalendarViewSet
from cameras.api.windows import WindowViewSet

urlpatterns = [
    path("me", MeViewSet.as_view({"get": "retrieve"})),
    path("tokens", TokenViewSet.as_view({"get": "list", "post": "create"})),
    path("tokens/<id>", TokenViewSet.as_view({"delete": "destroy"})),
    path("audit", AuditViewSet.as_view({"get": "list"})),
    path("cameras", CameraViewSet.as_view({"get": "list", "post": "create"})),
    path("cameras/changes", CameraViewSet.as_view({"get": "changes"})),
    path("cameras/specs", FleetViewSet.as_view({"post": "specs"})),
    path("cameras/summary", FleetViewSet.as_view({"get": "summary"})),
    path(
        "cameras/<id>",
        CameraViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("cameras/<id>/credentials", CameraViewSet.as_view({"get": "credentials"})),
    path("deleted-cameras", DeletedCameraViewSet.as_view({"get": "list"})),
    path("deleted-cameras/<id>", DeletedCameraViewSet.as_view({"delete": "destroy"})),
    path("deleted-cameras/<id>/restore", DeletedCameraViewSet.as_view({"post": "restore"})),
    path("cameras/<id>/placement", PlacementViewSet.as_view({"put": "update", "delete": "destroy"})),
    path("metrics/cameras", GaugeViewSet.as_view({"get": "list"})),
    path("placements", PlacementViewSet.as_view({"put": "update_many"})),
    path("windows", WindowViewSet.as_view({"get": "list", "post": "create"})),
    path("windows/calendar", WindowCalendarViewSet.as_view({"get": "export", "post": "create"})),
    path("windows/preview", WindowViewSet.as_view({"post": "preview"})),
    path(
        "windows/<id>",
        WindowViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
    path("windows/<id>/end", WindowViewSet.as_view({"post": "end"})),
    path("windows/<id>/extend", WindowViewSet.as_view({"post": "extend"})),
    path("sites", SiteViewSet.as_view({"get": "list", "post": "create"})),
    path("sites/<id>", SiteViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"})),
]
