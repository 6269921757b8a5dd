"""Clients that send slowly or not at all, too many connections, and people who ask for too much at once."""

import asyncio
import contextlib
import re
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
from django.contrib.auth.hashers import make_password

from tests.faults.client import Answer, Connection, drip
from tests.faults.conftest import SMALL_CAP
from tests.faults.ledger import Ledger
from tests.faults.load import Load, batch_of, percentile
from tests.faults.service import WORKERS, Fleet, Service

Connect = Callable[..., psycopg.Connection[Any]]
Record = Callable[[str, object], None]
PROBLEM = "application/problem+json"


async def take_nothing(port: int) -> float:
    """Ask for much and read nothing of it, until the connection is cut; how long that took."""
    started = time.monotonic()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", port))
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - started < 60:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await loop.sock_sendall(
                            client,
                            b"GET /static/unfold/css/styles.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 1_000,
                        )
    return time.monotonic() - started


def test_slow_senders_get_408_and_disturb_nobody(
    service: Service, fleet: Fleet, ledger: Ledger, database: Connect, long: bool, record_property: Record
) -> None:
    token = fleet.tokens["worker"]
    path = f"POST /telemetry/{ledger.cameras[0]} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    head = path.encode()
    body = f"{path}Authorization: Bearer {token}\r\nContent-Type: application/json\r\n".encode()
    by_length, in_chunks = b"Content-Length: 500\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n"

    async def all_at_once() -> list[tuple[float, Answer | None]]:
        return await asyncio.gather(
            *(drip(service.port, token, head, b"X") for _ in range(50)),
            *(drip(service.port, token, body + by_length, b" ") for _ in range(25)),
            # A kilobyte a second earns an eighth of a second more for each.
            *(drip(service.port, token, body + b"Content-Length: 60000\r\n\r\n{", b" " * 512) for _ in range(5)),
            # So many drops that one falls together with the deadline.
            *(drip(service.port, token, body + in_chunks, b"1\r\n \r\n", 0.02) for _ in range(25)),
            *(drip(service.port, token, b"", b"") for _ in range(20)),
        )

    with Load(service.port, token, ledger) as load:
        ends = asyncio.run(all_at_once())

    ledger.check(database())
    for _, answer in ends[:105]:
        assert answer is not None
        assert (answer.status, answer.headers["content-type"]) == (408, PROBLEM)
    assert [answer for _, answer in ends[105:]] == [None] * 20, "who never sent a byte gets no answer"
    assert max(seconds for seconds, _ in ends) < 15
    assert set(ledger.statuses) <= {200, 201}
    assert percentile([attempt.seconds for attempt in load.attempts], 0.99) < 1
    if long:
        cut_after = asyncio.run(take_nothing(service.port))
        assert cut_after < 50
        record_property("a client that takes nothing is cut after (s)", round(cut_after, 1))
    record_property("longest of 125 slow connections (s)", round(max(seconds for seconds, _ in ends), 1))
    record_property("p99 of ingest meanwhile (s)", round(percentile([a.seconds for a in load.attempts], 0.99), 3))


