"""Workers that are replaced again and again under load: nothing of an older one is stored once the newer was placed."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from tests.faults.client import Answer, Connection
from tests.faults.ledger import Ledger
from tests.faults.load import Load
from tests.faults.service import Fleet, Service

Connect = Callable[..., psycopg.Connection[Any]]
Record = Callable[[str, object], None]

# How many samples of each worker have to be stored before the next takes over.
STORED_EACH = 2


class Worker:
    """Sends samples without a pause, singly or in batches, under the epoch that it was given.

    What it sends holds the number of that takeover as its occupancy.
    """

    def __init__(self, camera: str, zone: str, size: int) -> None:
        self.camera, self.zone, self.size = camera, zone, size
        self.takeover = self.epoch = 0
        self.codes: Counter[str] = Counter()
        self.stored: Counter[int] = Counter()
        self.unfenced: list[tuple[int, int]] = []
        self.newest = 0  # the newest takeover that was answered, to whomever
        self._next = datetime.now(UTC) - timedelta(minutes=30)

    async def send_until(self, ended: asyncio.Event, connection: Connection) -> None:
        while not ended.is_set():
            if not self.epoch:
                await asyncio.sleep(0.01)
                continue
            takeover, newest_when_sent = self.takeover, self.newest
            answer = await self._send(connection)
            body = answer.json()
            assert answer.status in (200, 201, 400, 409), (answer.status, body)
            is_batch = self.size > 1
            stored = body.get("accepted", 0)
            codes = [error["code"] for error in body["errors"]] if is_batch else [body.get("code")] * (not stored)
            self.codes.update(codes, stored=stored)
            self.stored[takeover] += stored
            assert set(codes) <= {"fenced"}, body
            if stored and takeover < newest_when_sent:
                self.unfenced.append((takeover, newest_when_sent))

    async def _send(self, connection: Connection) -> Answer:
        events = []
        for _ in range(self.size):
            self._next += timedelta(microseconds=1)
            event = {"timestamp": self._next.isoformat(), "occupancy": self.takeover, "confidence": 0.5}
            events.append({**event, "zone": self.zone, "epoch": self.epoch})
        if self.size == 1:
            return await connection.request("POST", f"/telemetry/{self.camera}", json.dumps(events[0]).encode())
        items = [{"camera_id": self.camera, **event} for event in events]
        return await connection.request("POST", "/telemetry", json.dumps(items).encode())


def test_of_workers_that_are_replaced_under_load_nothing_is_stored_after_the_newer_was_placed(
    service: Service, fleet: Fleet, ledger: Ledger, database: Connect, long: bool, record_property: Record
) -> None:
    takeovers = 200 if long else 15
    camera = fleet.cameras.pop()
    stored_by = "SELECT count(*) FROM telemetry_sample WHERE camera_id = %s AND occupancy < %s"
    # Single samples, batches of the quick queue, and batches of the other one.
    pair = [[Worker(camera, f"{name}-{size}", size) for size in (1, 20, 150)] for name in "ab"]
    workers = [worker for each in pair for worker in each]
    at_answer: dict[int, int] = {}
    reader = database()

    async def take_over(number: int, orchestrator: Connection) -> None:
        place = {"node": "north", "container": str(number), "phase": "running"}
        answer = await orchestrator.request("PUT", f"/cameras/{camera}/placement", json.dumps(place).encode())
        assert answer.status == 200, answer.body
        for worker in workers:
            worker.newest = number
        at_answer[number] = reader.execute(stored_by, [camera, number]).fetchone()[0]  # type: ignore[index]
        for worker in pair[number % 2]:
            worker.takeover, worker.epoch = number, answer.json()["epoch"]

    async def scenario() -> None:
        ended = asyncio.Event()
        connections = [Connection(service.port, fleet.tokens["worker"]) for _ in workers]
        async with asyncio.TaskGroup() as group, Connection(service.port, fleet.tokens["orchestrator"]) as claims:
            for worker, connection in zip(workers, connections, strict=True):
                group.create_task(worker.send_until(ended, connection))
            for number in range(1, takeovers + 1):
                await take_over(number, claims)
                async with asyncio.timeout(30):
                    while any(worker.stored[number] < STORED_EACH for worker in pair[number % 2]):
                        await asyncio.sleep(0.005)
            ended.set()
        for connection in connections:
            connection.close()

    with Load(service.port, fleet.tokens["worker"], ledger):
        asyncio.run(scenario())

    ledger.check(database())
    late = {number: reader.execute(stored_by, [camera, number]).fetchone()[0] for number in at_answer}  # type: ignore[index]
    assert late == at_answer, "stored after the answer to the newer placement"
    assert [worker.unfenced for worker in workers] == [[]] * len(workers)
    codes: Counter[str] = sum((worker.codes for worker in workers), Counter())
    assert codes["fenced"] > takeovers / 2, "the older worker went on"
    assert reader.execute(stored_by, [camera, takeovers + 1]).fetchone()[0] == codes["stored"]  # type: ignore[index]
    record_property("takeovers", takeovers)
    record_property("stored and fenced", (codes["stored"], codes["fenced"]))
