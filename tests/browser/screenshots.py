"""The pictures of the documentation, made by one command from the demo data: `bin/screenshots`.

A database of its own, the real server, simulated workers, and a day of history along the same curves.
"""

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent.parent
PICTURES = ROOT / "docs" / "img"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
PASSWORD = secrets.token_urlsafe(12)
HISTORY_EVERY = timedelta(minutes=2)
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


class Shot(NamedTuple):
    """One picture: its name, the page under /admin/, and what is done there first."""

    name: str
    page: str
    look: str = "light"
    window: dict[str, int] = WIDE
    whole: bool = False
    wait_for: str = "#content"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=PICTURES, help="folder (default: docs/img)")
    parser.add_argument("--all", action="store_true", help="every page, light, dark and on a phone, to look at")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DEBUG": "1",
            "DATABASE_URL": os.environ.get("SCREENSHOTS_DATABASE_URL", f"sqlite:///{folder}/scene.sqlite3"),
            "DJANGO_SETTINGS_MODULE": "controlplane.settings",
            "LOG_LEVEL": "ERROR",
        }
        run("manage.py", "migrate", "--verbosity", "0")
        scene = make_scene()
        port = "8731"
        server = start("-m", "gunicorn", "-k", "asgi", "-w", "1", "-b", f"127.0.0.1:{port}", "controlplane.asgi:application")
        workers = None
        try:
            wait_for(f"http://127.0.0.1:{port}/readyz")
            os.environ["CONTROLPLANE_TOKEN"] = scene["worker"]
            workers = start("manage.py", "simulate_workers", "--url", f"http://127.0.0.1:{port}", "--cameras", *scene["reporting"])
            time.sleep(12)
            options.into.mkdir(parents=True, exist_ok=True)
            shots = every_page(scene) if options.all else for_the_docs(scene)
            take(f"http://127.0.0.1:{port}", shots, options.into)
        finally:
            for process in filter(None, (workers, server)):
                process.terminate()
                process.wait(20)


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True)


