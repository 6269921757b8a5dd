"""Streams of cameras that a test makes: beginning one, and what has come of it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from cameras import actions
from cameras.intent import clean_camera
from cameras.models import Camera, KnownStatus
from tests.asgi_client import AsgiClient
from tests.event_stream import Stream
from tests.factories import AUTHOR, make_token


def of_token(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def as_(role: str, *bound_to: Any) -> dict[str, str]:
    return of_token(make_token(role, *bound_to))


def begun(asgi: AsgiClient, query: str, headers: dict[str, str]) -> Stream:
    """A stream that has sent what was missed."""
    events = Stream(asgi, query, headers)
    events.wait_until(lambda it: it.of_kind("bookmark"))
    return events


def change(camera: Camera, **values: Any) -> None:
    actions.update_camera(
        camera_id=camera.pk,
        values=clean_camera(values, stored_redacted=camera.redacted_connection),
        by=AUTHOR,
        now=timezone.now(),
    )


def stored(camera: Camera, ago_seconds: float) -> None:
    """Its status was stored so long ago."""
    KnownStatus.objects.filter(pk=camera.pk).update(changed_at=timezone.now() - timedelta(seconds=ago_seconds))


def names(events: Stream) -> list[str]:
    return [event.data["name"] for event in events.of_kind("change")]


def cameras_with_status(events: Stream) -> set[UUID]:
    return {UUID(event.data["id"]) for event in events.of_kind("status")}
