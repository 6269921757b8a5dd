"""What is measured, and what each target compares."""

import json
from collections.abc import Callable
from dataclasses import replace

from tests.benchmarks import reads
from tests.benchmarks.comparison import Round, Scenario, Target, ratio
from tests.benchmarks.load import Load, Requests, Window
from tests.benchmarks.servers import SAMPLES, Server, Servers
from tests.processes import Failure, say


def all_scenarios(servers: Servers, load: Load, large_rows: int) -> list[Scenario]:
    return [
        _single_events(servers, load),
        _one_client(servers, load),
        _batches(servers, load),
        _beside_reads(servers, load),
        _beside_batches(servers, load),
        _beside_guesses(servers, load),
        _cameras(servers, load),
        _whole_list(servers, load),
        reads.beside_the_reference(servers, load),
        reads.beside_before(servers, load),
        _large_table(servers, load, large_rows),
        _memory(servers, load),
        _series(servers),
        _drop_a_day(servers, load),
    ]


def _connections(count: int) -> str:
    return "1 connection" if count == 1 else f"{count} connections"


def _single_events(servers: Servers, load: Load) -> Scenario:
    def posts(start: Callable[[], Server], connections: int) -> Callable[[], Window]:
        return lambda: load.run(Requests(start(), connections=connections))

    compared = {"ours": servers.ours, "reference": servers.reference, "no-op": servers.noop}
    series = {
        f"{name}, {_connections(count)}": posts(start, count)
        for count in (1, 32, 128, 512)
        for name, start in compared.items()
    }
    return Scenario(
        "single-events",
        "Single events",
        series,
        [
            Target(
                "128 connections, ours / reference",
                ratio("ours, 128 connections", "reference, 128 connections"),
                10,
            ),
            Target(
                "128 connections, our p99 / reference's p50",
                lambda measured: (
                    measured["ours, 128 connections"]["p99_ms"] / measured["reference, 128 connections"]["p50_ms"]
                ),
                1,
                at_least=False,
            ),
            Target("512 connections, ours / no-op", ratio("ours, 512 connections", "no-op, 512 connections"), 0.3),
        ],
    )


def _one_client(servers: Servers, load: Load) -> Scenario:
    def added(measured: Round) -> float:
        return measured["ours, 1 connection"]["p50_ms"] - measured["bare INSERT + UPDATE + commit"]["p50_ms"]

    return Scenario(
        "one-client",
        "One client, one connection",
        {
            "ours, 1 connection": lambda: load.run(Requests(servers.ours(), connections=1)),
            "bare INSERT + UPDATE + commit": lambda: load.bare_transactions(servers.ours()),
        },
        [Target("latency added to a bare transaction (p50)", added, 2, at_least=False, unit=" ms")],
    )


def _batches(servers: Servers, load: Load) -> Scenario:
    def batches(mode: str, batch: int) -> Callable[[], Window]:
        return lambda: load.run(Requests(servers.ours(), mode, connections=4, batch=batch))

    return Scenario(
        "batches",
        "Batches, 4 clients",
        {
            "JSON array of 100": batches("json", 100),
            "NDJSON of 100": batches("ndjson", 100),
            "JSON array of 1,000": batches("json", 1_000),
            "NDJSON of 1,000": batches("ndjson", 1_000),
            r"psql \copy": lambda: load.copy(servers.ours()),
        },
        [Target(r"NDJSON of 1,000 / \copy", ratio("NDJSON of 1,000", r"psql \copy"), 0.35)],
    )


def _beside_reads(servers: Servers, load: Load) -> Scenario:
    def posts(*, listing: bool) -> Window:
        server = servers.ours(10_000)
        return load.run(Requests(server), Requests(server, "read", connections=1) if listing else None)

    return Scenario(
        "beside-reads",
        "Single events, 128 connections, while another client loops GET /cameras over 10,000 cameras",
        {"alone": lambda: posts(listing=False), "beside GET /cameras": lambda: posts(listing=True)},
        [Target("beside GET /cameras / alone", ratio("beside GET /cameras", "alone"), 0.7)],
    )


def _beside_batches(servers: Servers, load: Load) -> Scenario:
    def posts(*, batches: bool) -> Window:
        server = servers.ours()
        return load.run(
            Requests(server), Requests(server, "ndjson", connections=4, batch=1_000) if batches else None
        )

    return Scenario(
        "beside-batches",
        "Single events, 128 connections, while 4 clients post batches of 1,000",
        {"alone": lambda: posts(batches=False), "beside batches": lambda: posts(batches=True)},
        [Target("beside batches / alone", ratio("beside batches", "alone"), 0.5)],
    )


def _beside_guesses(servers: Servers, load: Load) -> Scenario:
    def posts(*, guesses: bool) -> Window:
        server = servers.ours()
        return load.run(Requests(server), Requests(server, "guess", connections=40) if guesses else None)

    return Scenario(
        "beside-guesses",
        "Single events, 128 connections, while 40 connections guess passwords",
        {"alone": lambda: posts(guesses=False), "beside guesses": lambda: posts(guesses=True)},
        [Target("beside guesses / alone", ratio("beside guesses", "alone"), 0.7)],
    )


def _cameras(servers: Servers, load: Load) -> Scenario:
    def lists(cameras: int) -> Callable[[], Window]:
        return lambda: load.run(Requests(servers.ours(cameras), "read", connections=4))

    series = {f"{cameras:,} cameras": lists(cameras) for cameras in (10, 1_000, 10_000)}
    return Scenario("cameras", "GET /cameras, 4 clients", series, per="lists/s")


