"""What machines ask about the service itself: /livez, /readyz, /metrics; through Django and without it."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from controlplane.access.permissions import MAY_READ_DOCS, MayReadDocs
from controlplane.access.verification import require
from controlplane.bare_asgi import Scope, Send, as_asked, headers_of, send_json, send_problem
from controlplane.observability import metrics_text, readiness
from controlplane.problems import DATABASE_AWAY, Problem, database_away

ALIVE = b'{"status":"alive"}'
HEALTH_PATHS = ("/livez", "/readyz")
PATHS = (*HEALTH_PATHS, "/metrics")


def livez(request: HttpRequest) -> HttpResponse:
    return HttpResponse(ALIVE, content_type="application/json")


def readyz(request: HttpRequest) -> HttpResponse:
    """200 where the service can do its work, else 503; each check with what it found."""
    status, body = _readiness(timezone.now())
    return HttpResponse(body, status=status, content_type="application/json")


class MetricsText(BaseRenderer):
    """Names the media type; the view makes the text."""

    media_type = "text/plain"


class MetricsView(APIView):
    """Metrics in the Prometheus text format, for any viewer."""

    permission_classes = [MayReadDocs]
    renderer_classes = [MetricsText]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(_metrics(timezone.now()), content_type=CONTENT_TYPE_LATEST)


def is_probe(scope: Scope) -> bool:
    """Whether a request is one for `answer_probe`."""
    return scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["path"].rstrip("/") in PATHS


def is_health_probe(scope: Scope) -> bool:
    """Whether it asks for the process's health, which is answered however full Django's places are."""
    return is_probe(scope) and scope["path"].rstrip("/") in HEALTH_PATHS


async def answer_livez(send: Send) -> None:
    """Answer without Django, its places and the database: a busy process is alive."""
    await send_json(send, 200, ALIVE)


async def answer_probe(scope: Scope, send: Send) -> None:
    """Answer any of the three where there is no Django handler."""
    path, send = scope["path"].rstrip("/"), as_asked(scope, send)
    try:
        if path == "/livez":
            await answer_livez(send)
        elif path == "/readyz":
            await send_json(send, *await _shared_readiness())
        else:
            await require(scope, headers_of(scope), MAY_READ_DOCS, "Only a viewer may read the metrics.")
            text = await asyncio.to_thread(_with_connection, _metrics)
            await send_json(send, 200, text, CONTENT_TYPE_LATEST)
    except Problem as problem:
        await send_problem(send, problem)
    except DATABASE_AWAY:
        await send_problem(send, database_away())


class _Asking:
    """The checks that are under way in one event loop, for all who ask meanwhile: they cost queries, and anybody
    may ask.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.thread = ThreadPoolExecutor(1, "readiness")
        self.answer: asyncio.Future[tuple[int, bytes]] | None = None


_asking: _Asking | None = None


async def _shared_readiness() -> tuple[int, bytes]:
    global _asking
    if _asking is None or _asking.loop is not asyncio.get_running_loop():
        _asking = _Asking()
    if _asking.answer is None or _asking.answer.done():
        _asking.answer = _asking.loop.run_in_executor(_asking.thread, _with_connection, _readiness)
    return await asyncio.shield(_asking.answer)


def _readiness(now: datetime) -> tuple[int, bytes]:
    ready, findings = readiness(now)
    checks = {name: {"ok": finding.ok, "detail": finding.detail} for name, finding in findings.items()}
    body = msgspec.json.encode({"status": "ready" if ready else "not ready", "checks": checks})
    return (200 if ready else 503), body


def _metrics(now: datetime) -> bytes:
    return metrics_text(now, os.environ.get("PROMETHEUS_MULTIPROC_DIR"))


def _with_connection(read: Any) -> Any:
    try:
        return read(timezone.now())
    finally:
        connection.close()
