"""Cameras over REST: each view translates HTTP and calls one action."""

import time
from collections.abc import Sequence
from itertools import chain
from threading import BoundedSemaphore
from typing import cast
from uuid import UUID

import msgspec
from django.http import HttpResponse, StreamingHttpResponse
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.request import Request
from rest_framework.response import Response

from cameras import actions
from cameras.api import feed, operations, parameters
from cameras.api.answers import (
    StrictViewSet,
    array_chunks,
    clean_or_problem,
    json_answer,
    next_page,
    no_such,
    streamed_answer,
)
from cameras.api.filters import CameraFilter
from cameras.api.representation import (
    BEST_FIRST,
    CHUNK,
    DETAIL_FIELDS,
    ORDERINGS,
    ListPosition,
    camera_detail,
    camera_pages,
    column_of,
)
from cameras.api.serializers import LIST_FIELDS, CameraDetail
from cameras.change_feed import CursorGone, scan_changes, seen_by
from cameras.credentials import UnreadableCredential
from cameras.intent import clean_camera
from cameras.look_alikes import warnings_about
from cameras.models import Camera
from cameras.querysets import CameraQuerySet
from cameras.rules import parse_uuid
from controlplane.access.authentication import author_of
from controlplane.bare_asgi import busy
from controlplane.compression import kept_plain
from controlplane.problem_types import CREDENTIAL_UNREADABLE
from controlplane.problems import Problem


class CameraViewSet(StrictViewSet):
    """The registry of cameras and their desired state."""

    queryset = Camera.objects.all()
    serializer_class = CameraDetail
    filter_backends = [DjangoFilterBackend]
    filterset_class = CameraFilter
    lookup_field = "id"
    lookup_value_regex = "[^/]+"
    required_permissions = {
        "list": "cameras.list_camera",
        "create": "cameras.add_camera",
        "retrieve": "cameras.view_camera",
        "partial_update": ("cameras.operate_camera", "cameras.change_camera"),
        "destroy": "cameras.delete_camera",
        "credentials": "cameras.reveal_camera",
        "changes": "cameras.view_change",
    }
    query_parameters = {
        "list": (*CameraFilter.base_filters, "ordering", "fields", "limit", "cursor"),
        "changes": ("since", "limit", "wait"),
        "destroy": ("purge",),
    }

    def get_queryset(self) -> CameraQuerySet:
        return Camera.objects.within(self.scope)

    @operations.LIST_CAMERAS
    def list(self, request: Request) -> HttpResponse | StreamingHttpResponse:
        """All cameras that the principal may see, as a bare array; `X-Cursor` is where to watch from."""
        query = request.query_params
        fields = _fields(query.get("fields"))
        limit = parameters.whole_number(query, "limit", CHUNK, 1, operations.MAX_LIMIT)
        ordering = parameters.one_of(query, "ordering", None, ORDERINGS)
        sought = query.get("search", "").strip()
        after = _position(query["cursor"], ordering, sought) if "cursor" in query else None
        # Before the rows: the feed then returns what changes while they are read.
        cursor = self.present.cursor
        ordering = after.ordering if after else ordering or (BEST_FIRST if sought else "name")
        found = self.get_queryset()
        if query.keys() & CameraFilter.base_filters.keys():
            found = cast(CameraQuerySet, self.filter_queryset(found))
        pages = camera_pages(
            *((found.named(sought), found.not_named(sought)) if ordering == BEST_FIRST else (found,)),
            ordering=ordering,
            fields=fields,
            now=self.now,
            interruptions=self.interruptions,
            after=after,
            size=limit,
        )
        first = next(pages)
        items, following = first
        if "limit" in query or after or not following:
            response: HttpResponse | StreamingHttpResponse = HttpResponse(
                msgspec.json.encode(items), content_type="application/json"
            )
            if following:
                position = parameters.page_cursor(msgspec.to_builtins(following))
                response["Link"] = next_page(request, position)
        else:
            response = streamed_answer(request, array_chunks(chain([first], pages)))
        response["X-Cursor"] = str(cursor)
        return response

    @operations.CREATE_CAMERA
    def create(self, request: Request) -> HttpResponse:
        """Register a camera; it is stopped unless asked otherwise."""
        values = clean_or_problem(lambda: clean_camera(request.data))
        camera = clean_or_problem(
            lambda: actions.register_camera(values=values, by=author_of(request), now=self.now)
        )
        response = self._detail(camera.pk, status=201, warnings=warnings_about(camera, self.principal))
        response["Location"] = f"/cameras/{camera.pk}"
        return response

    @operations.GET_CAMERA
    def retrieve(self, request: Request, id: str) -> HttpResponse:
        """One camera, all fields; the connection string is redacted."""
        return self._detail(parameters.id_in_path(id))

    @operations.UPDATE_CAMERA
    def partial_update(self, request: Request, id: str) -> HttpResponse:
        """Change just the fields that are sent. An operator may send `desired_state` only."""
        camera_id = parameters.id_in_path(id)
        stored = self.find_camera(camera_id)
        values = clean_or_problem(lambda: clean_camera(request.data, stored_redacted=stored.redacted_connection))
        epoch = self.present.cursor.epoch
        try:
            camera = clean_or_problem(
                lambda: actions.update_camera(
                    camera_id=camera_id,
                    values=values,
                    by=author_of(request),
                    now=self.now,
                    if_revision_in=parameters.revisions_of(request.headers.get("If-Match"), epoch),
                )
            )
        except actions.StaleRevision as error:
            raise _stale(epoch, error) from None
        except Camera.DoesNotExist:
            raise no_such("camera") from None
        may_have_twin = bool({"name", "site"} & values.keys())
        return self._detail(camera_id, warnings=warnings_about(camera, self.principal) if may_have_twin else [])

    @operations.DELETE_CAMERA
    def destroy(self, request: Request, id: str) -> Response:
        """Delete a camera; it can be restored for some days, see `/deleted-cameras`. Its changes stay."""
        camera = self.find_camera(parameters.id_in_path(id))
        purge = parameters.one_of(request.query_params, "purge", "0", ("0", "1"))
        epoch = self.present.cursor.epoch
        try:
            actions.retire_camera(
                camera_id=camera.pk,
                by=author_of(request),
                now=self.now,
                if_revision_in=parameters.revisions_of(request.headers.get("If-Match"), epoch),
                is_kept=purge == "0",
            )
        except actions.StaleRevision as error:
            raise _stale(epoch, error) from None
        except Camera.DoesNotExist:
            raise no_such("camera") from None
        return Response(status=204)

    @operations.GET_CREDENTIALS
    def credentials(self, request: Request, id: str) -> HttpResponse:
        """The connection string in clear, with the generation and the ETag that it belongs to, for whoever starts
        the worker; the reading is audited. For many at once see `/cameras/specs`.
        """
        camera = self.find_camera(parameters.id_in_path(id))
        try:
            text = actions.reveal_connection_string(camera=camera, by=author_of(request), now=self.now)
        except UnreadableCredential as error:
            detail = f"{error} Check FIELD_ENCRYPTION_KEYS, or set the connection string anew."
            raise Problem(409, detail, kind=CREDENTIAL_UNREADABLE) from None
        response = json_answer({"connection_string": text, "generation": camera.generation})
        response["ETag"] = parameters.etag_of(self.present.cursor.epoch, camera.revision)
        return kept_plain(response)

    @operations.LIST_CHANGES
    def changes(self, request: Request) -> HttpResponse:
        """What changed after a cursor, oldest first; `wait` holds the answer until there is something.

        With `Accept: text/event-stream` it goes on (Server-Sent Events): `change` is a change, `status` how a
        camera is in the members of the list, `bookmark` that all is there up to its id, `relist` that cameras are
        to be listed again, and `gone` that the cursor has ended as with 410. Ids are taken as `Last-Event-ID`.
        """
        query = feed.read_query(request.query_params)
        deadline = time.monotonic() + query.wait_seconds
        try:
            scan = scan_changes(query.since, query.limit)
            while not (seen := seen_by(self.principal, scan.changes)) and not scan.more:
                if time.monotonic() >= deadline:
                    break
                _wait_a_little()
                scan = scan_changes(scan.next, query.limit)
        except CursorGone as error:
            raise feed.gone(error) from None
        return HttpResponse(feed.render(scan.next, seen, scan.more), content_type="application/json")

    def _detail(self, camera_id: UUID, status: int = 200, warnings: Sequence[str] = ()) -> HttpResponse:
        found = camera_detail(camera_id, self.now, self.interruptions)
        if found is None or not self.scope.covers(camera_id, found[0]["site"]):
            self.find_camera(camera_id)  # raises what there is to say
            raise no_such("camera")  # registered since
        values, revision = found
        if warnings:
            values["warnings"] = warnings
        response = HttpResponse(msgspec.json.encode(values), status=status, content_type="application/json")
        response["ETag"] = parameters.etag_of(self.present.cursor.epoch, revision)
        return response


