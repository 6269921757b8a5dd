"""A worker: it analyses one camera, sends what it sees to the control plane, and does what the receipts say.

An example to copy; it needs Python 3.11 and httpx. Only `look` is to be written anew: here it makes people up,
yours opens the stream and runs a model. What else is here is what every worker does.

    CONTROLPLANE_URL=http://127.0.0.1:8000 CONTROLPLANE_TOKEN=cpt_... CAMERA_ID=... EPOCH=... python worker.py

The token is of the role worker, and bound to the camera or to its site. EPOCH is what the orchestrator got when it
claimed the camera; leave it out where there is none. `--fail stream_unauthorized` plays a fault.

It ends with 0 where it was asked to end (by a receipt, SIGTERM or Ctrl-C), and with 77 where its token is refused.
"""

import argparse
import json
import logging
import os
import random
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx

REASONS = [
    *("stream_unauthorized", "stream_unreachable", "stream_timeout", "no_frames", "decode_error"),
    *("model_error", "configuration_invalid", "resources_exhausted", "other"),
]
TIMEOUT_SECONDS = 10
MAX_PAUSE_SECONDS = 30
# While the server is away, so many samples wait; then the oldest go.
MAX_UNSENT = 1_000
# How long it may take to say goodbye.
GOODBYE_SECONDS = 3
NO_PERMISSION = 77

log = logging.getLogger("worker")


