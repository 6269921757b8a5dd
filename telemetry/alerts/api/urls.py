"""Addresses of what happened to cameras."""

from django.urls import path

from telemetry.alerts.api.views import TransitionViewSet

urlpatterns = [path("telemetry/<camera_id>/transitions", TransitionViewSet.as_view({"get": "transitions"}))]
