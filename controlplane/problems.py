"""Errors as RFC 9457 problem+json, one shape for every endpoint.

Owns the shape and the translation of DRF's and the database's exceptions into it.
A `detail` never repeats a value that was sent: it may hold a secret.
"""

import re
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import structlog
from django.core.exceptions import DisallowedHost, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views import defaults
from rest_framework import exceptions

from controlplane.encoding import encode_json
from controlplane.problem_types import QUERY_TOO_SLOW, ErrorCode, ProblemType, type_of_status

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
# InternalError: it only reads, as a standby or with its disk full, or something is broken in it.
DATABASE_AWAY = (OperationalError, InterfaceError, InternalError)
# A schema, a table or a column that is not there: just being restored, or not migrated yet.
_NOT_THERE_YET = {"3F000", "42P01", "42703"}
QUERY_CANCELLED = "57014"
# A prepared statement that is not there, or is there already: a pooler has given this client another's session.
_OF_ANOTHER_SESSION = {"26000", "42P05"}

log = structlog.get_logger(__name__)

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class FieldError(NamedTuple):
    """What is wrong with one field; the empty name stands for the body as a whole."""

    field: str
    detail: str
    code: ErrorCode = ErrorCode.INVALID


class Link(NamedTuple):
    """Where a page leads: the words and the address."""

    words: str
    url: str


class NothingHere(Http404):
    """A 404 that knows what is missing, in words, and where a person in the admin could look instead."""

    def __init__(self, words: str, links: Iterable[Link] = ()) -> None:
        super().__init__(words)
        self.words, self.links = words, tuple(links)


def shown_name(name: str) -> str:
    """A name that was sent, as an answer may repeat it: what is long or no plain name could be a secret."""
    return name if _PLAIN_NAME.fullmatch(name) else "(unknown)"


class Problem(Exception):
    """An error that already knows its answer. `members` are extra members of the problem (RFC 9457, 3.2).

    It is of the first type of its status, unless `kind` says of which.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Iterable[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        kind: ProblemType | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, tuple(errors)
        self.kind = kind or type_of_status(status)
        self.headers, self.members = dict(headers or {}), members


def try_later(detail: str, seconds: int = RETRY_AFTER_SECONDS) -> Problem:
    """A 503 with `Retry-After`: the same request may be repeated."""
    return Problem(503, detail, headers={"Retry-After": str(seconds)})


def is_database_away(error: BaseException | None) -> bool:
    """Whether it is one of `DATABASE_AWAY`, or what the database should hold is not there yet."""
    cause = error.__cause__ if error else None
    is_mixed_up = getattr(cause, "sqlstate", None) in _OF_ANOTHER_SESSION
    return isinstance(error, DATABASE_AWAY) or is_mixed_up or _lacks_schema(error)


def database_away(error: BaseException | None = None) -> Problem:
    """The 503 for a database that is down, locked, read-only, out of connections, or older than this code.

    It does not say that nothing was stored: a commit's answer may have been lost, and a batch is no transaction.
    """
    if _lacks_schema(error):
        return try_later(
            "The database lacks tables or columns of this version: `manage.py migrate` has not run for it, or a "
            "backup is being restored. Repeat the request later; /readyz says what is missing."
        )
    return try_later(words_of(error) or "The database does not answer at the moment. Repeat the request.")


def words_of(error: BaseException | None) -> str:
    """What is to be done about an error of the database, where whoever raised it says so; else ""."""
    return getattr(error, "words", "") or getattr(error.__cause__, "words", "") if error else ""


def _lacks_schema(error: BaseException | None) -> bool:
    cause = error.__cause__ if error else None
    if isinstance(cause, sqlite3.OperationalError):
        return str(cause).startswith("no such ") or " has no column named " in str(cause)
    return getattr(cause, "sqlstate", None) in _NOT_THERE_YET


def is_cancelled(error: BaseException | None) -> bool:
    """Whether the database was made to give up a statement, because it took longer than it may."""
    cause = error.__cause__ if error else None
    code = getattr(cause, "sqlite_errorcode", None)
    return getattr(cause, "sqlstate", None) == QUERY_CANCELLED or code == sqlite3.SQLITE_INTERRUPT


def reason_of(error: BaseException) -> str:
    """What a log line says of an error of the database, such as `OperationalError (PoolTimeout)`."""
    cause = f" ({type(error.__cause__).__name__})" if error.__cause__ else ""
    return type(error).__name__ + cause


def took_too_long() -> Problem:
    """The 503 for a statement that was cancelled. The same request would take as long again: it asks for less."""
    return Problem(
        503,
        "The database needed longer for this than it may, and was stopped. Ask for less: fewer words in a search, "
        "a narrower filter, a smaller page or a shorter time.",
        kind=QUERY_TOO_SLOW,
    )


def fault_of_database(error: BaseException | None) -> Problem | None:
    """The 503 for an error of the database that is no fault in the program; None for any other error."""
    if is_cancelled(error):
        return took_too_long()
    return database_away(error) if is_database_away(error) else None


def body(problem: Problem) -> dict[str, Any]:
    """The members of the problem document."""
    return {
        "type": problem.kind.uri,
        "title": problem.kind.title,
        "status": problem.status,
        "detail": problem.detail,
        "errors": [error._asdict() for error in problem.errors],
        **problem.members,
    }


def encode(problem: Problem) -> bytes:
    return encode_json(body(problem))


def response(problem: Problem) -> HttpResponse:
    answer = HttpResponse(encode(problem), status=problem.status, content_type=CONTENT_TYPE)
    for name, value in problem.headers.items():
        answer[name] = value
    answer["Cache-Control"] = "no-store"
    return answer


def answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The problem as a page for a person in the admin, else as a document."""
    if not request.path.startswith("/admin") or "text/html" not in request.headers.get("Accept", ""):
        return response(problem)
    context = {"title": HTTPStatus(problem.status).phrase, "words": problem.detail, "code": problem.status}
    page = HttpResponse(render_to_string("fault.html", context), status=problem.status, headers=problem.headers)
    page["Cache-Control"] = "no-store"
    return page


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """DRF's EXCEPTION_HANDLER: every exception of a view becomes a problem, an unforeseen one a logged 500."""
    answer = response(_translate(error) or unforeseen(error))
    answer.exception = True  # type: ignore[attr-defined]  # DRF rolls back and logs by it
    return answer


