"""nginx in front of both tiers, with the files of deploy/nginx as they are."""

import asyncio
import ipaddress
import json
import os
import re
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth.hashers import make_password

from cameras.api.feed import MAX_WAIT_SECONDS
from cameras.api.stream import BOOKMARK_SECONDS
from tests.event_stream import HttpStream
from tests.faults.client import Answer, Connection, drip
from tests.faults.ledger import Ledger
from tests.faults.load import Load, percentile, post
from tests.faults.service import Fleet, Service
from tests.processes import free_port
from tests.proxy import FILES, NGINX, Certificate, Proxy
from tests.waiting import until

Connect = Callable[..., psycopg.Connection[Any]]
Record = Callable[[str, object], None]
PROBLEM = "application/problem+json"
TRUSTED, STRANGER = "127.0.0.9", "127.0.0.10"

pytestmark = pytest.mark.skipif(
    NGINX is None and os.environ.get("CI") != "true",
    reason="there is no nginx; on Debian: apt-get install nginx-light",
)


@pytest.fixture
def proxy(service: Service, ingest_tier: Service) -> Iterator[Proxy]:
    with Proxy(service.port, ingest_tier.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def secure_service(database_url: str, fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The web tier with the setting that TLS ends in front of it."""
    with Service(
        tmp_path_factory.mktemp("secure"),
        database_url,
        settings={"BEHIND_TLS": "1", "TRUSTED_PROXIES": "127.0.0.1"},
    ) as service:
        yield service
        assert service.logged_errors() == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Self-signed, for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "controlplane")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    files = Certificate(folder / "certificate.pem", folder / "key.pem")
    files.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


def logged(proxy: Proxy, path: str, count: int = 1) -> list[dict[str, str]]:
    """The entries of nginx's access log for a path, once there are so many: it writes when the answer is gone."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        lines = proxy.log.read_text().splitlines()
        entries = [entry for line in lines if (entry := json.loads(line))["path"] == path]
        if len(entries) >= count:
            return entries
        time.sleep(0.02)
    raise AssertionError(f"of {path}, no {count} requests were logged")


def test_nginx_takes_its_files_without_a_warning(certificate: Certificate) -> None:
    for given in (None, certificate):
        with Proxy(free_port(), free_port(), given) as proxy:
            said = proxy.check()
        assert "is successful" in said
        assert "[warn]" not in said


def test_long_polls_end_and_streams_have_a_bookmark_before_the_proxy_hangs_up() -> None:
    seconds = re.findall(r"proxy_read_timeout +(\d+)s;", (FILES / "controlplane.conf.template").read_text())

    assert [int(found) > max(MAX_WAIT_SECONDS, BOOKMARK_SECONDS) + 5 for found in seconds] == [True]


def test_events_of_a_stream_pass_at_once_over_a_reload_of_the_proxy_too(proxy: Proxy, fleet: Fleet) -> None:
    async def scenario() -> None:
        async with Connection(proxy.port, fleet.tokens["administrator"]) as connection:
            since = (await connection.request("GET", "/cameras?limit=1")).headers["x-cursor"]
            async with HttpStream(proxy.port, fleet.tokens["viewer"], f"since={since}") as stream:
                await until(lambda: stream.of_kind("bookmark"))
                for number in range(3):
                    changed_at = time.monotonic()
                    body = json.dumps({"notes": f"streamed {time.time()}"}).encode()
                    answer = await connection.request("PATCH", f"/cameras/{fleet.cameras[-1]}", body)
                    assert answer.status == 200
                    await until(lambda wanted=number + 1: len(stream.of_kind("change")) == wanted)  # type: ignore[misc]
                    # nginx would keep it back until a bookmark or two had filled its buffer.
                    assert time.monotonic() - changed_at < 5
                    if number == 1:
                        connection.close()
                        await asyncio.to_thread(proxy.reload)
                assert "content-encoding" not in stream.headers
                assert stream.headers["cache-control"] == "no-store"

    asyncio.run(scenario())


TIERS = {
    ("POST", "/telemetry"): "ingest",
    ("POST", "/telemetry/"): "ingest",
    ("POST", "/telemetry/some-camera"): "ingest",
    ("GET", "/telemetry/some-camera/gaps"): "web",
    ("GET", "/telemetry/latest"): "web",
    ("DELETE", "/telemetry/other-camera"): "web",
    ("POST", "/telemetryx"): "web",
    ("GET", "/cameras"): "web",
    ("POST", "/sites"): "web",
    ("GET", "/admin/account/login/"): "web",
    ("GET", "/metrics"): "web",
}


def test_each_request_reaches_its_tier(
    proxy: Proxy, service: Service, ingest_tier: Service, fleet: Fleet, ledger: Ledger, database: Connect
) -> None:
    ports = {"web": service.port, "ingest": ingest_tier.port}

    def stored_by(tier: Service) -> float:
        headers = {"Authorization": f"Bearer {fleet.tokens['viewer']}"}
        metrics = httpx.get(f"{tier.url}/metrics", headers=headers).text
        found = re.findall(r"^controlplane_ingest_events_total\{.*\} (.*)$", metrics, re.MULTILINE)
        return sum(map(float, found))

    async def send() -> Answer:
        async with Connection(proxy.port) as stranger, Connection(proxy.port, fleet.tokens["worker"]) as worker:
            for method, path in TIERS:
                await stranger.request(method, f"{path}?password=typed")
            event = ledger.make_event()
            answer = await post(worker, [event])
            ledger.acknowledge([event], accepted=1, duplicates=0)
            return answer

    before = (stored_by(service), stored_by(ingest_tier))
    answer = asyncio.run(send())

    reached = {
        (entry["method"], entry["path"]): entry["tier"] for path in TIERS for entry in logged(proxy, path[1])
    }
    assert reached == {request: f"127.0.0.1:{ports[tier]}" for request, tier in TIERS.items()}
    assert "typed" not in proxy.log.read_text(), "a query string is nobody's business"
    assert answer.status == 201
    assert (stored_by(service) - before[0], stored_by(ingest_tier) - before[1]) == (0, 1)
    ledger.check(database())


def test_slow_senders_end_at_the_proxy_and_disturb_nobody(
    proxy: Proxy, fleet: Fleet, ledger: Ledger, database: Connect, record_property: Record
) -> None:
    token = fleet.tokens["worker"]
    event = ledger.make_event()
    sample = json.dumps(event.wire(item=False)).encode()
    head = f"POST /telemetry/{event.camera} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode()
    whole_head = head + f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n".encode()
    body = b"%sContent-Length: %d\r\n\r\n" % (whole_head, len(sample))

    async def drip_a_sample() -> tuple[float, Answer]:
        """Over longer than the service has patience for a body."""
        started = time.monotonic()
        async with Connection(proxy.port) as connection:
            await connection.send(body)
            parts = 12
            for part in range(parts):
                await connection.send(sample[len(sample) * part // parts : len(sample) * (part + 1) // parts])
                await asyncio.sleep(1)
            return time.monotonic() - started, await connection.receive()

    async def all_at_once() -> tuple[list[tuple[float, Answer | None]], tuple[float, Answer]]:
        patient = asyncio.create_task(drip_a_sample())
        ends = await asyncio.gather(
            *(drip(proxy.port, "", head, b"X") for _ in range(50)),
            *(drip(proxy.port, "", body + sample[:5], b"") for _ in range(50)),
        )
        return ends, await patient

    with Load(proxy.port, token, ledger) as load:
        ends, (seconds, answer) = asyncio.run(all_at_once())

    assert answer.status == 201, "it was passed on when it was whole: the service itself would have hung up"
    assert seconds > 11
    ledger.acknowledge([event], accepted=1, duplicates=0)
    ledger.check(database())
    assert [answer for _, answer in ends] == [None] * 100
    assert max(seconds for seconds, _ in ends) < 15
    assert set(ledger.statuses) <= {200, 201}
    assert percentile([attempt.seconds for attempt in load.attempts], 0.99) < 1
    record_property(
        "p99 of ingest beside 100 slow senders (s)", percentile([a.seconds for a in load.attempts], 0.99)
    )


def test_if_match_takes_a_tag_that_the_service_or_nginx_made_weak(
    service: Service, ingest_tier: Service, fleet: Fleet
) -> None:
    proxy = Proxy(service.port, ingest_tier.port)
    (proxy.folder / "conf.d" / "gzip.conf").write_text("gzip on;\ngzip_types application/json;\n")
    path, gzipped = f"/cameras/{fleet.cameras[-1]}", {"Accept-Encoding": "gzip"}

    async def scenario() -> None:
        async with Connection(proxy.port, fleet.tokens["administrator"]) as connection:

            async def change(notes: str, tag: str) -> int:
                body = json.dumps({"notes": notes}).encode()
                return (await connection.request("PATCH", path, body, {"If-Match": tag})).status

            small = await connection.request("GET", path, headers=gzipped)
            assert await change("long " * 300, small.headers["etag"]) == 200
            large = await connection.request("GET", path, headers=gzipped)
            assert await change("", large.headers["etag"]) == 200
            assert await change("late", small.headers["etag"]) == 412
            for answer in (small, large):
                assert answer.headers.get("content-encoding") == "gzip", answer
                assert answer.headers["etag"].startswith('W/"')
            # Only the service tells its length: nginx compresses as it passes on.
            assert ("content-length" in small.headers, "content-length" in large.headers) == (False, True)

    with proxy:
        asyncio.run(scenario())


def test_a_reload_of_the_proxy_fails_no_request_and_cuts_no_long_poll(
    proxy: Proxy, fleet: Fleet, ledger: Ledger, database: Connect, record_property: Record
) -> None:
    reloads, wait_seconds = 3, 4
    clients = (1, 1, 1, 1, 1, 1, 20, 150)
    polled: list[tuple[float, Answer]] = []
    anew: Counter[int] = Counter()

    async def poll() -> None:
        async with Connection(proxy.port, fleet.tokens["viewer"]) as connection:
            cursor = (await connection.request("GET", "/cameras?limit=1")).headers["x-cursor"]
            started = time.monotonic()
            answer = await connection.request("GET", f"/cameras/changes?since={cursor}&wait={wait_seconds}")
            polled.append((time.monotonic() - started, answer))

    async def ask_anew(until: asyncio.Task[None]) -> None:
        """Each request over a connection of its own; Unanswered is raised where one fails."""
        while not until.done():
            async with Connection(proxy.port, fleet.tokens["viewer"]) as connection:
                anew[(await connection.request("GET", "/cameras?limit=1")).status] += 1
            await asyncio.sleep(0.05)  # the proxy takes 50 requests a second from one address

    async def meanwhile() -> None:
        polling = asyncio.create_task(poll())
        asking = [asyncio.create_task(ask_anew(polling)) for _ in range(2)]
        for _ in range(reloads):
            await asyncio.to_thread(proxy.reload)
            await asyncio.to_thread(load.wait_for_answer, time.monotonic())
        await asyncio.gather(polling, *asking)

    with Load(proxy.port, fleet.tokens["worker"], ledger, sizes=clients) as load:
        asyncio.run(meanwhile())

    ledger.check(database())
    ((seconds, answer),) = polled
    assert (answer.status, answer.json()["changes"]) == (200, [])
    assert seconds >= wait_seconds
    assert set(anew) == {200}
    assert set(ledger.statuses) <= {200, 201}
    # nginx closes connections that are idle in this moment; whoever was about to send over one sends again.
    assert ledger.unanswered <= reloads * len(clients)
    record_property("requests over a connection of their own, all answered", anew.total())
    record_property(
        "requests over kept connections, and of them sent again", (len(load.attempts), ledger.unanswered)
    )


def test_tiers_that_start_anew_fail_no_post(
    proxy: Proxy, service: Service, ingest_tier: Service, fleet: Fleet, ledger: Ledger, database: Connect
) -> None:
    with Load(proxy.port, fleet.tokens["worker"], ledger) as load:
        load.wait_for_answer(time.monotonic())
        ingest_tier.hang_up()
        service.hang_up()
        load.wait_for_answer(time.monotonic())
        # The web tier takes what comes meanwhile.
        ingest_tier.stop()
        load.wait_for_answer(time.monotonic())
        ingest_tier.start()
        load.wait_for_answer(time.monotonic())

    ledger.check(database())
    assert ledger.unanswered == 0
    assert set(ledger.statuses) <= {200, 201}


CLIENTS = {
    "IPv4": (lambda number: "198.51.100.7", "198.51.100.8"),
    "a network of IPv6": (lambda number: f"2001:db8:1:2::{number:x}", "2001:db8:1:3::1"),
    "a network of IPv6 that ends in zeros": (lambda number: f"2001:db8::{number:x}:1:1", "2001:db8:1::1"),
}


@pytest.mark.parametrize(("address", "another"), CLIENTS.values(), ids=CLIENTS)
def test_a_client_that_asks_for_too_much_gets_429_and_others_are_served(
    proxy: Proxy, address: Callable[[int], str], another: str
) -> None:
    refused: list[Answer] = []

    async def ask(connection: Connection, client: str) -> Answer:
        return await connection.request("GET", "/livez", headers={"X-Forwarded-For": client})

    async def flood(first: int) -> None:
        async with Connection(proxy.port, source=TRUSTED) as connection:
            for number in range(first, first + 1_000):
                answer = await ask(connection, address(number))
                if answer.status != 200:
                    refused.append(answer)
                if refused:
                    return

    async def all_at_once() -> Answer:
        await asyncio.gather(*(flood(1_000 * client) for client in range(1, 9)))
        async with Connection(proxy.port, source=TRUSTED) as connection:
            return await ask(connection, another)

    assert asyncio.run(all_at_once()).status == 200
    assert refused
    for answer in refused:
        assert (answer.status, answer.headers["content-type"]) == (429, PROBLEM)
        assert (answer.headers["retry-after"], answer.json()["status"]) == ("2", 429)


LARGE = b"x" * (2 * 1024 * 1024 + 1)
OF_NGINX = {
    "no tier for people": (b"GET /cameras HTTP/1.1\r\nHost: a\r\n\r\n", 502),
    "no tier for workers": (b"POST /telemetry HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1", 503),
    "no tier to read telemetry from": (b"GET /telemetry/latest HTTP/1.1\r\nHost: a\r\n\r\n", 503),
    "a batch too large": (b"POST /telemetry HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(LARGE), 413),
    "a file too large": (b"POST /sites HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (2 * len(LARGE)), 413),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
    "two lengths": (
        b"POST /telemetry HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{",
        400,
    ),
    "an address too long": (b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 9_000), 414),
    "a header too long": (b"GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"a" * 9_000), 431),
    "a coding for the way": (
        b"POST /telemetry HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        501,
    ),
}


def test_what_nginx_answers_by_itself_is_a_problem_too() -> None:
    async def send(port: int, data: bytes, status: int) -> None:
        async with Connection(port) as connection:
            await connection.send(data)
            answer = await connection.receive()
            assert (answer.status, answer.headers["content-type"]) == (status, PROBLEM), data[:100]
            assert answer.json().keys() == {"type", "title", "status", "detail", "errors"}
            assert answer.json()["status"] == status
            assert ("retry-after" in answer.headers) == (status in (502, 503))

    async def send_all(port: int) -> None:
        for data, status in OF_NGINX.values():
            await send(port, data, status)

    with Proxy(free_port(), free_port()) as proxy:
        asyncio.run(send_all(proxy.port))


def test_people_sign_in_over_tls_and_plain_http_is_sent_there(
    secure_service: Service, ingest_tier: Service, certificate: Certificate, database: Connect
) -> None:
    database().execute(
        "INSERT INTO auth_user (username, password, is_superuser, is_staff, is_active, first_name, last_name, email,"
        " date_joined) VALUES ('bea', %s, true, true, true, '', '', '', now())",
        [make_password("a-password-of-tests")],
    )
    trust = ssl.create_default_context(cafile=str(certificate.certificate))

    with Proxy(secure_service.port, ingest_tier.port, certificate) as proxy:
        url = f"https://127.0.0.1:{proxy.tls_port}"
        plain = httpx.post(f"http://127.0.0.1:{proxy.port}/telemetry?x=1")
        with httpx.Client(
            base_url=url, verify=trust, headers={"Origin": url, "Referer": f"{url}/admin/"}
        ) as browser:
            form = re.search(
                r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get("/admin/account/login/").text
            )
            assert form is not None
            fields = {"csrfmiddlewaretoken": form[1], "login": "bea", "password": "a-password-of-tests"}
            signed_in = browser.post("/admin/account/login/?next=/admin/", data=fields)
            page = browser.get("/admin/")

    assert (plain.status_code, plain.headers["location"]) == (301, "https://127.0.0.1/telemetry?x=1")
    assert (signed_in.status_code, page.status_code) == (302, 200)
    assert "Secure" in signed_in.headers["set-cookie"]
    assert page.headers["strict-transport-security"]


def test_only_a_trusted_proxy_in_front_is_believed_about_its_clients(
    secure_service: Service, ingest_tier: Service, fleet: Fleet
) -> None:
    headers = {
        "Authorization": f"Bearer {fleet.tokens['viewer']}",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "203.0.113.1, 198.51.100.7",
    }

    def ask(proxy: Proxy, source: str) -> int:
        with httpx.Client(transport=httpx.HTTPTransport(local_address=source)) as client:
            return client.get(f"http://127.0.0.1:{proxy.port}/cameras?limit=1", headers=headers).status_code

    with Proxy(secure_service.port, ingest_tier.port, trusted=TRUSTED) as proxy:
        assert ask(proxy, STRANGER) == 400, "a token, in clear"
        assert ask(proxy, TRUSTED) == 200
        assert [entry["client"] for entry in logged(proxy, "/cameras", 2)] == [STRANGER, "198.51.100.7"]


def test_a_stream_of_events_is_passed_on_as_it_comes() -> None:
    """By a server of the test's own, which sends its second event when the first has arrived."""
    port = free_port()
    events = [b"data: 1\n\n", b"data: 2\n\n"]

    async def stream(proxy: Proxy) -> list[bytes]:
        arrived = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Accel-Buffering: no\r\n\r\n")
            writer.write(events[0])
            await arrived.wait()
            writer.write(events[1])
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", port), asyncio.timeout(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"GET /streams HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            received = [await reader.readuntil(b"\n\n")]
            arrived.set()
            received.append(await reader.readuntil(b"\n\n"))
            writer.close()
            return received

    with Proxy(port, port) as proxy:
        assert asyncio.run(stream(proxy)) == events