async def trickle(port: int, token: str, path: str, body: bytes, bytes_a_second: int) -> tuple[float, Answer]:
    """Send a request at a steady rate; how long that took, and what was answered."""
    async with Connection(port, token) as connection:
        data = connection.bytes_of("POST", path, body)
        started = time.monotonic()
        for start in range(0, len(data), bytes_a_second // 4):
            await connection.send(data[start : start + bytes_a_second // 4])
            await asyncio.sleep(0.25)
        return time.monotonic() - started, await connection.receive()


def test_a_slow_uplink_gets_through_in_every_tier(
    service: Service, ingest_tier: Service, fleet: Fleet, ledger: Ledger, record_property: Record
) -> None:
    worker, administrator = fleet.tokens["worker"], fleet.tokens["administrator"]
    kilobyte = 1024

    def batch() -> bytes:
        whole = batch_of([ledger.make_event().wire(item=True) for _ in range(500)])
        return whole[:1] + b" " * (900 * kilobyte - len(whole)) + whole[1:]

    async def all_at_once() -> list[tuple[float, Answer]]:
        return await asyncio.gather(
            trickle(service.port, worker, "/telemetry", batch(), 64 * kilobyte),
            trickle(ingest_tier.port, worker, "/telemetry", batch(), 64 * kilobyte),
            trickle(service.port, administrator, "/cameras", b"{}".rjust(200 * kilobyte), 14 * kilobyte),
        )

    (web_seconds, web), (tier_seconds, tier), (camera_seconds, camera) = asyncio.run(all_at_once())

    assert min(web_seconds, tier_seconds, camera_seconds) > 12, "longer than the first seconds allow"
    assert [(answer.status, answer.json()["accepted"]) for answer in (web, tier)] == [(200, 500)] * 2
    assert (camera.status, camera.json()["detail"]) == (400, "The body names no field."), "it was read to its end"
    record_property("a batch of 900 KiB at 64 KiB a second (s)", round(web_seconds, 1))


def test_connections_over_the_cap_get_503_and_leave_the_others_alone(
    small_service: Service, fleet: Fleet, ledger: Ledger, database: Connect
) -> None:
    asked = 400

    async def crowd(port: int) -> Counter[int]:
        """Connections that send nothing; what they were answered within two seconds."""
        connections = [Connection(port) for _ in range(asked)]
        statuses: Counter[int] = Counter()
        for connection in connections:
            await connection.send(b"")
        answers = await asyncio.gather(
            *(asyncio.wait_for(connection.receive(), 2) for connection in connections), return_exceptions=True
        )
        for answer in answers:
            statuses[answer.status if isinstance(answer, Answer) else 0] += 1
            if isinstance(answer, Answer):
                assert (answer.headers["content-type"], answer.headers["retry-after"]) == (PROBLEM, "2")
        for connection in connections:
            connection.close()
        return statuses

    with Load(small_service.port, fleet.tokens["worker"], ledger, sizes=(150, 150)) as load:
        load.wait_for_answer(time.monotonic())
        statuses = asyncio.run(crowd(small_service.port))
        load.wait_for_answer(time.monotonic())

    ledger.check(database())
    assert ledger.unanswered == 0
    assert ledger.statuses[200] > 0
    assert set(ledger.statuses) <= {200, 503}, "a worker that is recycled meanwhile has others at its places"
    assert set(statuses) == {0, 503}
    # On a busy machine workers are recycled more than once meanwhile, and some answers come late.
    assert statuses[503] >= asked - 4 * WORKERS * SMALL_CAP


def test_300_slow_requests_of_one_person_to_the_admin_are_refused_and_never_stall_ingest(
    service: Service, fleet: Fleet, ledger: Ledger, database: Connect, record_property: Record
) -> None:
    locker = database(autocommit=False)
    locker.execute(
        "INSERT INTO auth_user (username, password, is_superuser, is_staff, is_active, first_name, last_name, email,"
        " date_joined) VALUES ('ann', %s, true, true, true, '', '', '', now())",
        [make_password("a-password-of-tests")],
    )
    locker.commit()

    async def sign_in() -> dict[str, str]:
        async with Connection(service.port) as connection:
            form = await connection.request("GET", "/admin/account/login/")
            field = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', form.body)
            assert field is not None
            cookie = form.headers["set-cookie"].partition(";")[0]
            sent = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
            body = b"csrfmiddlewaretoken=%s&login=ann&password=a-password-of-tests" % field[1]
            answer = await connection.request("POST", "/admin/account/login/?next=/admin/", body, sent)
            assert answer.status == 302, answer
            return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}

    async def look(headers: dict[str, str]) -> int:
        async with Connection(service.port) as connection:
            return (await connection.request("GET", "/admin/access/auditentry/", headers=headers)).status

    async def all_at_once(headers: dict[str, str]) -> Counter[int]:
        return Counter(await asyncio.gather(*(look(headers) for _ in range(300))))

    headers = asyncio.run(sign_in())
    assert asyncio.run(look(headers)) == 200
    locker.execute("LOCK TABLE access_auditentry IN ACCESS EXCLUSIVE MODE")
    with Load(service.port, fleet.tokens["worker"], ledger) as load:
        statuses = asyncio.run(all_at_once(headers))
        locker.rollback()

    assert asyncio.run(look(headers)) == 200
    ledger.check(database())
    assert set(statuses) == {429, 503}
    assert statuses[429] > statuses[503], "few were inside at a time, and waited for the table's lock"
    assert set(ledger.statuses) <= {200, 201}
    assert percentile([attempt.seconds for attempt in load.attempts], 0.99) < 1
    record_property("answers to 300 slow requests", dict(statuses))
    record_property("slowest answer of ingest meanwhile (s)", round(load.slowest(), 2))
