"""Requests cut, repeated, shuffled, overlapping, with bad items and with clocks that are off."""

import asyncio
import gzip
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import psycopg
import pytest

from tests.faults.client import Connection
from tests.faults.ledger import Event, Ledger
from tests.faults.load import batch_of, post, share
from tests.faults.service import Fleet, Service

Connect = Callable[..., psycopg.Connection[Any]]
Record = Callable[[str, object], None]
NDJSON = {"Content-Type": "application/x-ndjson"}


def count(connection: psycopg.Connection[Any], ledger: Ledger) -> int:
    row = connection.execute(
        "SELECT count(*) FROM telemetry_sample WHERE camera_id = ANY(%s::uuid[])", [ledger.cameras]
    ).fetchone()
    return int(row[0]) if row else 0


def test_overlapping_batches_in_any_order_never_deadlock(
    service: Service, fleet: Fleet, ledger: Ledger, database: Connect, long: bool, record_property: Record
) -> None:
    pool = [ledger.make_event() for _ in range(2_000 if long else 400)]
    batches = 10_000 if long else 200
    statuses: Counter[int] = Counter()

    async def send(events: list[Event]) -> None:
        async with Connection(service.port, fleet.tokens["worker"]) as connection:
            answer = await post(connection, events)
            statuses[answer.status] += 1
            receipt = answer.json()
            assert receipt["accepted"] + receipt["duplicates"] == len(events), receipt
            ledger.acknowledge(events, accepted=receipt["accepted"], duplicates=receipt["duplicates"])

    share([send(random.sample(pool, random.randrange(2, 200))) for _ in range(batches)], clients=8)

    assert statuses == {200: batches}
    ledger.check(database())
    assert ledger.accepted == len(ledger.acknowledged), "each was answered as new exactly once"
    record_property("batches", batches)
    record_property("accepted and duplicates", (ledger.accepted, ledger.duplicates))


def test_events_replayed_and_shuffled_are_stored_once(
    service: Service, fleet: Fleet, ledger: Ledger, database: Connect, long: bool, record_property: Record
) -> None:
    events = [ledger.make_event() for _ in range(10_000 if long else 400)]
    arrivals = events * 3
    random.shuffle(arrivals)

    async def send(part: list[Event]) -> None:
        async with Connection(service.port, fleet.tokens["worker"]) as connection:
            for event in part:
                answer = await post(connection, [event])
                receipt = answer.json()
                assert (answer.status, receipt["accepted"], receipt["duplicates"]) in ((201, 1, 0), (200, 0, 1))
                ledger.acknowledge([event], accepted=receipt["accepted"], duplicates=receipt["duplicates"])

    share([send(arrivals[client::8]) for client in range(8)], clients=8)

    ledger.check(database())
    assert (ledger.accepted, ledger.duplicates) == (len(events), 2 * len(events))
    record_property("accepted and duplicates", (ledger.accepted, ledger.duplicates))


def bad_items() -> Iterator[Any]:
    """Items that are refused, in turn, without end; whatever they are beside an event."""
    at = datetime.now(UTC).isoformat()
    good = {"timestamp": at, "occupancy": 1, "confidence": 0.5}
    while True:
        yield from (
            None,
            5,
            "text",
            [],
            {},
            {**good, "camera_id": "no-camera"},
            {**good, "camera_id": "00000000-0000-0000-0000-000000000000"},
            {**good, "camera_id": None},
            *(
                {**good, "camera_id": ..., **fault}
                for fault in (
                    {"occupancy": -1},
                    {"occupancy": 2**31},
                    {"occupancy": 1.5},
                    {"occupancy": "1"},
                    {"occupancy": True},
                    {"confidence": 1.01},
                    {"confidence": -0.01},
                    {"confidence": None},
                    {"zone": ""},
                    {"zone": "a b"},
                    {"zone": "x\0y"},
                    {"zone": "z" * 65},
                    {"generation": -1},
                    {"timestamp": "2024-01-01T12:00:00"},
                    {"timestamp": "0001-01-01T00:00:00Z"},
                    {"timestamp": "9999-12-31T23:59:59Z"},
                    {"timestamp": "9999-12-31T23:59:59-12:00"},
                    {"timestamp": 1_700_000_000},
                    {"timestamp": "\u0662024-01-01T00:00:00Z"},
                )
            ),
        )


