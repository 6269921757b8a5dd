"""Gauges of single cameras for Prometheus: GET /metrics/cameras, where METRICS_CAMERAS turns them on."""

from django.conf import settings
from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST
from rest_framework.request import Request

from cameras.api.answers import StrictViewSet, streamed_answer
from cameras.gauges import gauges_text
from cameras.models import Camera
from controlplane.access.permissions import MAY_READ_DOCS
from controlplane.probes import MetricsText
from controlplane.problems import Problem


class GaugeViewSet(StrictViewSet):
    """A few gauges of each camera that one may see."""

    queryset = Camera.objects.all()
    renderer_classes = [MetricsText]
    required_permissions = {"list": MAY_READ_DOCS}

    @extend_schema(exclude=True)
    def list(self, request: Request) -> StreamingHttpResponse:
        if not settings.METRICS_CAMERAS:
            raise Problem(404, "Metrics of single cameras are off; METRICS_CAMERAS=1 turns them on.")
        cameras = Camera.objects.within(self.scope)
        return streamed_answer(request, gauges_text(cameras, self.now, self.interruptions), CONTENT_TYPE_LATEST)
