"""The processor time of single requests, in this process: comparable also where other programs keep the cores busy.

    python -m tests.benchmarks.fleet 10 > fleet.json                      on a migrated database, with its settings
    python -m tests.benchmarks.costs fleet.json /cameras /admin/          again with another commit on the same database

Requests come one after the other through the whole application, without a server. {camera} is the first camera.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

# Of each address so many, or as many as take so long.
MOST_REQUESTS = 300
MOST_SECONDS = 2.0
WARM_UP = 5


async def main(fleet: dict[str, Any], addresses: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    os.environ["REQUIRE_MFA"] = "nobody"
    from controlplane.asgi import application  # noqa: PLC0415  # reads the settings

    for address in addresses:
        scope = _scope_of(address.replace("{camera}", fleet["cameras"][0]), fleet)
        for _ in range(WARM_UP):
            await _ask(application, scope)
        began, count, seconds = time.process_time(), 0, 0.0
        while count < MOST_REQUESTS and seconds < MOST_SECONDS:
            await _ask(application, scope)
            count, seconds = count + 1, time.process_time() - began
        sys.stdout.write(f"{address}: {seconds / count * 1_000:.2f} ms\n")


def _scope_of(address: str, fleet: dict[str, Any]) -> dict[str, Any]:
    path, _, query = address.partition("?")
    who = (b"authorization", b"Bearer " + fleet["tokens"]["viewer"].encode())
    if path.startswith("/admin/"):
        who = (b"cookie", b"sessionid=" + fleet["session"].encode())
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), who],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


async def _ask(application: Any, scope: dict[str, Any]) -> None:
    """Raises RuntimeError where the answer is no 200."""
    body = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        if body:
            return body.pop()
        return await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        if message.get("status", 200) != 200:
            raise RuntimeError(f"{scope['path']} answered {message['status']}.")

    await application(scope, receive, send)


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2:]))
