"""What the views of cameras and sites share: a strict viewset, and answers in JSON, whole or streamed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property, reduce
from operator import or_
from threading import Lock
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone
from rest_framework import viewsets
from rest_framework.request import Request

from cameras.api import parameters
from cameras.facts import Interruptions
from cameras.guards import OutOfScope
from cameras.intent import InvalidIntent
from cameras.models import Camera, Site
from cameras.present import Present, read_present
from cameras.querysets import CameraQuerySet
from controlplane.access.permissions import needed_for
from controlplane.access.principals import Principal
from controlplane.access.scope import NOWHERE, Scope
from controlplane.encoding import encode_json
from controlplane.problems import Problem

T = TypeVar("T")

# How long a streamed list rests after a chunk, as a multiple of the time that the chunk waited beside the work of
# others: measured, see docs/explanation/performance.md.
REST_RATIO = 4
# For so long a chunk waits at most for those of other long answers: one that hangs holds up nobody longer.
TURN_SECONDS = 1.0
_turn = Lock()


class StrictViewSet(viewsets.GenericViewSet):
    """Refuses query parameters that the action does not name in `query_parameters`, and a malformed id."""

    http_method_names = ["get", "head", "post", "patch", "delete"]
    query_parameters: dict[str, tuple[str, ...]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        parameters.only(request.query_params, self.query_parameters.get(self.action, ()))

    @cached_property
    def now(self) -> datetime:
        """The time of this request, in UTC, read once."""
        return timezone.now()

    @cached_property
    def present(self) -> Present:
        """Where the log ends and what interrupts the service, read once, before anything else is."""
        return read_present(self.now)

    @property
    def interruptions(self) -> Interruptions:
        return self.present.interruptions

    @property
    def principal(self) -> Principal:
        return self.request.user  # type: ignore[return-value]

    @cached_property
    def scope(self) -> Scope:
        """Where the principal holds a permission that this action takes."""
        return reduce(or_, map(self.principal.scope_for, needed_for(self)), NOWHERE)

    def find_camera(self, camera_id: UUID, cameras: CameraQuerySet | None = None) -> Camera:
        """The camera, if the principal may do this with it. Raises Problem 403, or 404 where it may not see it."""
        cameras = Camera.objects.all() if cameras is None else cameras
        return self._find(cameras.filter(pk=camera_id), "cameras.view_camera", "camera")

    def find_site(self, site_id: UUID) -> Site:
        """The site, if the principal may do this with it. Raises Problem 403, or 404 where it may not see it."""
        return self._find(Site.objects.filter(pk=site_id), "cameras.view_site", "site")

    def _find(self, rows: Any, to_know: str, noun: str) -> Any:
        found = rows.within(self.scope).first()
        if found is not None:
            return found
        known = self.principal.scope_for(to_know)
        if known != self.scope and rows.within(known).exists():
            raise Problem(403, f"Your role may not do this with this {noun}.")
        raise no_such(noun)


def no_such(noun: str) -> Problem:
    """The 404 for a camera or a site that does not exist, or that the principal may not see."""
    return Problem(404, f"There is no {noun} with this id that you may see.")


def json_answer(value: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(encode_json(value), status=status, content_type="application/json")


def next_page(request: Request, cursor: str) -> str:
    """The `Link` header of a page, to the one that begins at the cursor."""
    query = request.query_params.copy()
    query["cursor"] = cursor
    return f'<{request.build_absolute_uri(f"{request.path}?{query.urlencode()}")}>; rel="next"'


def array_chunks(pages: Iterator[Any]) -> Iterator[bytes]:
    """A JSON array, page by page; the moments in its items are texts already."""
    opening = b"["
    for items, _ in pages:
        if items:
            yield opening + msgspec.json.encode(items)[1:-1]
            opening = b","
    yield b"[]" if opening == b"[" else b"]"


def streamed_answer(
    request: Request, chunks: Iterator[bytes], content_type: str = "application/json"
) -> StreamingHttpResponse:
    """An answer that is never whole in memory; empty for HEAD.

    The first chunk is read at once, so that an error in it still becomes a status.
    """
    first = next(chunks)
    if request.method == "HEAD":
        first, chunks = b"", iter(())

    def content() -> Iterator[bytes]:
        chunk: bytes | None = first
        rest = 0.0
        while chunk is not None:
            yield chunk
            time.sleep(rest)
            chunk, rest = next_with_rest(chunks)

    return StreamingHttpResponse(content(), content_type=content_type)


def next_with_rest(chunks: Iterator[bytes]) -> tuple[bytes | None, float]:
    """The next chunk, None at the end, and how many seconds to rest before the following one.

    A chunk that took more than twice its own processor time, while other threads of this process were at work, had
    to compete with them: with ingest, mostly. The rest then keeps clients that list all cameras again and again
    from slowing the workers down. Where no other thread works the chunk waited for the database, or for other
    programs, and a rest would help nobody here. Nor would one for other long answers: they make their chunks in
    turn.
    """
    with _turn_among_long_answers():
        began_at, worked, all_worked = time.monotonic(), -time.thread_time(), -time.process_time()
        chunk = next(chunks, None)
        worked += time.thread_time()
        all_worked += time.process_time()
        took = time.monotonic() - began_at
    if all_worked - worked < worked / 2:
        return chunk, 0.0
    return chunk, max(0.0, REST_RATIO * (took - 2 * worked))


@contextmanager
def _turn_among_long_answers() -> Iterator[None]:
    taken = _turn.acquire(timeout=TURN_SECONDS)
    try:
        yield
    finally:
        if taken:
            _turn.release()


def clean_or_problem(act: Callable[[], T]) -> T:
    """What `act` returns; its InvalidIntent and OutOfScope become problems that name the fields."""
    try:
        return act()
    except OutOfScope as error:
        raise Problem(403, str(error), filter(lambda fault: fault.field, error.errors)) from None
    except InvalidIntent as error:
        detail = "; ".join(f"{field}: {text}" if field else text for field, text, _ in error.errors[:3])
        raise Problem(400, detail, error.errors) from None
