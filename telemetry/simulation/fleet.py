"""A fleet of simulated vision workers, which use the service by HTTP alone.

Each worker reports its camera's occupancy as a real one would: along the curve of a day, at about the expected
interval, now and then silent or restarted; or it plays what the camera's model configuration asks for. Where the
token that lists cameras may place workers, they are claimed as by an orchestrator. What the server cannot take is
sent again until it can. Must not import models or anything else of the service.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from telemetry.simulation.behaviour import Kind, behaviour_of
from telemetry.simulation.client import Client, SimulationFailed, members_of, open_client, stops_within
from telemetry.simulation.tally import Tally
from telemetry.simulation.worker import NODE, Observation, Worker

LIST_EVERY_SECONDS = 10.0
# How long to wait at the start for a server that does not answer.
STARTUP_SECONDS = 60.0
# For so long after the stop what was observed before it may still be sent.
GRACE_SECONDS = 3.0
BATCH_EVERY_SECONDS = 1.0
MAX_BATCH_ITEMS = 5_000
MAX_PLACEMENTS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Which cameras to work for, and how.

    Without a `read_token` the cameras cannot be listed: then `camera_ids` must be given, and a camera that was
    stopped is not started again. With one, `camera_ids` None stands for all cameras that should run.
    """

    url: str
    token: str = field(repr=False)
    read_token: str | None = field(default=None, repr=False)
    camera_ids: frozenset[UUID] | None = None
    speed: float = 1.0
    batch: bool = False


async def run_fleet(fleet: Fleet, stop: asyncio.Event, tally: Tally) -> None:
    """Work until `stop` is set. Raises SimulationFailed, e.g. where a token is refused."""
    async with open_client(
        fleet.url, token=fleet.token, read_token=fleet.read_token, stop=stop, tally=tally
    ) as client:
        await _Simulation(fleet, client, stop, tally).run()


