"""Fill a migrated database with running cameras, and print their ids, tokens, and a session of a person as JSON.

python -m tests.benchmarks.fleet COUNT, with the environment of the service.
"""

import json
import os
import sys
from importlib import import_module

import django


def main(count: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    django.setup()

    from django.conf import settings  # noqa: PLC0415
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: PLC0415
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415  # models come after the set-up

    from cameras.actions import register_camera  # noqa: PLC0415
    from cameras.changes import record_changes  # noqa: PLC0415
    from cameras.intent import clean_camera  # noqa: PLC0415
    from controlplane.access.principals import unlimited  # noqa: PLC0415
    from controlplane.access.tokens import create_token  # noqa: PLC0415

    now, by = timezone.now(), unlimited("command:benchmark").author("command")
    with record_changes(by=by, now=now):
        cameras = [
            register_camera(
                values=clean_camera(
                    {
                        "name": f"Camera {number}",
                        "connection_string": f"rtsp://viewer:benchmark@10.{number >> 8 & 255}.{number & 255}.20:554/stream1",
                        "desired_state": "running",
                    }
                ),
                by=by,
                now=now,
            )
            for number in range(count)
        ]
    tokens = {
        role: create_token(name=f"benchmark-{role}", role=role, by=by, now=now)[1]
        for role in ("worker", "viewer", "orchestrator", "administrator")
    }
    person = User.objects.create_superuser("benchmark")
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.create()
    made = {"cameras": [str(camera.pk) for camera in cameras], "tokens": tokens, "session": session.session_key}
    sys.stdout.write(json.dumps(made) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
