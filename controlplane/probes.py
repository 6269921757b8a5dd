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

from controlplane.access import tokens
from controlplane.access.authentication import bearer_of
from controlplane.access.permissions import MAY_READ_DOCS, NOT_THE_FLEET, MayReadMetrics, sees_the_service
from controlplane.access.principals import Principal
from controlplane.access.verification import refused, require, verify
from controlplane.bare_asgi import Scope, Send, as_asked, headers_of, send_json, send_problem
from controlplane.observability import Readiness, metrics_text, readiness
from controlplane.problems import DATABASE_AWAY, Problem, database_away

ALIVE = b'{"status":"alive"}'
HEALTH_PATHS = ("/livez", "/readyz")
PATHS = (*HEALTH_PATHS, "/metrics")


def livez(request: HttpRequest) -> HttpResponse:
    return HttpResponse(ALIVE, content_type="application/json")


def readyz(request: HttpRequest) -> HttpResponse:
    """200 where the service can do its work, else 503; with a token that sees the fleet, what each check found."""
    now = timezone.now()
    found = readiness(now)
    secret = bearer_of(request.headers.get("Authorization", ""))
    try:
        principal = tokens.verify(secret, now) if secret else None
    except DATABASE_AWAY:
        principal = None
    status, body = _answer_of(found, principal)
    return HttpResponse(body, status=status, content_type="application/json")


class MetricsText(BaseRenderer):
    """Names the media type; the view makes the text."""

    media_type = "text/plain"


class MetricsView(APIView):
    """Metrics in the Prometheus text format, for any viewer of the whole fleet."""

    permission_classes = [MayReadMetrics]
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
            found = await _shared_readiness()
            await send_json(send, *_answer_of(found, await _asker(headers_of(scope))))
        else:
            principal = await require(scope, headers_of(scope), MAY_READ_DOCS, NOT_THE_FLEET)
            if not sees_the_service(principal):
                raise await refused(principal, scope, NOT_THE_FLEET)
            text = await asyncio.to_thread(_with_connection, _metrics)
            await send_json(send, 200, text, CONTENT_TYPE_LATEST)
    except Problem as problem:
        await send_problem(send, problem)
    except DATABASE_AWAY as error:
        await send_problem(send, database_away(error))


async def _asker(headers: dict[bytes, bytes]) -> Principal | None:
    """Who asks, if the database can say."""
    secret = bearer_of(headers.get(b"authorization", b"").decode("latin-1"))
    try:
        return await verify(secret) if secret else None
    except DATABASE_AWAY:
        return None


class _Asking:
    """The checks that are under way in one event loop, for all who ask meanwhile: they cost queries, and anybody
    may ask.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.thread = ThreadPoolExecutor(1, "readiness")
        self.answer: asyncio.Future[Readiness] | None = None


_asking: _Asking | None = None


async def _shared_readiness() -> Readiness:
    global _asking
    if _asking is None or _asking.loop is not asyncio.get_running_loop():
        _asking = _Asking()
    if _asking.answer is None or _asking.answer.done():
        _asking.answer = _asking.loop.run_in_executor(_asking.thread, _with_connection, readiness)
    return await asyncio.shield(_asking.answer)


def _answer_of(found: Readiness, principal: Principal | None) -> tuple[int, bytes]:
    """Status and body. What is wrong, and with what, is not for everybody who reaches the port."""
    ready, findings = found
    body: dict[str, Any] = {"status": "ready" if ready else "not ready"}
    if sees_the_service(principal):
        body["checks"] = {name: {"ok": finding.ok, "detail": finding.detail} for name, finding in findings.items()}
    return (200 if ready else 503), msgspec.json.encode(body)


def _metrics(now: datetime) -> bytes:
    return metrics_text(now, os.environ.get("PROMETHEUS_MULTIPROC_DIR"))


def _with_connection(read: Any) -> Any:
    try:
        return read(timezone.now())
    finally:
        connection.close()