def test_a_bad_item_costs_no_good_one_and_every_item_is_accounted_for(
    service: Service, fleet: Fleet, ledger: Ledger, database: Connect, long: bool, record_property: Record
) -> None:
    bad = bad_items()
    sums: Counter[str] = Counter()

    async def send(number: int) -> None:
        size = random.randrange(1, 501)
        events: list[Event] = []
        places: list[int] = []
        items: list[Any] = []
        for place in range(size):
            if random.random() < (1.0 if number % 17 == 0 else 0.2):
                item = next(bad)
                if isinstance(item, dict) and item.get("camera_id") is ...:
                    item = {**item, "camera_id": random.choice(ledger.cameras)}
                items.append(item)
                places.append(place)
            else:
                events.append(ledger.make_event())
                items.append(events[-1].wire(item=True))
        ndjson = number % 2 == 0
        async with Connection(service.port, fleet.tokens["worker"]) as connection:
            body, headers = batch_of(items, ndjson=ndjson), NDJSON if ndjson else {}
            answer = await connection.request("POST", "/telemetry", body, headers)
        receipt = answer.json()
        assert answer.status == (200 if events else 400), (answer.status, answer.body[:500])
        assert receipt["accepted"] + receipt["duplicates"] + receipt["rejected"] == size
        assert (receipt["accepted"], receipt["rejected"]) == (len(events), len(places))
        assert [error["index"] for error in receipt["errors"]] == places[:100]
        assert all(error["code"] and error["detail"] for error in receipt["errors"])
        ledger.acknowledge(events, accepted=receipt["accepted"], duplicates=0)
        sums.update(sent=size, accepted=receipt["accepted"], rejected=receipt["rejected"])

    share([send(number) for number in range(1_000 if long else 40)], clients=4)

    ledger.check(database())
    record_property("items", dict(sums))


def test_a_request_cut_anywhere_stores_nothing(
    service: Service, fleet: Fleet, ledger: Ledger, database: Connect, record_property: Record
) -> None:
    async def cut(number: int) -> None:
        events = [ledger.make_event() for _ in range(1 if number % 2 else 30)]
        single = len(events) == 1
        path = f"/telemetry/{events[0].camera}" if single else "/telemetry"
        ndjson = not single and number % 3 == 0
        body = (
            json.dumps(events[0].wire(item=False)).encode()
            if single
            else batch_of([event.wire(item=True) for event in events], ndjson=ndjson)
        )
        async with Connection(service.port, fleet.tokens["worker"]) as connection:
            chunk = random.randrange(1, 400) if number % 4 < 2 else 0
            request = connection.bytes_of("POST", path, body, NDJSON if ndjson else {}, chunk=chunk)
            # The last byte of a chunked request ends its trailer: without it the body is not whole either.
            offset = random.randrange(1, len(request))
            await connection.send(request[:offset])
            await asyncio.sleep(random.choice((0, 0.02)))
            connection.close(reset=number % 5 == 0)

    share([cut(number) for number in range(200)], clients=10)

    async def alive() -> None:
        async with Connection(service.port, fleet.tokens["worker"]) as connection:
            event = ledger.make_event()
            assert (await post(connection, [event])).status == 201

    share([alive()], clients=1)
    assert count(database(), ledger) == 1
    record_property("requests cut", 200)


CLOCKS = [
    (timedelta(days=-1), "", 201),
    (timedelta(days=1), "", 400),
    (timedelta(seconds=50), "", 201),
    (timedelta(seconds=70), "", 400),
    (timedelta(days=-400), "", 201),
    (None, "2000-01-01T00:00:00Z", 201),
    (None, "1999-12-31T23:59:59.999999Z", 400),
    (None, "2000-01-01T00:59:59+01:00", 400),
    (None, "1970-01-01T00:00:00Z", 400),
    (None, "0001-01-01T00:00:00Z", 400),
    (None, "0001-01-01T00:00:00+14:00", 400),
    (None, "9999-12-31T23:59:59.999999Z", 400),
    (None, "9999-12-31T23:59:59-14:00", 400),
    (None, "2016-12-31T23:59:60Z", 400),  # a leap second
    (None, "2023-02-29T00:00:00Z", 400),
    (None, "2023-03-26T02:30:00+01:00", 201),  # an hour that clocks in Berlin skipped
    (None, "2023-10-29T02:30:00+02:00", 201),
    (None, "2023-10-29T02:30:00+01:00", 201),  # the same words an hour later
    (None, "+55840-01-01T00:00:00Z", 400),  # milliseconds taken for seconds
]


