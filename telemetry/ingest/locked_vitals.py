"""Cameras with their vitals, which are locked: what is judged by them stays true until the transaction ends.

Locked before anything else of the transaction is read. A statement that read the epoch under its own snapshot
could store what a worker sent after a newer placement had been answered.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from cameras.models import Camera, CameraVitals
from telemetry.ingest.portable_writer import lock_vitals
from telemetry.ingest.postgresql_writer import execute


class LockedVitals:
    """Reads these columns of cameras and of their vitals."""

    def __init__(self, camera_columns: Sequence[str], vitals_columns: Sequence[str]) -> None:
        self._columns = [*(f"camera__{name}" for name in camera_columns), *vitals_columns]
        names = [*(f"camera.{name}" for name in camera_columns), *(f"vitals.{name}" for name in vitals_columns)]
        # Put together from the names above.
        self._statement = f"""
            SELECT vitals.camera_id, {", ".join(names)}
            FROM cameras_cameravitals AS vitals JOIN cameras_camera AS camera ON camera.id = vitals.camera_id
            WHERE vitals.camera_id = ANY (%(cameras)b::uuid[])
            ORDER BY vitals.camera_id FOR NO KEY UPDATE OF vitals
        """  # noqa: S608

    def read(self, camera_ids: Iterable[Any]) -> list[tuple[Any, ...]]:
        """The id and the columns of each camera that exists, locked in the order of the ids; within a transaction.

        A camera without vitals is given some.
        """
        ids = sorted(set(camera_ids))
        rows = self._read(ids)
        if len(rows) < len(ids):
            without = set(ids) - {row[0] for row in rows}
            existing = Camera.objects.filter(pk__in=without).order_by("pk").values_list("pk", flat=True)
            if missing := list(existing):
                lock_vitals(missing)
                rows = self._read(ids)
        return rows

    def _read(self, camera_ids: Sequence[Any]) -> list[tuple[Any, ...]]:
        if connection.vendor == "postgresql":
            return execute(self._statement, cameras=camera_ids).fetchall()
        rows = CameraVitals.objects.filter(pk__in=camera_ids, camera__isnull=False).order_by("pk")
        return list(rows.values_list("pk", *self._columns))
