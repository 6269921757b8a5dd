"""The sites, the cameras and the token of the examples in the OpenAPI document, as the API shows them."""

from typing import Any

SITE_ID = "0b8f6c1e-3d5a-4e27-9c41-7a2d8f60b3e5"
EMPTY_SITE_ID = "5e0c9a74-18bd-4f36-8d02-c4b7e19a6f53"
DELETED_CAMERA_ID = "c81d3e05-7b42-4f9a-b6d8-25e0a94f1c73"
CAMERA_ID = "9f2a4d70-6c3b-4b18-a5e9-1d0c7f8e2b64"
TOKEN_ID = "e2a7c590-1f6d-48b3-9d04-6b8f35c1a7e2"  # noqa: S105

WINDOW_ID = "5c0d9e1a-74b2-4f8e-8b11-d2f6a3907c58"

SITE: dict[str, Any] = {
    "id": SITE_ID,
    "name": "North Lot",
    "timezone": "Europe/Berlin",
    "location": "Chausseestrasse 1, Berlin",
    "latitude": 52.5307,
    "longitude": 13.3847,
}

EMPTY_SITE: dict[str, Any] = {
    "id": EMPTY_SITE_ID,
    "name": "South Station",
    "timezone": "UTC",
    "location": "",
    "latitude": None,
    "longitude": None,
}

ZONES: dict[str, Any] = {
    "type": "FeatureCollection",
    "units": "normalised",
    "features": [
        {
            "type": "Feature",
            "id": "gate",
            "properties": {"name": "Gate", "kind": "area", "capacity": 20},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[0.1, 0.2], [0.9, 0.2], [0.9, 0.8], [0.1, 0.8], [0.1, 0.2]]],
            },
        }
    ],
}

CAMERA: dict[str, Any] = {
    "id": CAMERA_ID,
    "name": "North Lot Entrance",
    "site": SITE_ID,
    "location": "Above the barrier",
    "connection_string": "rtsp://user:***@10.0.0.5:554/stream",
    "address": "10.0.0.5:554",
    "model_config": {"model": "people-counter", "threshold": 0.4},
    "zone_config": ZONES,
    "desired_state": "running",
    "status": "healthy",
    "status_reason": "reporting: The worker reports.",
    "status_since": None,
    "conditions": [],
    "last_contact": "2026-03-04T12:00:00.000000Z",
    "latest": {"timestamp": "2026-03-04T11:59:00.000000Z", "occupancy": 5, "confidence": 0.95},
    "generation": 1,
    "observed_generation": 1,
    "report": None,
    "placement": None,
    "expected_interval_seconds": 10,
    "notes": "",
    "created_at": "2026-03-04T12:00:00.000000Z",
    "updated_at": "2026-03-04T12:00:00.000000Z",
}

TOKEN: dict[str, Any] = {
    "id": TOKEN_ID,
    "name": "gate-worker",
    "role": "worker",
    "hint": "cpt_Xk3p",
    "scope": {"whole_fleet": False, "sites": [], "cameras": [CAMERA_ID]},
    "created_at": "2026-03-04T12:00:00.000000Z",
    "created_by": "token:orchestrator",
    "expires_at": "2026-04-03T12:00:00.000000Z",
    "revoked_at": None,
    "last_used_at": None,
}

DELETED_CAMERA: dict[str, Any] = {
    "id": DELETED_CAMERA_ID,
    "name": "Old Gate",
    "site": SITE_ID,
    "site_name": SITE["name"],
    "connection_string": "rtsp://user:***@10.0.0.5:554/stream",
    "address": "10.0.0.5:554",
    "desired_state": "stopped",
    "generation": 1,
    "deleted_at": "2026-03-04T12:00:00.000000Z",
    "deleted_by": "token:administrator",
    "restorable_until": "2026-04-03T12:00:00.000000Z",
}

WINDOW: dict[str, Any] = {
    "id": WINDOW_ID,
    "action": "mute",
    "site": SITE_ID,
    "cameras": [],
    "everything": False,
    "starts": "2026-03-04T13:00:00",
    "ends": "2030-01-01T00:00:00",
    "zone": "Europe/Berlin",
    "rule": "",
    "reason": "Painting",
    "created_by": "token:administrator",
    "created_at": "2026-03-04T12:00:00.000000Z",
    "next_at": None,
    "lasts_until": "2029-12-31T23:00:00.000000Z",
}
