"""Two queues: a batch does not hold up single events, and its receipts come back in its own order."""

import asyncio
import random
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from telemetry.ingest import group_commit
from telemetry.ingest.accept import Submission
from telemetry.ingest.group_commit import GroupCommit, QueueFull
from telemetry.ingest.queues import CHUNK_EVENTS, QUICK_AT_MOST_EVENTS, Queues
from telemetry.ingest.receipts import Receipt
from telemetry.ingest.wire import Event
from telemetry.models import Sample
from tests.factories import make_camera
from tests.telemetry.ingest.test_accept import WORKER_PRINCIPAL
from tests.telemetry.ingest.test_group_commit import Accepting, submission
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


def test_single_events_pass_a_batch_that_is_being_written() -> None:
    async def scenario() -> None:
        queues, slow, quick = Queues(), Accepting(), Accepting()
        queues.bulk, queues.quick = GroupCommit(slow, CHUNK_EVENTS), GroupCommit(quick)
        slow.released.clear()
        batch = asyncio.create_task(queues.submit(submission(QUICK_AT_MOST_EVENTS + 1)))
        await until(lambda: slow.tried == 1)

        await asyncio.wait_for(queues.submit(submission(QUICK_AT_MOST_EVENTS)), timeout=2)

        assert not batch.done()
        slow.released.set()
        assert len(await batch) == QUICK_AT_MOST_EVENTS + 1
        await queues.close()

    asyncio.run(scenario())


def test_a_batch_is_written_in_chunks_by_camera_and_answered_in_its_own_order() -> None:
    cameras = [make_camera(str(number)) for number in range(5)]
    start = datetime(2026, 1, 1, tzinfo=UTC)
    events = [
        Event(camera.pk, start + timedelta(seconds=second), "", second, 1.0, None)
        for camera in cameras
        for second in range(300)
    ]
    random.Random(3).shuffle(events)
    repeated = [*events, events[0]._replace(occupancy=9_999)]
    sizes: list[int] = []

    async def scenario() -> list[Receipt]:
        queues = Queues()
        accept = queues.bulk._accept
        lock = threading.Lock()

        def counted(submissions: Sequence[Submission], now: datetime) -> list[list[Receipt]]:
            with lock:
                sizes.append(sum(len(each.events) for each in submissions))
            return accept(submissions, now)

        queues.bulk._accept = counted
        receipts = await queues.submit(Submission(WORKER_PRINCIPAL, repeated))
        await queues.close()
        return receipts

    receipts = asyncio.run(scenario())

    assert [receipt.outcome.value for receipt in receipts] == ["stored"] * 1_500 + ["conflict"]
    assert sizes == [1_000, 501]
    assert Sample.objects.count() == 1_500


def test_a_batch_for_which_there_is_no_room_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MAX_WAITING_EVENTS", 5_000)

    async def scenario() -> None:
        queues, accepting = Queues(), Accepting()
        queues.bulk = GroupCommit(accepting, CHUNK_EVENTS)
        answers = await asyncio.gather(
            *(queues.submit(submission(2_000)) for _ in range(3)), return_exceptions=True
        )
        await queues.close()
        assert [type(answer) for answer in answers] == [list, list, QueueFull]
        assert len(accepting.groups) == 4, "nothing of the third"

    asyncio.run(scenario())
