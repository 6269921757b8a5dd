"""Cameras as a file, for whoever may see them. Connection strings in clear are for those who may reveal them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import transaction

from cameras import connections, credentials
from cameras.fields import CAMERA_FIELDS
from cameras.models import Camera, Site
from cameras.querysets import CameraQuerySet
from cameras.transfer.files import formats
from cameras.transfer.files.formats import Format
from cameras.transfer.files.written import Written
from controlplane.access import audit
from controlplane.access.principals import Author, Principal

REVEALED = "credentials.exported"
EXPORTED = "cameras.exported"
MAX_LISTED = 20


class ExportRefused(Exception):
    """Why there is no file; the text is for whoever asked for it."""


def export_cameras(
    *,
    target: Format,
    with_credentials: bool,
    principal: Principal,
    by: Author,
    now: datetime,
    site: Site | None = None,
    among: CameraQuerySet | None = None,
) -> Written:
    """The file, its cameras by name: with credentials, those of which the principal may read them.

    Only those of a site, or among others, where these are given.

    It says what its program cannot take of them, and holds connection strings in today's form.

    The file is one audit entry: with its cameras where connection strings were read in clear, else with their
    number. Raises ExportRefused.
    """
    if target in formats.WITH_CREDENTIALS_ONLY and not with_credentials:
        raise ExportRefused(f"The format {target} is of no use without the connection strings: ask for them.")
    if with_credentials and not principal.has_perm("cameras.reveal_camera"):
        raise ExportRefused("Your role may not read connection strings.")
    cameras: CameraQuerySet = Camera.objects.visible_to(principal)
    if with_credentials:
        cameras = cameras.within(principal.scope_for("cameras.reveal_camera"))
    cameras = cameras.select_related("site").order_by("name", "pk")
    if site:
        cameras = cameras.filter(site=site)
    if among is not None:
        cameras = cameras.filter(pk__in=among.order_by().values("pk"))
    rows = list(_rows(cameras, with_credentials))
    if with_credentials:
        objects = [(row["id"], row["name"]) for row in rows]
        with transaction.atomic():
            audit.record_together(by=by, now=now, action=REVEALED, object_type="camera", objects=objects)
    else:
        # Not each camera: whoever may read all of them could make the trail grow without end.
        audit.record_count(by=by, now=now, action=EXPORTED, object_type="camera", count=len(rows))
    return formats.write(rows, target)


def _rows(cameras: CameraQuerySet, with_credentials: bool) -> Iterator[dict[str, Any]]:
    """Each camera with all `transfer.rows.FIELDS`."""
    unreadable: list[str] = []
    for camera in cameras.iterator(chunk_size=1_000):
        connection_string = camera.redacted_connection
        if with_credentials:
            try:
                connection_string = connections.read(camera)
            except credentials.UnreadableCredential:
                unreadable.append(str(camera.pk))
        yield {
            "id": str(camera.pk),
            **{field.name: getattr(camera, field.column) for field in CAMERA_FIELDS},
            "site": camera.site.name if camera.site else None,
            "connection_string": connection_string,
        }
    if unreadable:
        ids = ", ".join(unreadable[:MAX_LISTED]) + (", …" if len(unreadable) > MAX_LISTED else "")
        raise ExportRefused(
            f"{len(unreadable)} connection strings cannot be opened; check FIELD_ENCRYPTION_KEYS, or set them"
            f" anew. They are of: {ids}."
        )