def _whole_list(servers: Servers, load: Load) -> Scenario:
    def lists(page: int | None) -> Callable[[], Window]:
        return lambda: load.lists(servers.ours(10_000), page)

    whole, pages = "whole", "in pages of 1,000"
    return Scenario(
        "whole-list",
        "GET /cameras over 10,000 cameras, one client, as a whole and in pages",
        {whole: lists(None), pages: lists(1_000)},
        [Target(f"p50 {whole} / {pages}", ratio(whole, pages, "p50_ms"), 1.3, at_least=False)],
        per="lists/s",
    )


def _large_table(servers: Servers, load: Load, rows: int) -> Scenario:
    def filled() -> Window:
        server = servers.ours(1_000, "ours-large")
        if load.count(server) < rows:
            _fill(load, server.database, rows)
        return load.run(Requests(server), keep=True)

    name = f"{rows:,} rows"
    return Scenario(
        "large-table",
        "Single events, 128 connections, by rows in the table",
        {"empty table": lambda: load.run(Requests(servers.ours())), name: filled},
        [Target(f"{name} / empty table", ratio(name, "empty table"), 0.9)],
        large=True,
    )


def _fill(load: Load, database: str, rows: int) -> None:
    """Samples of every camera, evenly spread over yesterday and today, straight into their partitions."""
    say(f"Filling {database} with {rows:,} rows ...")
    with load.cluster.connect(database) as connection:
        days = connection.execute(
            "SELECT day, 'telemetry_sample_' || to_char(day, 'YYYYMMDD') FROM generate_series("
            "date_trunc('day', now() AT TIME ZONE 'UTC') - interval '1 day', now() AT TIME ZONE 'UTC', '1 day') AS day"
        ).fetchall()
        (cameras,) = connection.execute("SELECT count(*) FROM cameras_camera").fetchone() or (1,)
        each = -(-rows // (len(days) * cameras))
        for day, partition in days:
            # The zone keeps them apart from the events that are posted; by camera, so that the key is filled in order.
            connection.execute(
                f"INSERT INTO {partition} (camera_id, timestamp, zone, occupancy, confidence, received_at)"
                " SELECT id, at, 'door', number % 50, 0.95, at FROM (SELECT id FROM cameras_camera ORDER BY id) AS camera,"
                f" generate_series(0, {each - 1}) AS number, LATERAL (SELECT '{day}+00'::timestamptz"
                f" + number * interval '1 day' / {each} AS at) AS moment"
            )
        connection.execute(f"VACUUM ANALYZE {SAMPLES}")


def _memory(servers: Servers, load: Load) -> Scenario:
    def after(events: int) -> Callable[[], Window]:
        def measure() -> Window:
            server = servers.ours(1_000, "ours-memory")
            say(f"Posting up to {events:,} events ...")
            stored = load.post_until(server, events)
            return Window({"rss_mib": server.rss_mib(), "events": stored})

        return measure

    first, last = "after 10,000 events", "after 1,000,000 events"
    return Scenario(
        "memory",
        "Resident memory of both workers",
        {first: after(10_000), last: after(1_000_000)},
        [Target(f"{last} / {first}", ratio(last, first, "rss_mib"), 1.1, at_least=False)],
        large=True,
        once=True,
    )


HISTORY = ["-m", "tests.benchmarks.history"]


def _series(servers: Servers) -> Scenario:
    filled: list[str] = []

    def read(what: str) -> Callable[[], Window]:
        def measure() -> Window:
            server = servers.ours(200, "ours-series")
            if not filled:
                say("Filling 30 days at 1 Hz, and a site of 100 cameras ...")
                filled.append(servers.manage(server.database, [*HISTORY, "fill"]))
            told = json.loads(servers.manage(server.database, [*HISTORY, "read", what]))
            return Window({"rate": 1_000 / told["ms"], "p50_ms": told["ms"]})

        return measure

    hours, samples = "30 days in hours", "the same from 2.6 million samples"
    minutes, site = "a day in minutes", "a day of 100 cameras in hours, added up"
    return Scenario(
        "series",
        "Reading history, milliseconds in the database",
        {
            hours: read("hours"),
            samples: read("samples"),
            minutes: read("minutes"),
            site: read("site-hours"),
            "a day of 100 cameras in minutes, added up": read("site-minutes"),
        },
        [
            Target(f"{hours} / {samples}", ratio(hours, samples), 20),
            Target(minutes, lambda measured: measured[minutes]["p50_ms"], 20, at_least=False, unit=" ms"),
            Target(site, lambda measured: measured[site]["p50_ms"], 50, at_least=False, unit=" ms"),
        ],
        large=True,
        per="reads/s",
    )


def _drop_a_day(servers: Servers, load: Load) -> Scenario:
    def posts(*, dropping: bool) -> Window:
        server = servers.ours(1_000, "ours-drop")
        if not dropping:
            return load.run(Requests(server))
        say("Filling a day of 5 million rows ...")
        servers.manage(server.database, [*HISTORY, "day", "5000000"])
        load.warm(server)
        before = load.count(server)
        # Two seconds until its first statement; the window is longer than all of it.
        maintain = servers.begin(server.database, ["manage.py", "maintain", "--once"])
        # Not its table, which shrinks: what was answered is compared below.
        window = load.run(Requests(replace(server, samples="")))
        told, _ = maintain.communicate(timeout=60)
        if "removed telemetry_sample_" not in told or load.count(server) < before - 5_000_000 + window["events"]:
            raise Failure(f"No day was dropped, or events were lost: {told}")
        return window

    alone, beside = "alone", "while a day of 5 million rows is dropped"
    return Scenario(
        "drop-a-day",
        "Single events, 128 connections, while retention drops a day",
        {alone: lambda: posts(dropping=False), beside: lambda: posts(dropping=True)},
        [Target(f"p99 {beside} / alone", ratio(beside, alone, "p99_ms"), 2, at_least=False)],
        large=True,
    )
