"""Make the database of the examples' tests, and print as JSON what they sign in with.

python -m tests.examples.scene WEBHOOK_URL, with the environment of the service.
"""

import json
import sys

import django

CAMERAS = 3


def main(webhook_url: str) -> None:
    django.setup()

    from django.contrib.auth import get_user_model  # noqa: PLC0415  # models come after the set-up
    from django.core.management import call_command  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from controlplane.access.principals import unlimited  # noqa: PLC0415
    from controlplane.access.tokens import create_token  # noqa: PLC0415
    from telemetry.alerts.models import Topic  # noqa: PLC0415
    from telemetry.alerts.subscriptions import clean_subscription, create_subscription  # noqa: PLC0415
    from tests.factories import make_camera, make_site, make_token  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    now, by = timezone.now(), unlimited("command:scene").author("command")
    _, token = create_token(name="scene", role="administrator", by=by, now=now)
    site = make_site("Of before", now=now)
    ids = [
        str(make_camera(f"Camera {n}", now, site, desired_state="running", expected_interval_seconds=1).pk)
        for n in range(CAMERAS)
    ]
    tokens = {"orchestrator": make_token("orchestrator", site)}
    values = {
        "name": "Control room",
        "channel": "webhook",
        "format": "standard",
        "key": "",
        "url": webhook_url,
        "addresses": "",
        "topics": [Topic.FAILING],
        "site": None,
        "grace_seconds": 0,
        "is_active": True,
    }
    create_subscription(values=clean_subscription(values), by=by, now=now)
    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser("scene"))
    cookies = {name: morsel.value for name, morsel in browser.cookies.items()}
    scene = {"token": token, "cookies": cookies, "site": {"id": str(site.pk), "ids": ids, "tokens": tokens}}
    sys.stdout.write(f"{json.dumps(scene)}\n")


if __name__ == "__main__":
    main(sys.argv[1])
