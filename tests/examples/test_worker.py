"""The example's worker alone: faults that it plays, and how soon everybody knows of them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cameras.reasons import WORKER_REASONS
from tests.examples.conftest import EXAMPLES, PATIENCE_SECONDS, Site, eventually
from tests.processes import end, start

pytestmark = pytest.mark.once

Record = Callable[[str, object], None]


@contextmanager
def worker(site: Site, camera_id: str, folder: Path, *options: str, **environment: str) -> Iterator[Any]:
    """A worker of a camera, without an orchestrator."""
    environment = {
        **os.environ,
        "CONTROLPLANE_URL": site.plane.url,
        "CONTROLPLANE_TOKEN": site.tokens["worker"],
        "CAMERA_ID": camera_id,
        **environment,
    }
    process: subprocess.Popen[bytes] = start(
        [sys.executable, EXAMPLES / "worker.py", *options], log=folder / f"{camera_id}.log", env=environment
    )
    try:
        yield process
    finally:
        end(process)


def seconds_since(moment: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()


def test_a_wrong_password_shows_everywhere_soon_and_is_over_with_the_first_sample(
    new_site: Callable[[int], Site], tmp_path: Path, long: bool, record_property: Record
) -> None:
    site = new_site(1)
    (camera_id,) = site.ids
    site.desire("running")
    page = f"/admin/cameras/camera/{camera_id}/change/"
    words = WORKER_REASONS["stream_unauthorized"].partition(": ")[2]

    def notified(kind: str) -> bool:
        received = [json.loads(body) for _, body in site.plane.receiver.received]
        return any(body["type"] == kind and body["data"]["camera_id"] == camera_id for body in received)

    assert words not in site.plane.page(page)
    with worker(site, camera_id, tmp_path, "--fail", "stream_unauthorized"):
        took = {}
        for name, shows in {
            "API": lambda: site.camera()["status_reason"].startswith("stream_unauthorized:"),
            "admin": lambda: words in site.plane.page(page),
            "webhook": lambda: notified("camera.failing"),
        }.items():
            eventually(shows)
            took[name] = round(seconds_since(site.camera()["status_since"]), 2)
        assert site.camera()["status"] == "failing"
    record_property("seconds from the report", took)
    if long:
        assert max(took["API"], took["admin"]) < 2
        assert took["webhook"] < 5

    with worker(site, camera_id, tmp_path):
        eventually(lambda: site.are("healthy"))
        eventually(lambda: notified("camera.working"))


def test_each_fault_that_it_plays_is_the_status_of_its_camera(
    new_site: Callable[[int], Site], tmp_path: Path
) -> None:
    site = new_site(len(WORKER_REASONS))
    site.desire("running")
    reasons = dict(zip(site.ids, WORKER_REASONS.items(), strict=True))
    with ExitStack() as stack:
        for camera_id, (code, _) in reasons.items():
            stack.enter_context(worker(site, camera_id, tmp_path, "--fail", code))
        expected = {camera_id: ("failing", words) for camera_id, (_, words) in reasons.items()}
        eventually(lambda: {pk: (c["status"], c["status_reason"]) for pk, c in site.cameras().items()} == expected)


def test_it_ends_where_a_receipt_says_so_and_says_why(new_site: Callable[[int], Site], tmp_path: Path) -> None:
    site = new_site(3)
    stopped, replaced, refused = site.ids
    site.desire("running")
    claim = {"node": "north", "container": "a"}

    def claimed(**values: str) -> int:
        with site.plane.client(site.tokens["orchestrator"]) as http:
            answer = http.put(f"/cameras/{replaced}/placement", json=claim | values).raise_for_status().json()
        epoch: int = answer["epoch"]
        return epoch

    with (
        worker(site, stopped, tmp_path) as first,
        worker(site, replaced, tmp_path, EPOCH=str(claimed())) as second,
        worker(site, refused, tmp_path, CONTROLPLANE_TOKEN="cpt_revoked") as third,
    ):
        assert third.wait(PATIENCE_SECONDS) == 77
        eventually(lambda: [c["status"] for c in site.cameras().values()].count("healthy") == 2)

        site.change(stopped, desired_state="stopped")
        claimed(container="b")

        assert (first.wait(PATIENCE_SECONDS), second.wait(PATIENCE_SECONDS)) == (0, 0)
    cameras = site.cameras()
    assert cameras[stopped]["report"]["phase"] == "stopping"
    assert cameras[replaced]["report"]["phase"] == "running", "who is replaced sends nothing more"
    assert "another worker has taken its place" in (tmp_path / f"{replaced}.log").read_text()


def test_it_takes_another_configuration_without_a_new_start(
    new_site: Callable[[int], Site], tmp_path: Path
) -> None:
    site = new_site(1)
    (camera_id,) = site.ids
    site.desire("running")
    with worker(site, camera_id, tmp_path) as process:
        eventually(lambda: site.are("healthy"))
        site.change(camera_id, model_config={"detector": "person"})
        eventually(lambda: site.camera()["observed_generation"] == 2)
        assert process.poll() is None
