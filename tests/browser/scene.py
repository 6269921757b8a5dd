"""A fleet on a day like any other, for pictures: the demo with its history, some trouble, some changes.

Made in a database of its own, by `manage.py shell`.
"""

import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model

from cameras import actions, demo
from cameras.intent import clean_camera
from cameras.models import Camera, CameraVitals, Change, FleetVitals
from controlplane.access.principals import Author, unlimited
from telemetry.demo import write_history

HISTORY = timedelta(days=9)
COMMAND = unlimited("command:demo").author("command")
ANNA, OSKAR = unlimited("user:anna").author("admin"), unlimited("user:oskar").author("admin")
PLANNER = unlimited("token:planner").author("api")


def make_scene(file: str) -> None:
    """Make it all, and write what a photographer needs to know into a file."""
    now = datetime.now(UTC)
    made = demo.make_demo(by=COMMAND, began_at=now - HISTORY, now=now)
    user = get_user_model().objects.get(username="demo-administrator")
    password = secrets.token_urlsafe(12)
    user.set_password(password)
    user.save()
    write_history(demo.find_demo().cameras, now - HISTORY, now)
    cameras = {camera.name: camera for camera in Camera.objects.all()}
    hall = cameras["Hall"]

    def change(camera: Camera, by: Author, ago: timedelta, **values: Any) -> None:
        cleaned = clean_camera(values, stored_redacted="")
        actions.update_camera(camera_id=camera.pk, values=cleaned, by=by, now=now - ago)

    change(hall, ANNA, timedelta(days=6), expected_interval_seconds=5, notes="Lens cleaned.")
    change(hall, OSKAR, timedelta(days=4, hours=3), desired_state="stopped")
    change(hall, OSKAR, timedelta(days=4), desired_state="running")
    change(hall, ANNA, timedelta(days=1), model_config={"detector": "person", "fps": 8, "threshold": 0.55})
    change(hall, PLANNER, timedelta(hours=2), location="Gallery, south end", expected_interval_seconds=8)

    silenced = {"Upper deck": 7, "Aisle 1": 47, "Platform 3": 26}
    for name, hours in silenced.items():
        heard_at = now - timedelta(hours=hours)
        CameraVitals.objects.filter(camera__name=name).update(last_contact=heard_at, last_sample_at=heard_at)
    change(cameras["Platform 3"], ANNA, timedelta(hours=5), desired_state="stopped")
    change(cameras["Platform 3"], ANNA, timedelta(hours=4), desired_state="running")

    scene = {
        "username": user.get_username(),
        "password": password,
        "tokens": made.tokens,
        "reporting": [str(camera.pk) for name, camera in cameras.items() if name not in silenced],
        "camera": str(hall.pk),
        "site": str(hall.site_id),
        "revision": Change.objects.filter(camera_id=hall.pk, kind="updated").earliest("revision").pk,
    }
    Path(file).write_text(json.dumps(scene))


def forget_the_start() -> None:
    """As if the service had been there all the time: silence before it started counts too."""
    FleetVitals.objects.update(outage_began_at=None, outage_ended_at=None)
