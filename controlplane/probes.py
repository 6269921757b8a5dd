"""What machines ask about the service itself: /livez, /readyz, /metrics."""

import os

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST
from rest_framework.request import Request
from rest_framework.views import APIView

from controlplane.access.permissions import MayReadDocs
from controlplane.bare_asgi import Send, send_json
from controlplane.observability import metrics_text, readiness

ALIVE = b'{"status":"alive"}'


async def answer_livez(send: Send) -> None:
    """Answer without Django, its places and the database: a busy process is alive."""
    await send_json(send, 200, ALIVE)


def livez(request: HttpRequest) -> HttpResponse:
    return HttpResponse(ALIVE, content_type="application/json")


def readyz(request: HttpRequest) -> JsonResponse:
    """200 where the service can do its work, else 503; each check with what it found."""
    ready, findings = readiness(timezone.now())
    checks = {name: {"ok": finding.ok, "detail": finding.detail} for name, finding in findings.items()}
    body = {"status": "ready" if ready else "not ready", "checks": checks}
    return JsonResponse(body, status=200 if ready else 503)


class MetricsView(APIView):
    """Metrics in the Prometheus text format, for any viewer."""

    permission_classes = [MayReadDocs]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        text = metrics_text(timezone.now(), os.environ.get("PROMETHEUS_MULTIPROC_DIR"))
        return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)
