"""Several `maintain` beside a service: statuses are noticed in time, whatever hangs, and by one of them at a time."""

import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from cameras.models import Camera, Purge, StatusDirty
from telemetry.alerts import steps
from telemetry.alerts.models import Alert, Delivery, Topic, Transition
from telemetry.ingest.ticks import tick
from telemetry.maintenance.steps import Turn
from telemetry.maintenance.table import loops
from telemetry.models import RollupWork, Sample, StepRun
from tests.factories import NOW, ApiClient, make_camera, make_token
from tests.manage_process import begin_command, wait_for_line
from tests.slow_statements import slow
from tests.telemetry.alerts.conftest import Receiver, receiver, subscribe  # noqa: F401  # a fixture
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="on SQLite one writes, and the others wait for it"
)

SOON_SECONDS = 5.0

Maintain = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def maintain() -> Iterator[Maintain]:
    """Starts the maintenance; all end with the test, as if the machine had failed."""
    started: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        started.append(begin_command("maintain", WEBHOOK_ALLOWED_NETWORKS="127.0.0.1", LOG_LEVEL="INFO"))
        return started[-1]

    yield start
    errors = []
    for process in started:
        process.kill()
        errors.append(process.communicate(timeout=30)[1])
    assert "Traceback" not in "".join(errors), errors


@pytest.fixture
def worker(transactional_db: None) -> ApiClient:
    return ApiClient(make_token("worker"))


def started(name: str, **values: Any) -> Camera:
    return make_camera(name, desired_state="running", now=datetime.now(UTC) - timedelta(seconds=1), **values)


def fail(worker: ApiClient, camera: Camera) -> None:
    report = {"phase": "failed", "reason": "decode_error"}
    assert worker.post(f"/telemetry/{camera.pk}/report", report).status_code == 200


def post_sample(worker: ApiClient, camera: Camera) -> None:
    sample = {"timestamp": datetime.now(UTC).isoformat(), "occupancy": 1, "confidence": 0.5}
    assert worker.post(f"/telemetry/{camera.pk}", sample).status_code == 201


def path_of(camera: Camera) -> list[str]:
    return list(Transition.objects.of_camera(camera.pk).oldest_first().values_list("to_status", flat=True))


def require_noticed(worker: ApiClient, name: str) -> None:
    """A failure, its end and a silence are stored within SOON_SECONDS, each once."""
    failing, silent = started(f"{name}, failing"), started(f"{name}, silent", expected_interval_seconds=1)
    fail(worker, failing)
    post_sample(worker, silent)
    wait_until(lambda: path_of(failing) == ["failing"], SOON_SECONDS)
    post_sample(worker, failing)
    wait_until(lambda: path_of(failing) == ["failing", "healthy"], SOON_SECONDS)
    # It is stale three seconds after its sample, and offline after six.
    wait_until(lambda: path_of(silent) == ["healthy", "stale", "offline"], 6 + SOON_SECONDS)
    for transition in Transition.objects.filter(camera_id__in=(failing.pk, silent.pk)):
        assert transition.detected_at - transition.at < timedelta(seconds=SOON_SECONDS), transition


def test_a_receiver_that_hangs_holds_up_neither_the_detector_nor_another_receiver(
    maintain: Maintain,
    worker: ApiClient,
    receiver: Receiver,  # noqa: F811
) -> None:
    ended = threading.Event()
    hanging: list[str] = []

    def answer(handler: Any) -> None:
        if handler.path == "/hangs":
            hanging.append(handler.path)
            ended.wait(60)
        handler.send_response(204)
        handler.end_headers()

    receiver.answer = answer
    address = receiver.url.partition("/hook")[0]
    subscribe(f"{address}/hangs", name="Hangs", topics=[Topic.FAILING])
    subscribe(f"{address}/hook", name="Answers", topics=[Topic.SILENCE])
    try:
        maintain()
        fail(worker, started("First"))
        wait_until(lambda: hanging, 30)

        require_noticed(worker, "beside a receiver that hangs")

        offline = Alert.objects.get(kind="camera.offline")
        wait_until(lambda: Delivery.objects.filter(alert=offline, state="delivered").exists(), SOON_SECONDS)
        assert not Delivery.objects.filter(subscription__name="Hangs").exclude(state="waiting").exists()
    finally:
        ended.set()


def make_purge() -> None:
    Purge.objects.create(camera_id=make_camera("To be purged").pk, requested_at=NOW)