class _Simulation:
    def __init__(self, fleet: Fleet, client: Client, stop: asyncio.Event, tally: Tally) -> None:
        self.fleet, self.client, self.stop, self.tally = fleet, client, stop, tally
        self.workers: dict[UUID, Worker] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.outbox: list[Observation] = []
        self.reports: list[dict[str, Any]] = []
        self.failure: SimulationFailed | None = None
        self.timezones: dict[str, tzinfo] = {}

    async def run(self) -> None:
        if self.fleet.read_token:
            await self._list_at_start()
            self._spawn(self._keep_listing())
        else:
            for camera_id in sorted(self.fleet.camera_ids or ()):
                self._start(Worker(camera_id, generation=1, speed=self.fleet.speed))
        if self.fleet.batch:
            self._spawn(self._keep_flushing())
        await self.stop.wait()
        if self.tasks:
            _, late = await asyncio.wait(self.tasks, timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self.tally.unsent += len(self.outbox)
        if self.failure:
            raise self.failure

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            known = isinstance(error, SimulationFailed)
            self._fail(str(error) if known else f"The simulation has a fault: {type(error).__name__}: {error}")

    def _fail(self, reason: str) -> None:
        self.failure = self.failure or SimulationFailed(reason)
        self.stop.set()

    # --- Which cameras should run ---

    async def _list_at_start(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + STARTUP_SECONDS
        while not await self._list():
            if loop.time() > deadline:
                raise SimulationFailed(f"{self.fleet.url} has not answered for {STARTUP_SECONDS:.0f} seconds.")
            if await stops_within(self.stop, 1):
                return

    async def _keep_listing(self) -> None:
        while not await stops_within(self.stop, LIST_EVERY_SECONDS):
            await self._list()

    async def _list(self) -> bool:
        """Start workers for the cameras that should run, and end those of all others; False if not now."""
        listed = await self.client.get("/cameras?fields=desired_state,generation,model_config,placement")
        if listed is None:
            return False
        wanted = {
            camera_id: item
            for item in listed
            if _is_for_us(item) and (camera_id := UUID(item["id"])) in (self.fleet.camera_ids or {camera_id})
        }
        for camera_id, worker in self.workers.items():
            worker.wanted = camera_id in wanted
        anew = [
            (camera_id, item)
            for camera_id, item in wanted.items()
            if camera_id not in self.workers or self.workers[camera_id].generation != item["generation"]
        ]
        if anew and not self.timezones:
            await self._read_timezones()
        ready: list[Worker] = []
        for start in range(0, len(anew), 8):
            found = await asyncio.gather(*(self._configure(*new) for new in anew[start : start + 8]))
            ready += [worker for worker in found if worker]
        await self._place([(worker, wanted[worker.camera_id]) for worker in ready])
        for worker in ready:
            if worker.camera_id not in self.workers:
                self._start(worker)
        return True

    async def _configure(self, camera_id: UUID, item: dict[str, Any]) -> Worker | None:
        """The worker of a camera, a new one or the one that runs, with the configuration of now."""
        camera = await self.client.get(f"/cameras/{camera_id}")
        if camera is None or self.stop.is_set():
            return None  # the camera was deleted, or the next list tries again
        worker = self.workers.get(camera_id) or Worker(camera_id, item["generation"], speed=self.fleet.speed)
        worker.generation, worker.behaviour = camera["generation"], behaviour_of(camera["model_config"])
        worker.interval_seconds = camera["expected_interval_seconds"]
        worker.timezone = self.timezones.get(camera["site"] or "", UTC)
        worker.zones = tuple(
            zone["id"]
            for zone in camera["zone_config"]["features"]
            if zone["properties"].get("kind") != "exclusion"
        )
        return worker

    async def _place(self, workers: list[tuple[Worker, dict[str, Any]]]) -> None:
        """Claim workers of cameras as they were listed. One that runs has the same name, and keeps its epoch."""
        placed = [each for each in workers if each[0].behaviour.kind is not Kind.ORPHANED]
        for start in range(0, len(placed), MAX_PLACEMENTS):
            part = placed[start : start + MAX_PLACEMENTS]
            claims = [worker.claim((item["placement"] or {"epoch": 0})["epoch"]) for worker, item in part]
            answers = await self.client.place(claims)
            for (worker, _), answer in zip(part, answers, strict=False):
                worker.epoch = answer.get("epoch")

    async def _read_timezones(self) -> None:
        for site in await self.client.get("/sites") or []:
            try:
                self.timezones[site["id"]] = ZoneInfo(site["timezone"])
            except (ZoneInfoNotFoundError, ValueError):
                self.timezones[site["id"]] = UTC

    # --- Working ---

    def _start(self, worker: Worker) -> None:
        self.workers[worker.camera_id] = worker
        self._spawn(self._work(worker))

    async def _work(self, worker: Worker) -> None:
        try:
            ended = await stops_within(self.stop, worker.first_pause_seconds())
            while worker.wanted and not ended:
                now = datetime.now(UTC)
                observed = worker.observe(now)
                report = worker.report(now)
                if self.fleet.batch:
                    self.outbox += observed
                    self.reports += [{"camera_id": str(worker.camera_id), **report}] if report else []
                else:
                    await self._post_each(worker, observed)
                    if report and worker.wanted:
                        await self._post_report(worker, report)
                ended = await stops_within(self.stop, worker.pause_seconds() if worker.wanted else 0)
        finally:
            del self.workers[worker.camera_id]

    async def _post_each(self, worker: Worker, observed: list[Observation]) -> None:
        for number, (camera_id, sample) in enumerate(observed):
            response = await self.client.post(f"/telemetry/{camera_id}", sample)
            if response is None:
                self.tally.unsent += len(observed) - number
                return
            self.tally.sent += 1
            answer = members_of(response)
            self.tally.accepted += answer.get("accepted", 0)
            self.tally.duplicates += answer.get("duplicates", 0)
            if not response.is_success:
                self.client.log_refusal(response)
                self.tally.errors += 1
                worker.wanted = worker.wanted and response.status_code not in (403, 404)
            self._obey(worker, answer)
            self._adopt({str(camera_id): answer.get("generation", worker.generation)})

    async def _post_report(self, worker: Worker, report: dict[str, Any]) -> None:
        response = await self.client.post(f"/telemetry/{worker.camera_id}/report", report)
        if response is not None:
            self.tally.reports += 1
            self._obey(worker, members_of(response))

    def _obey(self, worker: Worker, answer: dict[str, Any]) -> None:
        """End where the receipt says so, if it is not played that nobody listens."""
        is_stopped = answer.get("desired_state") == "stopped" and worker.behaviour.kind is not Kind.ORPHANED
        worker.wanted = worker.wanted and not is_stopped and answer.get("code") != "fenced"

    async def _keep_flushing(self) -> None:
        while not await stops_within(self.stop, BATCH_EVERY_SECONDS):
            await self._flush()
        await self._flush()

    async def _flush(self) -> None:
        await self._flush_reports()
        while self.outbox:
            items, self.outbox = self.outbox[:MAX_BATCH_ITEMS], self.outbox[MAX_BATCH_ITEMS:]
            batch = [{"camera_id": str(camera_id), **sample} for camera_id, sample in items]
            response = await self.client.post("/telemetry", batch)
            if response is None:
                self.tally.unsent += len(items)
                return
            self.tally.sent += len(items)
            answer = members_of(response)
            self.tally.accepted += answer.get("accepted", 0)
            self.tally.duplicates += answer.get("duplicates", 0)
            self.tally.errors += answer.get("rejected", 0 if response.is_success else len(items))
            if not response.is_success or answer.get("rejected"):
                self.client.log_refusal(response)
            self._obey_batch(answer)

    async def _flush_reports(self) -> None:
        while self.reports:
            items, self.reports = self.reports[:MAX_BATCH_ITEMS], self.reports[MAX_BATCH_ITEMS:]
            response = await self.client.post("/telemetry/reports", items)
            if response is None:
                return
            self.tally.reports += len(items)
            self._obey_batch(members_of(response))

    def _obey_batch(self, answer: dict[str, Any]) -> None:
        said = [(camera_id, {"desired_state": "stopped"}) for camera_id in answer.get("stop", ())]
        said += [(camera_id, {"code": "fenced"}) for camera_id in answer.get("fenced", ())]
        for camera_id, receipt in said:
            if worker := self.workers.get(UUID(camera_id)):
                self._obey(worker, receipt)
        self._adopt(answer.get("outdated", {}))

    def _adopt(self, generations: dict[str, int]) -> None:
        """Run on the configuration that a receipt names, where it cannot be read: nothing here depends on it."""
        for camera_id, generation in generations.items():
            worker = self.workers.get(UUID(camera_id))
            if worker and not self.fleet.read_token:
                worker.generation = generation


def _is_for_us(item: dict[str, Any]) -> bool:
    """Whether a camera that was listed should have a worker, and none of somebody else's."""
    placement = item["placement"]
    if placement and placement["phase"] != "stopped" and not placement["node"].startswith(NODE):
        return False
    return item["desired_state"] == "running" or behaviour_of(item["model_config"]).kind is Kind.ORPHANED
