"""The control plane as an orchestrator asks it: patiently, and so that whatever was asked may be asked again."""

import asyncio
import json
import logging
import random
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx

TIMEOUT_SECONDS = 30  # twice as long as a stream of events is silent
MAX_PAUSE_SECONDS = 60

log = logging.getLogger("client")


class ControlPlane:
    """A context manager. A refused token ends the process: nobody but a person can mend that."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS)

    async def __aenter__(self) -> "ControlPlane":
        return self

    async def __aexit__(self, *reason: object) -> None:
        await self.http.aclose()

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer, as soon as there is one; 429, 503 and the like are none."""
        attempts, later = 0, ""
        while True:
            try:
                answer = await self.http.request(method, path, **options)
                if answer.status_code in (401, 403):
                    sys.exit(f"{path}: the token is refused: {answer.text}")
                if answer.status_code != 429 and answer.status_code < 500:
                    return answer
                later = answer.headers.get("Retry-After", "")
            except httpx.TransportError as error:
                log.warning("no answer: %r", error)
            backoff = random.uniform(0.5, 1) * min(MAX_PAUSE_SECONDS, 0.5 * 2**attempts)
            await asyncio.sleep(float(later) if later.isdecimal() else backoff)
            attempts, later = min(attempts + 1, 10), ""

    async def running(self) -> tuple[list[dict[str, Any]], str]:
        """The cameras that should run; and the cursor from which to watch what changes."""
        answer = await self.ask("GET", "/cameras?desired_state=running&fields=generation,status,placement")
        return answer.raise_for_status().json(), answer.headers["X-Cursor"]

    async def camera(self, camera_id: str) -> dict[str, Any] | None:
        answer = await self.ask("GET", f"/cameras/{camera_id}")
        return answer.json() if answer.is_success else None

    async def changes(self, since: str) -> AsyncIterator[dict[str, Any]]:
        """What changes after a cursor, as it does; ends where the cameras are to be listed again.

        It is a stream of events, each with an id, from which it goes on where the connection was lost.
        """
        pause, kind = 1.0, ""
        while True:
            asked: dict[str, Any] = {"params": {"since": since}, "headers": {"Accept": "text/event-stream"}}
            with suppress(httpx.TransportError):
                async with self.http.stream("GET", "/cameras/changes", **asked) as answer:
                    if answer.status_code == 410:
                        return
                    pause = float(answer.headers.get("Retry-After", pause))
                    async for line in answer.aiter_lines():
                        name, _, value = line.partition(": ")
                        if name == "event":
                            kind = value
                        elif name == "id":
                            since = value
                        elif name == "retry":
                            pause = int(value) / 1000
                        elif name == "data" and kind == "change":
                            yield json.loads(value)
                        elif name == "data" and kind in ("gone", "relist"):
                            return
            await asyncio.sleep(pause)

    async def place(self, placements: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Claim and report. What became of each, in order: its `epoch`, or a `code` and `detail` why not."""
        answer = await self.ask("PUT", "/placements", json=placements)
        return list(answer.raise_for_status().json())

    async def make_token(self, camera_id: str, key: str) -> str:
        """For a worker of this camera alone. Made again with the same key it takes the place of the one before."""
        name = f"worker of {camera_id} {uuid.uuid4().hex[:8]}"  # of valid tokens no two have one name
        wanted = {"name": name, "role": "worker", "cameras": [camera_id]}
        answer = await self.ask("POST", "/tokens", json=wanted, headers={"Idempotency-Key": key})
        return str(answer.json().get("token", ""))  # none where the camera is gone, as its claim will say