def _translate(error: Exception) -> Problem | None:
    if isinstance(error, Problem):
        return error
    if isinstance(error, Http404):
        return Problem(404, "There is nothing here under this id or address that you may see.")
    if isinstance(error, PermissionDenied):
        return Problem(403, str(error) or "You may not do this.")
    if isinstance(error, RequestDataTooBig):
        return Problem(413, "The body is larger than this address accepts.")
    if isinstance(error, SuspiciousOperation):
        return Problem(400, "The request is malformed, or names too many parameters.")
    if isinstance(error, exceptions.ValidationError):
        errors = list(_flatten(error.detail))
        return Problem(400, _summary(errors), errors)
    if isinstance(error, exceptions.APIException):
        headers = {}
        if header := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = header
        if (wait := getattr(error, "wait", None)) is not None:
            headers["Retry-After"] = str(int(wait) + 1)
        return Problem(error.status_code, str(error.detail), headers=headers)
    return None


def unforeseen(error: Exception) -> Problem:
    """The answer to an error that nothing handles, which is logged: 503 where the database is away, else 500."""
    if problem := fault_of_database(error):
        log.warning("answered 503", reason=reason_of(error), cancelled=is_cancelled(error))
        return problem
    log.exception("unhandled exception", exception_type=type(error).__name__)
    return _internal()


def _internal() -> Problem:
    return Problem(500, "Something went wrong on our side; it has been logged under this request's id.")


def _summary(errors: list[FieldError]) -> str:
    if len(errors) == 1:
        field, detail, _ = errors[0]
        return f"{field}: {detail}" if field else detail
    return f"{len(errors)} fields are not valid."


def _flatten(detail: Any, path: str = "") -> Iterable[FieldError]:
    """DRF's nested detail as a list: {"a": {"b": ["x"]}} -> a.b: x."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            name = "" if name == "non_field_errors" else str(name)
            yield from _flatten(inner, ".".join(filter(None, (path, name))))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flatten(inner, path)
    else:
        yield FieldError(path, str(detail))


# --- Django's own error pages: problem+json, and HTML only for people in the admin -------------------------


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/admin"):
        return defaults.bad_request(request, exception)
    if isinstance(exception, RequestDataTooBig):
        return response(Problem(413, "The body is larger than this address accepts."))
    if isinstance(exception, DisallowedHost):
        return response(Problem(400, "The service is not called by this name; ALLOWED_HOSTS lists its names."))
    return response(Problem(400, "The request is malformed."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/admin"):
        return defaults.permission_denied(request, exception)
    return response(Problem(403, "You may not do this."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/admin"):
        if isinstance(exception, NothingHere):
            context = {"words": exception.words, "links": exception.links}
            return HttpResponse(render_to_string("404.html", context), status=404)
        return defaults.page_not_found(request, exception)
    return response(Problem(404, "There is nothing at this address."))


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """What django-allauth answers where it counts."""
    return answer(request, Problem(429, "This was asked too often. Try again later."))


def server_error(request: HttpRequest) -> HttpResponse:
    if problem := fault_of_database(sys.exc_info()[1]):
        return answer(request, problem)
    if request.path.startswith("/admin"):
        return defaults.server_error(request)
    return response(_internal())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if request.path.startswith("/admin"):
        return HttpResponse(
            "This form is out of date: go back, reload the page and send it again.",
            status=403,
            content_type="text/plain; charset=utf-8",
        )
    return response(Problem(403, "The CSRF token is missing or out of date: reload and send it again."))