def make_dirty_range() -> None:
    camera = make_camera("To be summed up")
    at = datetime.now(UTC) - timedelta(days=1)
    Sample.objects.create(camera_id=camera.pk, timestamp=at, zone="", occupancy=1, confidence=1, received_at=at)
    RollupWork.objects.create(
        camera_id=camera.pk,
        start_at=at.replace(minute=0, second=0, microsecond=0),
        end_at=at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1),
    )


@on_postgresql
@pytest.mark.parametrize(
    ("table", "when", "make_work"),
    [
        ("cameras_purge", "DELETE", make_purge),
        ("telemetry_minuterollup", "INSERT OR DELETE", make_dirty_range),
    ],
)
def test_a_purge_and_a_rollup_that_last_hold_up_nothing(
    maintain: Maintain, worker: ApiClient, table: str, when: str, make_work: Callable[[], None]
) -> None:
    make_work()
    with slow(table, when) as is_under_way:
        maintain()
        wait_until(is_under_way, 30)

        require_noticed(worker, f"beside {table}")

        wait_until(is_under_way)  # still
    wait_until(lambda: StepRun.objects.filter(name="retention").exists(), 30)  # the round goes on


def holder_of_the_detector() -> int | None:
    """The session that has its lock. None where nobody has."""
    (lock,) = [loop.lock for loop in loops(10) if loop.name == "detector"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [lock],
        )
        row = cursor.fetchone()
    return row and row[0]


def runs() -> datetime | None:
    """When the detector last looked at the whole fleet."""
    return StepRun.objects.filter(name="status").values_list("ran_at", flat=True).first()


def test_another_maintain_takes_over_when_the_one_that_detects_is_killed(
    maintain: Maintain, worker: ApiClient
) -> None:
    first = maintain()
    wait_until(runs, 30)
    waiting = maintain()
    wait_for_line(waiting, "this one waits")
    first_session = connection.vendor == "postgresql" and holder_of_the_detector()
    first.send_signal(signal.SIGKILL)
    first.wait()
    killed_at = datetime.now(UTC)
    camera = started("Meanwhile")
    fail(worker, camera)

    wait_until(lambda: path_of(camera) == ["failing"], SOON_SECONDS)

    wait_until(lambda: (runs() or killed_at) > killed_at, SOON_SECONDS)  # noted at the end of its round
    if connection.vendor == "postgresql":
        assert holder_of_the_detector() not in (None, first_session)
    require_noticed(worker, "after the first was killed")
    assert Alert.objects.filter(kind="camera.failing").count() == 2


@on_postgresql
def test_a_maintain_that_is_stopped_and_not_gone_loses_its_place_within_a_minute(
    maintain: Maintain, worker: ApiClient, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--long"):
        pytest.skip("takes a minute; with --long")
    first = maintain()
    wait_until(runs, 30)
    session = holder_of_the_detector()
    first.send_signal(signal.SIGSTOP)
    maintain()
    try:
        wait_until(lambda: holder_of_the_detector() not in (None, session), 80)
        require_noticed(worker, "after the first was stopped")
    finally:
        first.send_signal(signal.SIGCONT)


def test_at_rest_a_look_is_one_query_and_a_round_of_the_detector_few(django_assert_num_queries: Any) -> None:
    tick(datetime.now(UTC))
    started("Gate")
    steps.record_status(Turn(datetime.now(UTC)))

    with django_assert_num_queries(1):
        assert steps.record_marked(Turn(datetime.now(UTC))) == ""
    with django_assert_num_queries(1):
        assert steps.send_new(Turn(datetime.now(UTC))) == ""
    with django_assert_num_queries(18):
        steps.record_status(Turn(datetime.now(UTC)))


def test_what_is_marked_is_looked_at_and_nothing_else(worker: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    tick(datetime.now(UTC))
    marked, unmarked = [started(f"Marked {n}") for n in range(3)], started("Unmarked")
    for camera in (*marked, unmarked):
        fail(worker, camera)
    StatusDirty.objects.filter(pk=unmarked.pk).delete()
    StatusDirty.objects.filter(pk=marked[2].pk).update(marked_at=datetime.now(UTC) + timedelta(minutes=1))
    monkeypatch.setattr("telemetry.alerts.transitions.MARKED_AT_ONCE", 1)

    looks = [steps.record_marked(Turn(datetime.now(UTC))) for _ in range(3)]

    assert looks == ["stored 1 transitions of what was marked"] * 2 + [""]
    assert [path_of(camera) for camera in (*marked, unmarked)] == [["failing"], ["failing"], [], []]
    assert [row.pk for row in StatusDirty.objects.all()] == [marked[2].pk]
    steps.record_status(Turn(datetime.now(UTC)))  # looks at all
    assert [path_of(camera) for camera in (*marked, unmarked)] == [["failing"]] * 4