def _fields(text: str | None) -> list[str]:
    """The members of an item that are asked for, and its id. Raises Problem 400."""
    if text is None:
        return list(LIST_FIELDS)
    wanted = text.split(",")
    if not set(wanted) <= set(DETAIL_FIELDS) or len(set(wanted)) < len(wanted):
        parameters.refuse("fields", f"Must be names, each once, out of: {', '.join(DETAIL_FIELDS)}.")
    return wanted if "id" in wanted else ["id", *wanted]


def _position(cursor: str, ordering: str | None, sought: str) -> ListPosition:
    """Where the page before ended, with its value in the type of its column. Raises Problem 400."""
    position = parameters.read_page_cursor(cursor, ListPosition)
    known = (*ORDERINGS, BEST_FIRST) if sought else ORDERINGS
    if position.ordering not in known or ordering not in (None, position.ordering):
        parameters.refuse("cursor", "Belongs to another ordering.")
    read = parameters.text_in_cursor if column_of(position.ordering) == "name" else parameters.moment_in_cursor
    value = read(position.value)
    if parse_uuid(position.id) is None or not 0 <= position.part <= (position.ordering == BEST_FIRST):
        parameters.refuse("cursor", parameters.FOREIGN_CURSOR)
    return ListPosition(position.ordering, value, position.id, position.part)


def _stale(epoch: str, error: actions.StaleRevision) -> Problem:
    etag = parameters.etag_of(epoch, error.current)
    return Problem(412, "The camera has changed since you read it.", headers={"ETag": etag}, current=etag)


# Without an event loop each waiter takes a thread, so only a few may: `watch` serves the many.
_waiting_threads = BoundedSemaphore(4)


def _wait_a_little() -> None:
    if not _waiting_threads.acquire(blocking=False):
        raise busy()
    try:
        time.sleep(0.25)
    finally:
        _waiting_threads.release()
