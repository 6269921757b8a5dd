"""The tick of ingest: outages are stored once, and with a wrong clock nothing is stored."""

import asyncio
import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from io import StringIO
from traceback import walk_tb
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from cameras.models import CameraVitals, FleetVitals
from telemetry.ingest import ticks
from telemetry.ingest.accept import Submission
from telemetry.ingest.queues import Queues
from telemetry.ingest.ticks import ClockWrong, tick
from telemetry.models import IngestOutage, Sample
from tests.factories import make_camera, make_principal

SECOND = timedelta(seconds=1)
EVENT = {"timestamp": "2026-01-01T00:00:00Z", "occupancy": 5, "confidence": 0.5}


@pytest.fixture
def _any_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any `now`, without a comparison with the clock of the database."""
    monkeypatch.setattr(ticks, "_compare_with_database", lambda now: None)


@pytest.mark.django_db
@pytest.mark.usefixtures("_any_clock")
@pytest.mark.parametrize(
    ("interval_seconds", "quiet_seconds", "is_outage"),
    [
        (None, 6.0, False),
        (None, 6.1, True),
        (1, 6.0, False),  # three missing ticks are the least
        (1, 6.1, True),
        (10, 30.0, False),
        (10, 30.1, True),
    ],
)
def test_an_outage_is_longer_than_three_intervals_of_the_quickest_camera(
    interval_seconds: int | None, quiet_seconds: float, is_outage: bool
) -> None:
    began = datetime(2026, 3, 4, 12, tzinfo=UTC)
    if interval_seconds:
        make_camera("quick", desired_state="running", expected_interval_seconds=interval_seconds)
        make_camera("slow", desired_state="running", expected_interval_seconds=600)
        make_camera("stopped", expected_interval_seconds=1)
    tick(began)

    tick(began + quiet_seconds * SECOND)

    vitals = FleetVitals.objects.get()
    assert vitals.ticked_at == began + quiet_seconds * SECOND
    expected = (began, vitals.ticked_at) if is_outage else (None, began)
    assert (vitals.outage_began_at, vitals.outage_ended_at) == expected
    assert list(IngestOutage.objects.values_list("began_at", "ended_at")) == ([expected] if is_outage else [])


@pytest.mark.django_db
@pytest.mark.usefixtures("_any_clock")
def test_of_processes_that_come_back_together_only_one_stores_the_outage() -> None:
    began = datetime(2026, 3, 4, 12, tzinfo=UTC)
    tick(began)
    tick(began + 3600 * SECOND)

    tick(began + 3600.5 * SECOND)  # another one, half a second later

    vitals = FleetVitals.objects.get()
    assert (vitals.outage_began_at, vitals.outage_ended_at) == (began, began + 3600 * SECOND)
    assert vitals.ticked_at == began + 3600 * SECOND
    assert IngestOutage.objects.get().ended_at == began + 3600 * SECOND


@pytest.mark.django_db
@pytest.mark.usefixtures("_any_clock")
def test_outages_are_kept_one_by_one_for_400_days_and_one_that_goes_on_is_one() -> None:
    began = datetime(2026, 3, 4, 12, tzinfo=UTC)
    for seconds in (0, 100, 110, 210, 215, 220, 225, 1_000, 1_005, 1_010, 1_015):
        tick(began + seconds * SECOND)
    later = began + timedelta(days=400, seconds=500)
    kept = [(began, began + 210 * SECOND), (began + 225 * SECOND, began + 1_000 * SECOND)]
    assert list(IngestOutage.objects.order_by("began_at").values_list("began_at", "ended_at")) == kept

    tick(later)

    assert list(IngestOutage.objects.order_by("began_at").values_list("ended_at", flat=True)) == [
        began + 1_000 * SECOND, later,
    ]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(("ahead_seconds", "is_wrong"), [(59, False), (61, True), (86_400, True)])
def test_a_clock_behind_what_is_stored_is_not_ready(viewer: Any, ahead_seconds: int, is_wrong: bool) -> None:
    FleetVitals.objects.update_or_create(
        pk=1, defaults={"ticked_at": timezone.now() + timedelta(seconds=ahead_seconds)}
    )

    ready = viewer.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["clock"]["ok"]) == (503 if is_wrong else 200, not is_wrong)
    if not is_wrong:
        return
    assert "accept_clock" in ready.json()["checks"]["clock"]["detail"]

    call_command("accept_clock", stdout=StringIO())
    assert viewer.get("/readyz").json()["checks"]["clock"]["ok"] is True


@pytest.mark.django_db
def test_the_endpoint_of_django_answers_503_until_the_clock_is_right(worker: Any) -> None:
    camera = make_camera()
    FleetVitals.objects.update_or_create(pk=1, defaults={"ticked_at": timezone.now() + timedelta(hours=1)})

    answer = worker.post(f"/telemetry/{camera.pk}", EVENT)

    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert "behind what is stored" in answer.json()["detail"]
    assert not Sample.objects.exists()
    assert CameraVitals.objects.get().last_contact is None

    FleetVitals.objects.update(ticked_at=timezone.now())
    assert worker.post(f"/telemetry/{camera.pk}", EVENT).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_an_idle_process_ticks_by_itself_and_a_wrong_clock_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telemetry.ingest.queues.TICK_SECONDS", 0.05)
    FleetVitals.objects.all().delete()

    async def scenario() -> ClockWrong | None:
        queues = Queues()
        try:
            while queues._clock_wrong is None:
                await asyncio.sleep(0.05)
                await asyncio.to_thread(_put_ahead_once_it_ticked)
            return queues._clock_wrong
        finally:
            await queues.close()

    wrong = asyncio.run(asyncio.wait_for(scenario(), 20))

    assert "accept_clock" in str(wrong)


@pytest.mark.django_db(transaction=True)
def test_a_refusal_for_a_wrong_clock_keeps_nothing_of_the_refusals_before_it() -> None:
    async def refused(queues: Queues, body: bytes) -> ClockWrong:
        try:
            await queues.submit(Submission(make_principal("worker"), ()))
        except ClockWrong as error:
            return error
        raise AssertionError(f"{len(body)} bytes were taken")

    async def scenario() -> list[bytes]:
        queues = Queues()
        try:
            queues._clock_wrong = ClockWrong("It is off.")
            await refused(queues, b"first")
            error = await refused(queues, b"second")
            return [
                frame.f_locals["body"] for frame, _ in walk_tb(error.__traceback__) if "body" in frame.f_locals
            ]
        finally:
            await queues.close()

    assert asyncio.run(asyncio.wait_for(scenario(), 20)) == [b"second"]


def _put_ahead_once_it_ticked() -> None:
    later = timezone.now() + timedelta(hours=1)
    FleetVitals.objects.filter(ticked_at__isnull=False).update(ticked_at=later)
    connection.close()


@pytest.mark.django_db
@pytest.mark.parametrize("off_seconds", [-61, 61])
def test_the_clock_of_the_database_decides_where_it_has_one(off_seconds: int) -> None:
    shared = connection.vendor == "postgresql"
    with pytest.raises(ClockWrong, match="off the database's") if shared else nullcontext():
        tick(timezone.now() + off_seconds * SECOND)

    assert FleetVitals.objects.filter(ticked_at__isnull=False).exists() is not shared


@pytest.mark.django_db
def test_a_database_that_answers_late_does_not_make_the_clock_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(execute: Any, sql: str, *rest: Any) -> Any:
        if "clock_timestamp" in sql:
            time.sleep(0.5)
        return execute(sql, *rest)

    monkeypatch.setattr(ticks, "AHEAD_TOLERANCE", 0.2 * SECOND)
    with connection.execute_wrapper(late):
        tick(timezone.now())

    assert FleetVitals.objects.filter(ticked_at__isnull=False).exists()
