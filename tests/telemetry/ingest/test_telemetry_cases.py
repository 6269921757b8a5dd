"""Cases from public reports: what workers and the libraries below them send, and what is right by it.

Each line of telemetry_cases.jsonl is one, with where it comes from and the requests that show it, in their order.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.factories import make_camera

CASES = [
    json.loads(line) for line in Path(__file__).with_name("telemetry_cases.jsonl").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("case", CASES, ids=[f"{one['id']}: {one['case'][:40]}" for one in CASES])
def test_what_workers_send_is_answered_as_it_should_be(worker_endpoint: Any, case: dict[str, Any]) -> None:
    camera = make_camera()

    for post in case["posts"]:
        path, text = (post[name].replace("{camera_id}", str(camera.pk)) for name in ("path", "body"))
        headers = {"Content-Encoding": post["coding"]} if "coding" in post else {}
        body = gzip.compress(text.encode()) if post.get("coding") == "gzip" else text.encode()
        answer = worker_endpoint.post(path, body, content_type=post.get("type", "application/json"), **headers)
        assert answer.status_code in post["status"], answer.content
        assert {**answer.json(), **post.get("answer", {})} == answer.json()