class Failed(Exception):
    """The camera cannot be analysed now: one of REASONS, and words for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


# --- What is yours --------------------------------------------------------------------------------------------


def look(spec: dict[str, Any], fault: str | None) -> Iterator[dict[str, int]]:
    """Where the frames come from. Each step is a look: how many people are in the whole frame, "", and each zone.

    Yours opens `spec["connection_string"]` and runs what `spec["model_config"]` says. Where it cannot, it raises
    Failed, and is begun anew an interval later.
    """
    if fault:
        raise Failed(fault, "Played by --fail.")
    zones = [zone["id"] for zone in spec["zone_config"]["features"]]
    while True:
        people = random.randint(0, 12)
        yield {"": people} | {zone: random.randint(0, people) for zone in zones}


# --- What every worker does -----------------------------------------------------------------------------------


class Worker:
    """The worker of one camera. What it says waits in `outbox` until it is answered, the oldest first.

    A sample or report is written once, with its timestamp, and repeated as it is: so nothing is counted twice.
    """

    def __init__(
        self, http: httpx.Client, camera_id: str, epoch: int | None, name: str, fault: str | None
    ) -> None:
        self.http, self.camera_id, self.epoch, self.name, self.fault = http, camera_id, epoch, name, fault
        self.outbox: deque[tuple[str, str]] = deque(maxlen=MAX_UNSENT)
        self.generation = 0  # that the receipts name
        self.ends, self.exit_code = "", 0  # why it is to end
        self.may_send = True
        self.phase = ""
        self.attempts, self.retry_at = 0, 0.0

    def run(self) -> None:
        """Work until a receipt says that it is over."""
        while spec := self.read_spec():
            self.analyse(spec)

    def read_spec(self) -> dict[str, Any] | None:
        """What the worker runs on, all of one generation; None where it is to end."""
        if self.ends:
            return None
        wanted = json.dumps({"ids": [self.camera_id], "credentials": True})
        while (answer := self.post("/cameras/specs", wanted)) is None:
            time.sleep(max(0, self.retry_at - time.monotonic()))
        self.obey(answer)
        found = members_of(answer) if answer.is_success else []
        if not found and not self.ends:
            self.ends = f"the camera is not there: {answer.status_code}"
        if self.ends or found[0]["desired_state"] == "stopped":
            self.ends = self.ends or "the camera is stopped"
            return None
        self.generation = found[0]["generation"]
        return dict(found[0])

    def analyse(self, spec: dict[str, Any]) -> None:
        """Look again and again, until there is another generation, or it is to end."""
        self.report("starting", spec)
        looks = None
        while not self.ends and self.generation == spec["generation"]:
            next_at = time.monotonic() + spec["expected_interval_seconds"]
            try:
                if spec["connection_string"] is None:
                    raise Failed("configuration_invalid", spec["reason"])
                looks = looks or look(spec, self.fault)
                self.sample(next(looks), spec)
                if self.phase != "running":
                    self.report("running", spec)
            except Failed as error:
                looks = None
                self.report("failed", spec, reason=error.reason, message=str(error))
            self.send(until=next_at)

    # --- What it says

    def sample(self, seen: dict[str, int], spec: dict[str, Any]) -> None:
        at = datetime.now(UTC).isoformat()
        for zone, people in seen.items():
            values = {"timestamp": at, "occupancy": people, "confidence": 0.9} | ({"zone": zone} if zone else {})
            self.say(f"/telemetry/{self.camera_id}", spec["generation"], values)

    def report(self, phase: str, spec: dict[str, Any], **values: Any) -> None:
        """How the worker is. A sample is the only proof of health: who sees nothing must not send zeros."""
        if phase != self.phase:
            log.info("%s %s", phase, values.get("reason", ""))
        self.phase = phase
        values |= {"phase": phase, "host": socket.gethostname(), "metrics": {"unsent": len(self.outbox)}}
        values["timestamp"] = datetime.now(UTC).isoformat()
        self.say(f"/telemetry/{self.camera_id}/report", spec["generation"], values)

    def say(self, path: str, generation: int | None, values: dict[str, Any]) -> None:
        values |= {"generation": generation, "worker": self.name}
        self.outbox.append((path, json.dumps(values | ({"epoch": self.epoch} if self.epoch else {}))))

    # --- How it is sent, and what is answered

    def send(self, until: float) -> None:
        """Send what waits, the oldest first, and return at `until`; what was not taken stays."""
        while True:
            pause = self.send_first() if self.outbox else MAX_PAUSE_SECONDS
            left = until - time.monotonic()
            if left <= 0 or self.ends:
                return
            time.sleep(min(pause, left))

    def send_first(self) -> float:
        """Returns how many seconds to wait before the next."""
        if time.monotonic() >= self.retry_at and (answer := self.post(*self.outbox[0])) is not None:
            self.outbox.popleft()
            self.obey(answer)
        return max(0, self.retry_at - time.monotonic())

    def post(self, path: str, body: str) -> httpx.Response | None:
        """The answer; None where there is none, or one that says: later."""
        after = ""
        try:
            answer = self.http.post(path, content=body, headers={"Content-Type": "application/json"})
            if answer.status_code != 429 and answer.status_code < 500:
                self.attempts = 0
                return answer
            after = answer.headers.get("Retry-After", "")
        except httpx.TransportError as error:
            log.debug("%s", error)
        # Workers that lost the server at one moment must not come back at one moment.
        backoff = random.uniform(0.5, 1) * min(MAX_PAUSE_SECONDS, 0.5 * 2**self.attempts)
        self.attempts = min(self.attempts + 1, 10)
        self.retry_at = time.monotonic() + (float(after) if after.isdecimal() else backoff)
        return None

    def obey(self, answer: httpx.Response) -> None:
        """Take what a receipt asks for: an end, or another generation."""
        receipt = members_of(answer)
        if isinstance(receipt, list):
            return  # of specs
        if answer.status_code in (401, 403):
            self.ends, self.exit_code = f"the token is refused: {receipt.get('detail')}", NO_PERMISSION
            self.may_send = False
        elif answer.status_code == 404:
            self.ends = "the camera is gone"
        elif receipt.get("code") == "fenced":
            self.ends, self.may_send = "another worker has taken its place", False
        elif receipt.get("desired_state") == "stopped":
            self.ends = "the camera is stopped"
        elif not answer.is_success:
            log.warning("refused, and left out: %s", receipt.get("detail", answer.status_code))
        for name in receipt.get("ignored", ()):
            log.warning("the control plane does not know %s", name)
        self.generation = receipt.get("generation", self.generation)

    def say_goodbye(self) -> None:
        """Send what waits, and that it ends, where that is still wanted."""
        self.report("stopping", {"generation": self.generation or None})
        until = time.monotonic() + GOODBYE_SECONDS
        while self.outbox and self.may_send and time.monotonic() < until:
            time.sleep(min(self.send_first(), GOODBYE_SECONDS))


def members_of(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return {}  # from a proxy on the way


def main() -> int:
    parser = argparse.ArgumentParser(description="Analyse one camera (made-up people).")
    parser.add_argument("--fail", choices=REASONS, help="play this fault at each look")
    fault = parser.parse_args().fail
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    env = os.environ
    camera_id, epoch = env["CAMERA_ID"], int(env.get("EPOCH", 0)) or None
    name = env.get("WORKER_NAME", f"worker-{os.getpid()}")
    headers = {"Authorization": f"Bearer {env['CONTROLPLANE_TOKEN']}"}
    with httpx.Client(base_url=env["CONTROLPLANE_URL"], headers=headers, timeout=TIMEOUT_SECONDS) as http:
        worker = Worker(http, camera_id, epoch, name, fault)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            worker.run()
        except KeyboardInterrupt:
            worker.ends = "it was asked to"
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        log.info("ends: %s", worker.ends)
        worker.say_goodbye()
    return worker.exit_code


if __name__ == "__main__":
    sys.exit(main())
