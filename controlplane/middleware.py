"""What every request through Django gets: an id and a log line, security headers, the optional slash."""

import re
import time
import uuid
from collections.abc import Callable

import structlog
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse

from controlplane import problems
from controlplane.admission import remember_owner
from controlplane.observability import REQUEST_SECONDS, REQUESTS

log = structlog.get_logger("controlplane.request")

GetResponse = Callable[[HttpRequest], HttpResponse]

_SENT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIdentity:
    """Gives each request its id (`X-Request-ID`, taken from the proxy if it sent one) and one log line."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = request.headers.get("X-Request-ID", "")
        request.request_id = sent if _SENT_ID.fullmatch(sent) else uuid.uuid4().hex  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request.request_id)  # type: ignore[attr-defined]
        started = time.perf_counter()
        response = self.get_response(request)
        seconds = time.perf_counter() - started
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        # The route and not the path: ids would make a metric of their own each, and paths can hold secrets.
        route = request.resolver_match.route if request.resolver_match else "unknown"
        REQUESTS.labels(request.method, route, response.status_code).inc()
        REQUEST_SECONDS.labels(route).observe(seconds)
        log.info(
            "request",
            method=request.method,
            route=route,
            status=response.status_code,
            milliseconds=round(seconds * 1000, 1),
        )
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, problems.Problem):
            return problems.answer(request, error)
        if isinstance(error, problems.DATABASE_AWAY):
            return problems.answer(request, problems.unforeseen(error))
        return None


class SessionOwners:
    """Reports to `admission` whose session a request had, for the next request; costs no query."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        session = request.session
        if session.accessed and session.session_key and (owner := session.get(SESSION_KEY)):
            remember_owner(session.session_key, f"user:{owner}")
        return response


class SecurityHeaders:
    """A strict Content-Security-Policy, looser under /admin/ only as far as unfold's Alpine needs."""

    STRICT = (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "frame-ancestors 'none'; form-action 'self'"
    )
    ADMIN = STRICT + "; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'"
    # Swagger UI sets the style of elements from its script.
    DOCS = STRICT + "; style-src 'self' 'unsafe-inline'"

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith("/admin/"):
            policy = self.ADMIN
        elif request.path.startswith("/docs"):
            policy = self.DOCS
        else:
            policy = self.STRICT
        response.setdefault("Content-Security-Policy", policy)
        response.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        if not request.path.startswith("/static/"):
            response.setdefault("Cache-Control", "no-store")
        return response


class OptionalTrailingSlash:
    """`/cameras/` is `/cameras`, without a redirect that would lose a POST's body."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if path.endswith("/") and len(path) > 1 and not path.startswith(("/admin/", "/static/")):
            request.path_info = path[:-1]
        return self.get_response(request)