def start(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urlopen(url, timeout=5).close()
            return
        except (URLError, ConnectionError):
            time.sleep(0.3)
    sys.exit(f"{url} does not answer.")


# --- The scene --------------------------------------------------------------------------------------------


def make_scene() -> dict[str, Any]:
    """The demo, a day of history, some trouble and some changes; tells what is needed to take pictures of it."""
    # Django can be imported only now that the environment names the database.
    import django  # noqa: PLC0415

    django.setup()
    from django.contrib.auth import get_user_model  # noqa: PLC0415

    from cameras import actions, demo  # noqa: PLC0415
    from cameras.intent import clean_camera  # noqa: PLC0415
    from cameras.models import Camera, CameraVitals, Change  # noqa: PLC0415
    from controlplane.access.principals import Author  # noqa: PLC0415

    now = datetime.now(UTC)
    command, anna, oskar = Author("command:demo", "command"), Author("user:anna", "admin"), Author("user:oskar", "admin")
    made = demo.make_demo(by=command, now=now - timedelta(days=9))
    user = get_user_model().objects.get(username="demo-administrator")
    user.set_password(PASSWORD)
    user.save()
    write_history(now)
    by_name = {camera.name: camera for camera in Camera.objects.all()}
    hall, silent, late, never, orphan = (
        by_name[name] for name in ("Hall", "Upper deck", "Aisle 1", "Platform 3", "Taxi rank")
    )

    def change(camera: Camera, by: Author, ago: timedelta, **values: Any) -> None:
        cleaned = clean_camera(values, stored_redacted="")
        actions.update_camera(camera_id=camera.pk, values=cleaned, by=by, now=now - ago)

    change(hall, anna, timedelta(days=6), expected_interval_seconds=5, notes="Lens cleaned.")
    change(hall, oskar, timedelta(days=4, hours=3), desired_state="stopped")
    change(hall, oskar, timedelta(days=4), desired_state="running")
    change(hall, anna, timedelta(days=1), model_config={"detector": "person", "fps": 8, "threshold": 0.55})
    change(hall, Author("token:planner", "api"), timedelta(hours=2), location="Gallery, south end", name="Great hall")
    change(never, anna, timedelta(hours=5), desired_state="stopped")
    change(never, anna, timedelta(hours=4), desired_state="running")
    CameraVitals.objects.filter(pk=silent.pk).update(last_contact=now - timedelta(hours=7))
    CameraVitals.objects.filter(pk=late.pk).update(last_contact=now - timedelta(days=2))
    CameraVitals.objects.filter(pk=never.pk).update(last_contact=now - timedelta(days=1))
    Camera.objects.filter(pk=orphan.pk).update(desired_state_at=now - timedelta(hours=1))
    silenced = {silent.pk, late.pk, never.pk}
    running = Camera.objects.filter(desired_state="running").exclude(pk__in=silenced)
    return {
        "worker": made.tokens["worker"],
        "reporting": [str(camera.pk) for camera in running] + [str(orphan.pk)],
        "camera": hall.pk,
        "revision": Change.objects.filter(camera_id=hall.pk, diff__has_key="expected_interval_seconds").get().pk,
    }


def write_history(now: datetime) -> None:
    """A day of samples of every running camera, as its simulated worker would have seen it."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from cameras.models import Camera  # noqa: PLC0415
    from telemetry import wire  # noqa: PLC0415
    from telemetry.ingest import Submission, accept  # noqa: PLC0415
    from telemetry.simulated_worker import Worker  # noqa: PLC0415
    from controlplane.access.principals import Principal, WORKER  # noqa: PLC0415
    import json  # noqa: PLC0415

    lines = []
    for camera in Camera.objects.filter(desired_state="running").select_related("site"):
        worker = Worker(camera.pk, camera.generation, timezone=ZoneInfo(camera.site.timezone))
        at = now - timedelta(hours=26)
        silent = (now - timedelta(hours=11), now - timedelta(hours=9, minutes=20)) if camera.name == "Hall" else None
        while at < now:
            if not (silent and silent[0] <= at < silent[1]):
                lines += [{"camera_id": str(seen.camera_id), **seen.sample} for seen in worker.observe(at)]
            at += HISTORY_EVERY
    principal = Principal("token:demo-worker", WORKER)
    for start_ in range(0, len(lines), 5_000):
        batch = wire.read_batch(json.dumps(lines[start_ : start_ + 5_000]).encode(), ndjson=False)
        accept([Submission(principal, batch.events)], now)


# --- The pictures -----------------------------------------------------------------------------------------


def for_the_docs(scene: dict[str, Any]) -> list[Shot]:
    camera = f"cameras/camera/{scene['camera']}"
    chart = ".cp-plot .uplot"
    return [
        Shot("dashboard", "", wait_for=".cp-spark"),
        Shot("dashboard-dark", "", "dark", wait_for=".cp-spark"),
        Shot("cameras", "cameras/camera/", wait_for=".cp-spark"),
        Shot("camera", f"{camera}/change/", wait_for=chart),
        Shot("camera-phone", f"{camera}/change/", window=PHONE, wait_for=chart),
        Shot("history", f"{camera}/history/"),
        Shot("revert", f"{camera}/revert/{scene['revision']}/"),
    ]


def every_page(scene: dict[str, Any]) -> list[Shot]:
    camera = f"cameras/camera/{scene['camera']}"
    pages = {
        "dashboard": "",
        "cameras": "cameras/camera/",
        "overview": f"{camera}/change/",
        "settings": f"{camera}/change/#settings",
        "zones": f"{camera}/change/#zones",
        "history": f"{camera}/history/",
        "revert": f"{camera}/revert/{scene['revision']}/",
        "replace": f"{camera}/replace/",
        "clone": f"cameras/camera/add/?clone_of={scene['camera']}",
        "changes": "cameras/change/",
        "sites": "cameras/site/",
    }
    looks = [("light", WIDE), ("dark", WIDE), ("phone", PHONE)]
    return [
        Shot(f"{name}-{look}", page, "dark" if look == "dark" else "light", window, whole=True)
        for name, page in pages.items()
        for look, window in looks
    ]


def take(url: str, shots: list[Shot], into: Path) -> None:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_context(base_url=url, reduced_motion="reduce").new_page()
        tab.on("console", lambda line: line.type == "error" and print(tab.url, line.text))
        tab.goto("/admin/")
        tab.get_by_label("Username").fill("demo-administrator")
        tab.get_by_label("Password").fill(PASSWORD)
        tab.get_by_role("button", name="Log in").click()
        tab.wait_for_url("**/admin/")
        for shot in shots:
            tab.set_viewport_size(shot.window)
            tab.goto("about:blank")
            tab.goto(f"/admin/{shot.page}")
            tab.wait_for_function("Boolean(window.Alpine?.$data(document.documentElement).switchTheme)")
            tab.evaluate("look => Alpine.$data(document.documentElement).switchTheme(look)", shot.look)
            tab.wait_for_selector(shot.wait_for)
            tab.wait_for_timeout(900)
            tab.screenshot(path=into / f"{shot.name}.png", full_page=shot.whole)
        browser.close()


if __name__ == "__main__":
    main()