def test_each_clock_is_believed_or_refused_by_rule(
    service: Service, fleet: Fleet, ledger: Ledger, database: Connect
) -> None:
    statuses = []
    stored: dict[str, datetime] = {}

    async def send(camera: str, text: str) -> None:
        async with Connection(service.port, fleet.tokens["worker"]) as connection:
            body = json.dumps({"timestamp": text, "occupancy": 1, "confidence": 1}).encode()
            answer = await connection.request("POST", f"/telemetry/{camera}", body)
            statuses.append(answer.status)
            if answer.status == 201:
                stored[camera] = datetime.fromisoformat(text)

    started = datetime.now(UTC)
    moments = [((started + off).isoformat() if off is not None else text) for off, text, _ in CLOCKS]
    share([send(camera, text) for camera, text in zip(ledger.cameras, moments, strict=False)], clients=1)

    assert statuses == [expected for _, _, expected in CLOCKS]
    rows = database().execute(
        "SELECT camera_id::text, timestamp, received_at FROM telemetry_sample WHERE camera_id = ANY(%s::uuid[])",
        [ledger.cameras],
    )
    rows_by_camera = {camera: (timestamp, received_at) for camera, timestamp, received_at in rows}
    assert {camera: timestamp for camera, (timestamp, _) in rows_by_camera.items()} == stored
    assert all(started <= received_at <= datetime.now(UTC) for _, received_at in rows_by_camera.values()), (
        "the server's clock"
    )


def test_latest_is_the_newest_of_arrivals_in_any_order(
    service: Service, fleet: Fleet, ledger: Ledger, database: Connect, long: bool
) -> None:
    """Workers whose clocks are a day apart report of the same cameras."""
    now = datetime.now(UTC)
    events = [
        Event(
            random.choice(ledger.cameras),
            now + timedelta(microseconds=number) - random.choice((timedelta(), timedelta(days=1))),
            random.choice(("", "", "door")),
            number % 100,
            0.5,
        )
        for number in range(1_000 if long else 200)
    ]
    random.shuffle(events)

    async def send(part: list[Event]) -> None:
        async with Connection(service.port, fleet.tokens["worker"]) as connection:
            for event in part:
                assert (await post(connection, [event])).status == 201
                ledger.acknowledge([event], accepted=1, duplicates=0)

    share([send(events[client::8]) for client in range(8)], clients=8)
    ledger.check(database())


REFUSED = {
    "no such token": ("/telemetry", {"Authorization": "Bearer cpt_nobody"}, 500, 401),
    "no such type": ("/telemetry", {"Content-Type": "text/plain"}, 500, 415),
    "no such parameter": ("/telemetry?x=1", {}, 500, 400),
    "too large": ("/telemetry", {}, 3_000_000, 413),
    "too large for people": ("/cameras", {}, 5_000_000, 413),
}


def test_who_is_refused_while_sending_reads_why_and_keeps_the_connection(service: Service, fleet: Fleet) -> None:
    async def send(path: str, headers: dict[str, str], size: int, status: int) -> None:
        async with Connection(service.port, fleet.tokens["worker"]) as connection:
            request = connection.bytes_of("POST", path, b" " * size, headers)
            await connection.send(request[:-size])
            assert (await connection.receive()).status == status
            await connection.send(request[-size:] + connection.bytes_of("GET", "/livez"))
            assert (await connection.receive()).status == 200

    share([send(*refused) for refused in REFUSED.values()], clients=1)


