"""The pictures of the documentation, made by one command from the demo data: `bin/screenshots`.

A database of its own, the real server, and simulated workers; nothing of it is left behind.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
PICTURES = ROOT / "docs" / "img"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
PORT = "8731"
URL = f"http://127.0.0.1:{PORT}"
# Until the simulated workers have all reported and the first page knows a rate.
SETTLED_SECONDS = 12
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


class Shot(NamedTuple):
    """One picture: its name, the page under /admin/, and how it is shown."""

    name: str
    page: str
    look: str = "light"
    window: dict[str, int] = WIDE
    whole: bool = False
    wait_for: str = "#content"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=PICTURES, help="folder (default: docs/img)")
    parser.add_argument("--all", action="store_true", help="every page, light, dark and on a phone")
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        database = os.environ.get("SCREENSHOTS_DATABASE_URL", f"sqlite:///{folder}/scene.sqlite3")
        os.environ |= {"DEBUG": "1", "DATABASE_URL": database, "LOG_LEVEL": "ERROR"}
        run("migrate", "--verbosity", "0")
        file = Path(folder) / "scene.json"
        in_scene(f"make_scene({str(file)!r})")
        scene = json.loads(file.read_text())
        os.environ["CONTROLPLANE_TOKEN"] = scene["tokens"]["worker"]
        os.environ["CONTROLPLANE_READ_TOKEN"] = scene["tokens"]["orchestrator"]
        server = start(
            "-m", "gunicorn", "-k", "asgi", "-w", "1", "-b", f"127.0.0.1:{PORT}", "controlplane.asgi:application"
        )
        started = [server]
        try:
            wait_until_ready()
            run("maintain", "--once")
            started.append(start("manage.py", "simulate_workers", "--url", URL, "--cameras", *scene["reporting"]))
            time.sleep(SETTLED_SECONDS)
            in_scene("forget_the_start()")
            take(scene, every_page(scene) if options.all else for_the_docs(scene), options.into)
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait(20)


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def in_scene(call: str) -> None:
    run("shell", "-v", "0", "-c", f"from tests.browser import scene; scene.{call}")


def start(*arguments: str) -> subprocess.Popen[bytes]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, *arguments], cwd=ROOT, **quiet)


def wait_until_ready() -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{URL}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    sys.exit("The server does not answer.")


def for_the_docs(scene: dict[str, Any]) -> list[Shot]:
    camera = f"cameras/camera/{scene['camera']}"
    return [
        Shot("dashboard", "", wait_for=".cp-spark"),
        Shot("dashboard-dark", "", "dark", wait_for=".cp-spark"),
        Shot("cameras", "cameras/camera/", wait_for=".cp-spark"),
        Shot("camera", f"{camera}/change/", wait_for=".cp-ribbon-part"),
        Shot("camera-phone", f"{camera}/change/", window=PHONE, wait_for=".cp-ribbon-part"),
        Shot("site", f"cameras/site/{scene['site']}/change/", wait_for=".cp-plot .uplot"),
        Shot("changes", "cameras/change/"),
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
        "site": f"cameras/site/{scene['site']}/change/",
        "windows": "windows/window/",
        "window": "windows/window/add/",
        "stop-until": f"windows/window/until/stop/?ids={scene['camera']}",
        "audit": "access/auditentry/",
    }
    looks = {"light": ("light", WIDE), "dark": ("dark", WIDE), "phone": ("light", PHONE)}
    return [
        Shot(f"{name}-{suffix}", page, look, window, whole=True)
        for name, page in pages.items()
        for suffix, (look, window) in looks.items()
    ]


def take(scene: dict[str, Any], shots: list[Shot], into: Path) -> None:
    faults: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_context(base_url=URL, reduced_motion="reduce").new_page()
        tab.on("console", lambda line: line.type == "error" and faults.append(f"{tab.url}: {line.text}"))
        tab.goto("/admin/")
        tab.get_by_label("Username").fill(scene["username"])
        tab.get_by_label("Password").fill(scene["password"])
        tab.get_by_role("button", name="Log in", exact=True).click()
        tab.wait_for_url("**/admin/")
        tab.wait_for_timeout(6_000)  # the first page learns the rate
        for shot in shots:
            tab.set_viewport_size(shot.window)
            tab.goto("about:blank")
            tab.goto(f"/admin/{shot.page}")
            tab.wait_for_function("Boolean(window.Alpine?.$data(document.documentElement).switchTheme)")
            tab.evaluate("look => Alpine.$data(document.documentElement).switchTheme(look)", shot.look)
            tab.wait_for_selector(shot.wait_for)
            tab.wait_for_timeout(800)
            tab.screenshot(path=into / f"{shot.name}.png", full_page=shot.whole)
        browser.close()
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
