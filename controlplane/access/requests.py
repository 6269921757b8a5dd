"""What every request through Django leaves behind: an id, a line in the log, and an entry where it was refused."""

import time
from collections.abc import Callable
from http import HTTPStatus

import structlog
from django.http import HttpRequest, HttpResponse

from controlplane import problems
from controlplane.access.authentication import asker_of
from controlplane.access.refusals import record_refusal
from controlplane.addresses import source_of
from controlplane.observability import REQUEST_SECONDS, REQUESTS

log = structlog.get_logger("controlplane.request")


class RequestIdentity:
    """Gives each request its source, with an id of our own that stands in `X-Request-ID`, and one log line."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        source = source_of(request)
        request.source = source  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(
            **{name: value for name, value in source._asdict().items() if value}
        )
        started = time.perf_counter()
        response = self.get_response(request)
        seconds = time.perf_counter() - started
        response["X-Request-ID"] = source.request_id
        # The route and not the path: ids would make a metric of their own each, and paths can hold secrets.
        route = request.resolver_match.route if request.resolver_match else "unknown"
        REQUESTS.labels(request.method, route, response.status_code).inc()
        REQUEST_SECONDS.labels(route).observe(seconds)
        asker = asker_of(request)
        log.info(
            "request",
            method=request.method,
            route=route,
            status=response.status_code,
            milliseconds=round(seconds * 1000, 1),
            principal=asker.id,
        )
        if response.status_code == HTTPStatus.FORBIDDEN:
            via = "admin" if request.path.startswith("/admin") else "api"
            record_refusal(asker, source, f"{request.method} /{route}", via)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, problems.Problem):
            return problems.answer(request, error)
        if isinstance(error, problems.DATABASE_AWAY):
            return problems.answer(request, problems.unforeseen(error))
        return None