def test_who_is_refused_and_sends_nothing_more_is_hung_up_on(service: Service) -> None:
    async def send() -> None:
        async with Connection(service.port) as connection:
            await connection.send(connection.bytes_of("POST", "/telemetry", headers={"Content-Length": "500"}))
            assert (await connection.receive()).status == 401
            with pytest.raises(asyncio.IncompleteReadError):
                await asyncio.wait_for(connection.receive(), 8)

    share([send()], clients=1)


UNREADABLE = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
    "an address too long": (b"GET /%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % (b"a" * 9_000), 414),
    "a header too long": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: %s\r\n\r\n" % (b"a" * 9_000), 431),
    "too many headers": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n" % (b"X: 1\r\n" * 200), 431),
    "two lengths": (b"POST /telemetry HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{", 400),
    "a length and chunks": (
        b"POST /telemetry HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "a length of 5,000 digits": (b"POST /telemetry HTTP/1.1\r\nContent-Length: %s\r\n\r\n" % (b"9" * 5_000), 400),
    "no chunk": (b"POST /telemetry HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", 400),
}


def test_what_is_no_readable_request_is_answered_with_a_problem(service: Service) -> None:
    async def send(data: bytes, status: int) -> None:
        async with Connection(service.port) as connection:
            await connection.send(data)
            answer = await connection.receive()
            assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")

    share([send(data, status) for data, status in UNREADABLE.values()], clients=1)


def test_a_status_line_has_the_reason_phrase_of_its_status(service: Service, fleet: Fleet) -> None:
    camera = f"/cameras/{fleet.cameras[0]}"

    async def ask(method: str, path: str, headers: dict[str, str], status: int) -> None:
        async with Connection(service.port, fleet.tokens["administrator"]) as connection:
            answer = await connection.request(method, path, headers=headers)
            assert (answer.status, answer.reason) == (status, HTTPStatus(status).phrase)

    asked = [
        ("GET", camera, {}, 200),
        ("GET", "/nowhere", {}, 404),
        ("PUT", camera, {}, 405),
        ("GET", "/telemetry/latest", {"Accept": "image/png"}, 406),
        ("DELETE", camera, {"If-Match": '"of-another-time"'}, 412),
    ]
    share([ask(*request) for request in asked], clients=1)


def test_a_batch_in_gzip_is_stored(service: Service, fleet: Fleet, ledger: Ledger, database: Connect) -> None:
    async def send() -> None:
        async with Connection(service.port, fleet.tokens["worker"]) as connection:
            body = gzip.compress(batch_of([ledger.make_event().wire(item=True) for _ in range(50)]))
            answer = await connection.request("POST", "/telemetry", body, {"Content-Encoding": "gzip"})
            assert (answer.status, answer.json()["accepted"]) == (200, 50)

    share([send()], clients=1)
    assert count(database(), ledger) == 50


def test_what_clients_do_with_http_is_served(service: Service, fleet: Fleet, ledger: Ledger) -> None:
    path = f"/telemetry/{ledger.cameras[0]}"
    bodies = [json.dumps(ledger.make_event(ledger.cameras[0]).wire(item=False)).encode() for _ in range(2)]
    chunks = b"%x;a=b\r\n%s\r\n0\r\nX-Trailer: 1\r\n\r\n" % (len(bodies[0]), bodies[0])

    def head_of(token: str, *lines: str) -> bytes:
        return "\r\n".join(
            [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}", *lines, "", ""]
        ).encode()

    async def ask(*sent: bytes) -> list[int]:
        """The statuses, of an answer after each part that is sent."""
        async with Connection(service.port) as connection:
            statuses = []
            for part in sent:
                await connection.send(part)
                statuses.append((await connection.receive()).status)
            return statuses

    async def scenario() -> None:
        worker, json_type = fleet.tokens["worker"], "Content-Type: application/json"
        length, waits = f"Content-Length: {len(bodies[1])}", "Expect: 100-continue"
        assert await ask(head_of(worker, json_type, "Transfer-Encoding: chunked") + chunks) == [201]
        assert await ask(head_of(worker, json_type, length, waits), bodies[1]) == [100, 201]
        assert await ask(head_of("cpt_wrong", json_type, length, waits)) == [401]
        assert await ask(head_of(worker, json_type, json_type, length) + bodies[1]) == [400]

    asyncio.run(scenario())
