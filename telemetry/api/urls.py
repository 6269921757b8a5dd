"""Addresses of telemetry. Under ASGI `telemetry.ingest.endpoint` answers the POSTs before they come here."""

from django.urls import path

from telemetry.api.availability import AvailabilityViewSet
from telemetry.api.reading import ReadingViewSet
from telemetry.api.views import TelemetryViewSet

urlpatterns = [
    path("telemetry", TelemetryViewSet.as_view({"post": "create_batch"})),
    path("telemetry/latest", ReadingViewSet.as_view({"get": "latest"})),
    path("telemetry/reports", TelemetryViewSet.as_view({"post": "report_batch"})),
    path("telemetry/<camera_id>/report", TelemetryViewSet.as_view({"post": "report"})),
    path("telemetry/<camera_id>", TelemetryViewSet.as_view({"get": "retrieve", "post": "create"})),
    path("telemetry/<camera_id>/gaps", ReadingViewSet.as_view({"get": "gaps"})),
    path("sites/<id>/occupancy", ReadingViewSet.as_view({"get": "occupancy"})),
    path("availability", AvailabilityViewSet.as_view({"get": "of_fleet"})),
    path("cameras/<id>/availability", AvailabilityViewSet.as_view({"get": "of_camera"})),
    path("sites/<id>/availability", AvailabilityViewSet.as_view({"get": "of_site"})),
]
