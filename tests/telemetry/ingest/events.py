"""Events as workers post them."""

from typing import Any

from cameras.models import Camera, CameraVitals

NDJSON_TYPES = (
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/jsonlines",
    "application/x-jsonlines",
)
BOM = b"\xef\xbb\xbf"
EXAMPLE = {"timestamp": "2024-01-01T12:00:00Z", "occupancy": 5, "confidence": 0.95}


def event(second: int = 0, **values: Any) -> dict[str, Any]:
    return {"timestamp": f"2026-01-01T12:00:{second:02}Z", "occupancy": 5, "confidence": 0.95, **values}


def vitals_of(camera: Camera) -> CameraVitals:
    return CameraVitals.objects.get(pk=camera.pk)
