"""What many workers run on, for whoever starts them: read at once, with the connection strings where asked."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from cameras import connections, guards
from cameras.actions import REVEALED
from cameras.credentials import UnreadableCredential
from cameras.fields import CAMERA_FIELDS
from cameras.models import Camera
from controlplane.access import audit
from controlplane.access.principals import Author

MAX_SPECS = 500
# What a worker runs on, and whether it should, but for the connection string.
SPEC_COLUMNS = tuple(field.column for field in CAMERA_FIELDS if field.is_spec and not field.is_secret)


class Spec(NamedTuple):
    """A camera of which only `SPEC_COLUMNS`, `generation` and `revision` are for the answer, all of one row.

    The connection string is in clear; None where it was not asked for, or for the reason, a code with words.
    """

    camera: Camera
    connection_string: str | None = None
    reason: str = ""


def read_specs(
    *, revisions_seen: Mapping[UUID, Collection[int]], with_credentials: bool, by: Author, now: datetime
) -> list[Spec]:
    """The cameras of these ids that the author may view, by id, but for those that stand at a revision seen.

    All connection strings that are in clear come to one audit entry. Raises guards.OutOfScope for who may reveal
    none at all.
    """
    may_reveal = by.principal.scope_for(guards.REVEAL)
    if with_credentials and not by.principal.has_perm(guards.REVEAL):
        raise guards.OutOfScope("Your role may not read connection strings.", "credentials")
    visible = Camera.objects.visible_to(by.principal)
    found = visible.filter(pk__in=list(revisions_seen)).values_list("pk", "revision")
    changed = [camera_id for camera_id, revision in found if revision not in revisions_seen[camera_id]]
    columns = ("name", "site_id", "revision", "generation", *SPEC_COLUMNS)
    # Within the scope again: a camera may be moved between the two.
    cameras = visible.filter(pk__in=changed).order_by("pk")
    if not with_credentials:
        return [Spec(camera) for camera in cameras.only(*columns)]
    specs = [
        _revealed(camera)
        if may_reveal.covers(camera.pk, camera.site_id)
        else Spec(camera, reason="forbidden: Your role may not read this connection string.")
        for camera in cameras.only("sealed_connection", *columns)
    ]
    in_clear = [(spec.camera.pk, spec.camera.name) for spec in specs if spec.connection_string is not None]
    with transaction.atomic():  # short: on SQLite other writers wait for it
        audit.record_together(by=by, now=now, action=REVEALED, object_type="camera", objects=in_clear)
    return specs


def _revealed(camera: Camera) -> Spec:
    try:
        return Spec(camera, connections.read(camera))
    except UnreadableCredential as error:
        return Spec(camera, reason=f"credential_unreadable: {error} Check FIELD_ENCRYPTION_KEYS, or set it anew.")
