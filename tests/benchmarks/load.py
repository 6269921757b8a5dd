"""One window of load on one server, and what came of it."""

import http.client
import json
import os
import random
import re
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.servers import HERE, SAMPLES, Server
from tests.cluster import Cluster
from tests.processes import Failure, output_of

TIMEOUT_SECONDS = 30
NEXT_PAGE = re.compile(r'<http://[^/]+(/[^>]+)>; rel="next"')
SLOT_SECONDS = 10  # a window's events are stamped within so many seconds, a microsecond apart


@dataclass
class Window:
    """Figures of one window: `rate` (a second), `p50_ms`, `p99_ms`, `rss_mib` and whatever else was seen."""

    figures: dict[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        return self.figures[name]


@dataclass(frozen=True)
class Requests:
    """What one wrk sends: `mode` is single, json, ndjson, read, or guess, which most answers refuse.

    What is read stands at an address; in it {camera} is one of the server's, chosen for each request.
    """

    server: Server
    mode: str = "single"
    connections: int = 128
    batch: int = 1
    address: str = "/cameras"

    @property
    def stores(self) -> bool:
        return self.mode not in ("read", "guess")

    @property
    def role(self) -> str:
        return "viewer" if self.mode == "read" else "worker"


class Load:
    """Runs windows, each on a table without the samples of the one before, and right after a checkpoint."""

    def __init__(self, cluster: Cluster, work: Path, seconds: int) -> None:
        self.cluster, self.work, self.seconds = cluster, work, seconds
        # Recent, as in life: samples that are hours old cost ingest a mark of their own.
        self._next_slot = int(time.time()) - 6_000
        self._warm: set[str] = set()
        self.busy: list[float] = []  # the share of all cores that others took in the pauses before windows

    def run(self, requests: Requests, beside: Requests | None = None, *, keep: bool = False) -> Window:
        """Measure `requests`, while another client does what `beside` says.

        Where events are stored, every one that was answered must be in the table afterwards. Raises Failure.
        """
        server = requests.server
        self.warm(server)
        before = self._prepare(server, keep=keep)
        if beside is None:
            window = self._finish(self._start(requests, self.seconds), requests, self.seconds)
        else:
            window = self._both(requests, beside)
        if server.samples and requests.stores:
            self._check_stored(server, window, before)
        return window

    def _both(self, requests: Requests, beside: Requests) -> Window:
        """One window while another client is at work from before its start to after its end."""
        longer = self.seconds + 1
        other = self._start(beside, longer)
        try:
            time.sleep(0.5)
            window = self._finish(self._start(requests, self.seconds), requests, self.seconds)
            aside = self._finish(other, beside, longer)
        finally:
            other.kill()
            other.wait()
        window.figures |= {f"beside_{name}": value for name, value in aside.figures.items()}
        return window

    def warm(self, server: Server) -> None:
        """Two unmeasured seconds, the first time that a server is used."""
        if server.name not in self._warm:
            self._warm.add(server.name)
            requests = Requests(server, connections=32)
            self._finish(self._start(requests, 2), requests, 2)

    def copy(self, server: Server) -> Window:
        r"""psql's \copy of rows like those of a batch, into the same table: the physical limit."""
        self._prepare(server, keep=False)
        count = 100_000 * self.seconds
        rows = self.work / "rows.csv"
        assert server.cameras is not None
        cameras = server.cameras.read_text().split()
        slot, received_at = self._slot(), datetime.now(UTC).isoformat()
        with rows.open("w") as file:
            for place in range(count):
                at = datetime.fromtimestamp(slot + place // 1_000_000, UTC)
                stamp = f"{at:%Y-%m-%dT%H:%M:%S}.{place % 1_000_000:06}Z"
                file.write(f'{random.choice(cameras)},{stamp},"",{place % 50},0.95,{received_at}\n')
        columns = "camera_id, timestamp, zone, occupancy, confidence, received_at"
        command = f"\\copy {SAMPLES} ({columns}) FROM '{rows}' WITH (FORMAT csv)"
        url = self.cluster.url(server.database)
        started = time.perf_counter()
        output_of([self.cluster.psql(), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", command, url], timeout=600)
        seconds = time.perf_counter() - started
        rows.unlink()
        return Window({"rate": count / seconds, "seconds": seconds, "events": count})

    def bare_transactions(self, server: Server) -> Window:
        """INSERT, UPDATE and commit by one prepared connection: what a durable event costs without a service."""
        self._prepare(server, keep=False)
        assert server.cameras is not None
        cameras = server.cameras.read_text().split()
        slot, now = self._slot(), datetime.now(UTC)
        took: list[float] = []
        insert = f"INSERT INTO {SAMPLES} (camera_id, timestamp, zone, occupancy, confidence, received_at) VALUES (%s, %s, '', 1, 0.95, %s)"
        update = "UPDATE cameras_cameravitals SET last_contact = %s WHERE camera_id = %s"
        with self.cluster.connect(server.database, autocommit=False) as connection:
            deadline = time.perf_counter() + self.seconds
            while (started := time.perf_counter()) < deadline:
                camera = random.choice(cameras)
                at = datetime.fromtimestamp(slot + len(took) / 1_000, UTC)
                connection.execute(insert, (camera, at, now), prepare=True)
                connection.execute(update, (now, camera), prepare=True)
                connection.commit()
                took.append((time.perf_counter() - started) * 1_000)
        percentiles = statistics.quantiles(took, n=100)
        return Window({"rate": len(took) / self.seconds, "p50_ms": percentiles[49], "p99_ms": percentiles[98]})

    def lists(self, server: Server, page: int | None) -> Window:
        """One client that reads all cameras again and again: as a whole, or in pages of that size by their `Link`."""
        self.warm(server)
        self._prepare(server, keep=True)
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=TIMEOUT_SECONDS)
        headers = {"Authorization": f"Bearer {server.tokens['viewer']}"}
        took: list[float] = []
        deadline = time.perf_counter() + self.seconds
        while (started := time.perf_counter()) < deadline:
            address = f"/cameras?limit={page}" if page else "/cameras"
            while address:
                connection.request("GET", address, headers=headers)
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    raise Failure(f"{server.name} answered {response.status} to {address}.")
                following = NEXT_PAGE.search(response.getheader("Link", ""))
                address = following[1] if following else ""
            took.append((time.perf_counter() - started) * 1_000)
        connection.close()
        return Window({"rate": len(took) / sum(took) * 1_000, "p50_ms": statistics.median(took)})

    def post_until(self, server: Server, total: int) -> int:
        """Post single events until so many are stored; returns how many are."""
        requests, stored = Requests(server), 0
        for _ in range(200):
            stored = self.count(server)
            if stored >= total:
                return stored
            seconds = 1 if total - stored < 20_000 else 10
            self._finish(self._start(requests, seconds), requests, seconds)
        raise Failure(f"Only {stored:,} events of {total:,} were stored.")

    def _prepare(self, server: Server, *, keep: bool) -> int:
        """Like conditions for every window; returns how many samples the table holds."""
        time.sleep(0.5)  # what the last window left under way
        self._notice_others()
        before = 0
        if server.samples:
            with self.cluster.connect(server.database) as connection:
                if not keep:
                    connection.execute(f"TRUNCATE {server.samples}")
                connection.execute("CHECKPOINT")
            before = self.count(server) if keep else 0
        return before

    def _notice_others(self) -> None:
        """How busy the cores are while the benchmark does nothing, where /proc tells."""
        if not (stat := Path("/proc/stat")).exists():
            return

        def idle_and_all() -> tuple[int, int]:
            ticks = [int(text) for text in stat.read_text().split("\n", 1)[0].split()[1:9]]
            return ticks[3] + ticks[4], sum(ticks)

        idle_before, all_before = idle_and_all()
        time.sleep(0.5)
        idle, everything = idle_and_all()
        self.busy.append(1 - (idle - idle_before) / max(1, everything - all_before))

    def count(self, server: Server) -> int:
        with self.cluster.connect(server.database) as connection:
            row = connection.execute(f"SELECT count(*) FROM {server.samples}").fetchone()
            return int(row[0]) if row else 0

    def _check_stored(self, server: Server, window: Window, before: int) -> None:
        stored = self.count(server) - before
        answered = window["events"] + window.figures.get("beside_events", 0)
        if stored < answered:
            raise Failure(f"{server.name} answered {answered:,.0f} events and stored {stored:,}.")

    def _slot(self) -> int:
        self._next_slot += SLOT_SECONDS
        return self._next_slot

    def _start(self, requests: Requests, seconds: int) -> subprocess.Popen[str]:
        server = requests.server
        environment = {
            **os.environ,
            "MODE": requests.mode,
            "CAMERAS": str(server.cameras),
            "TOKEN": server.tokens.get(requests.role, ""),
            "SINCE": str(self._slot()),
            "BATCH": str(requests.batch),
            "ADDRESS": requests.address,
            "SESSION": server.session if requests.address.startswith("/admin/") else "",
        }
        shape = ["-t1", f"-c{requests.connections}", f"-d{seconds}s", f"--timeout={TIMEOUT_SECONDS}s"]
        command = ["wrk", *shape, "-s", str(HERE / "load.lua"), server.url]
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _finish(self, wrk: subprocess.Popen[str], requests: Requests, seconds: int) -> Window:
        try:
            output, _ = wrk.communicate(timeout=seconds + 2 * TIMEOUT_SECONDS)
        except BaseException:
            wrk.kill()
            wrk.wait()
            raise
        told = [line for line in output.splitlines() if line.startswith("RESULT ")]
        if wrk.returncode or not told:
            raise Failure(f"wrk failed:\n{output[-2000:]}")
        figures: dict[str, float] = json.loads(told[-1].removeprefix("RESULT "))
        refused = 0 if requests.mode == "guess" else figures["not_2xx"]
        if refused or figures["socket_errors"] or not figures["requests"]:
            raise Failure(
                f"{requests.server.name}, {requests.mode}, {requests.connections} connections: {figures}"
            )
        events = 0 if not requests.stores else figures["requests"] * requests.batch
        figures |= {"events": events, "rate": (events or figures["requests"]) / figures["seconds"]}
        return Window(figures)
