"""Reads: lists and details beside the reference, pages of the admin beside an earlier commit."""

from collections.abc import Callable

from tests.benchmarks.comparison import Scenario, Target, ratio
from tests.benchmarks.load import Load, Requests, Window
from tests.benchmarks.servers import Server, Servers

LIST, DETAIL = "/cameras", "/cameras/{camera}"
FIRST_PAGE, CAMERA_LIST = "/admin/", "/admin/cameras/camera/"


def beside_the_reference(servers: Servers, load: Load) -> Scenario:
    """The reference answers without a token, a status, conditions and a cursor."""

    def read(start: Callable[[int], Server], cameras: int, address: str) -> Callable[[], Window]:
        return lambda: load.run(Requests(start(cameras), "read", connections=8, address=address))

    compared = {"ours": servers.ours, "reference": servers.reference}
    asked = {"list of 10": (10, LIST), "detail": (10, DETAIL), "list of 10,000": (10_000, LIST)}
    bounds = {"list of 10": 0.5, "detail": 0.5, "list of 10,000": 3}
    return Scenario(
        "reads",
        "Lists and details, 8 connections",
        {
            f"{what}, {name}": read(start, cameras, address)
            for what, (cameras, address) in asked.items()
            for name, start in compared.items()
        },
        [
            Target(f"{what}, ours / reference", ratio(f"{what}, ours", f"{what}, reference"), bound)
            for what, bound in bounds.items()
        ],
        per="reads/s",
    )


def beside_before(servers: Servers, load: Load) -> Scenario:
    """Against the commit of `--before`: pages of the admin, and ingest beside reads."""

    def page(start: Callable[[int], Server], address: str) -> Callable[[], Window]:
        return lambda: load.run(Requests(start(1_000), "read", connections=4, address=address))

    def ingest(start: Callable[[int], Server]) -> Callable[[], Window]:
        def measure() -> Window:
            server = start(1_000)
            return load.run(Requests(server), Requests(server, "read", connections=8, address=f"{LIST}?limit=10"))

        return measure

    compared = {"ours": servers.ours, "before": servers.before}
    pages = {"admin's first page": FIRST_PAGE, "admin's list of cameras": CAMERA_LIST}
    beside = "single events beside lists of 10"
    return Scenario(
        "reads-before",
        "Pages of the admin, 4 connections, and single events beside reads, against an earlier commit",
        {
            **{
                f"{what}, {name}": page(start, address)
                for what, address in pages.items()
                for name, start in compared.items()
            },
            **{f"{beside}, {name}": ingest(start) for name, start in compared.items()},
        },
        [
            *(Target(f"{what}, ours / before", ratio(f"{what}, ours", f"{what}, before"), 2) for what in pages),
            Target(f"{beside}, ours / before", ratio(f"{beside}, ours", f"{beside}, before"), 1),
        ],
        needs_before=True,
        per="/s",
    )
