"""Addresses of what happened to cameras, and of incidents."""

from django.urls import path

from telemetry.alerts.api.fleet import FleetTransitionViewSet
from telemetry.alerts.api.incidents import IncidentViewSet
from telemetry.alerts.api.views import TransitionViewSet

urlpatterns = [
    path("telemetry/<camera_id>/transitions", TransitionViewSet.as_view({"get": "transitions"})),
    path("incidents", IncidentViewSet.as_view({"get": "list"})),
    path("incidents/<id>", IncidentViewSet.as_view({"get": "retrieve"})),
    path("incidents/<id>/acknowledge", IncidentViewSet.as_view({"post": "acknowledge"})),
    path("incidents/<id>/notes", IncidentViewSet.as_view({"post": "notes"})),
    path("transitions", FleetTransitionViewSet.as_view({"get": "list"})),
]
