"""Clients that ask for a long list and read nothing of it, and then leave: what they held is free at once."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from controlplane.admission import PLACES
from tests.cluster import Cluster
from tests.faults.client import Answer, Connection
from tests.faults.service import WORKERS, Fleet, Service, make_fleet

DATABASE = "long_lists"
CAMERAS = 2_100
STALLED = 50
ROLES = ("viewer", "orchestrator", "administrator")


@pytest.fixture(scope="module")
def long_lists(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Fleet]]:
    """A service with a list that is streamed, and room for as many requests of one token as for all."""
    cluster.create_database(DATABASE)
    fleet = make_fleet(cluster.url(DATABASE), CAMERAS)
    settings = {"REQUESTS_PER_PRINCIPAL": str(PLACES)}
    with Service(tmp_path_factory.mktemp("long"), cluster.url(DATABASE), settings=settings) as service:
        yield service, fleet
        assert service.logged_errors() == []


def stall(port: int, token: str, open_: ExitStack) -> socket.socket:
    """Ask for more than all buffers between hold, and read nothing."""
    client = open_.enter_context(socket.socket())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    request = f"GET /cameras HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
    client.sendall(request.encode() * 16)
    return client


async def ask(port: int, path: str, token: str = "") -> Answer:
    async with Connection(port, token) as connection:
        return await connection.request("GET", path)


def threads_of(process: int) -> int:
    return len(list(Path(f"/proc/{process}/task").iterdir()))


def test_fifty_stalled_lists_that_are_closed_leave_every_place_and_thread_free(
    long_lists: tuple[Service, Fleet],
) -> None:
    service, fleet = long_lists
    token = fleet.tokens["viewer"]
    threads: list[int] = []

    async def is_full() -> bool:
        answers = await asyncio.gather(*(ask(service.port, "/cameras?limit=1", token) for _ in range(2 * WORKERS)))
        return {answer.status for answer in answers} <= {429, 503}

    async def leave_and_ask_again() -> None:
        with ExitStack() as open_:
            for number in range(STALLED):
                stall(service.port, fleet.tokens[ROLES[number % len(ROLES)]], open_)
            async with asyncio.timeout(60):
                while not await is_full():
                    pass
            ready = await ask(service.port, "/readyz")
            assert ready.status == 200, ready
        # As many at once as there are places: every one of them is free, and has a thread.
        async with asyncio.timeout(60):
            answers = await asyncio.gather(*(ask(service.port, "/cameras", token) for _ in range(PLACES)))
        assert {answer.status for answer in answers} == {200}
        assert {len(answer.json()) for answer in answers} == {CAMERAS}
        assert (await ask(service.port, "/readyz")).status == 200
        threads.append(most_threads())

    def most_threads() -> int:
        return max(threads_of(process) for process in service.workers())

    assert not asyncio.run(is_full())
    before = most_threads()
    for _ in range(2):
        asyncio.run(leave_and_ask_again())

    assert max(threads) <= before + PLACES


def test_who_reads_slowly_gets_the_whole_list_from_a_process_that_is_replaced(
    long_lists: tuple[Service, Fleet],
) -> None:
    service, fleet = long_lists

    async def scenario() -> bytes:
        with ExitStack() as open_:
            client = stall(service.port, fleet.tokens["viewer"], open_)
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            received = await loop.sock_recv(client, 4096)
            assert b" 200 OK" in received
            reload = asyncio.create_task(asyncio.to_thread(service.hang_up))
            while not received.endswith(b"\r\n0\r\n\r\n"):
                part = await loop.sock_recv(client, 64 * 1024)
                assert part, "the answer was cut off"
                received += part
                if len(received) < 400_000:
                    await asyncio.sleep(0.05)  # a second and a half in all, while the processes are replaced
            client.close()
            await reload
        return received

    received = asyncio.run(scenario())

    _head, _, rest = received.partition(b"\r\n\r\n")
    whole = b""
    while rest and (size := int(rest[: rest.index(b"\r\n")], 16)):
        start = rest.index(b"\r\n") + 2
        whole, rest = whole + rest[start : start + size], rest[start + size + 2 :]
    assert len(json.loads(whole)) == CAMERAS


def test_stalled_lists_end_with_the_process_in_its_time(long_lists: tuple[Service, Fleet]) -> None:
    service, fleet = long_lists
    with ExitStack() as open_:
        clients = [stall(service.port, fleet.tokens["viewer"], open_) for _ in range(8)]
        for client in clients:
            assert client.recv(16).startswith(b"HTTP/1.1 200")
        took = service.stop()
    assert took < 12, "gunicorn gives them its graceful timeout, 8 s, and then ends them"
    service.start()
    assert asyncio.run(ask(service.port, "/cameras?limit=1", fleet.tokens["viewer"])).status == 200
