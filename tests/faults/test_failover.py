"""A primary that hangs and is not dead, and a standby that is promoted in its place."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.ledger import Ledger
from tests.faults.load import Load
from tests.faults.replicated import DATABASE, Replicated
from tests.faults.service import Service
from tests.faults.test_database import Reads

Record = Callable[[str, object], None]


@pytest.fixture
def replicated() -> Iterator[Replicated]:
    """The standby has what the primary acknowledges."""
    with Replicated() as replicated:
        replicated.primary.follow_synchronously()
        yield replicated


@pytest.fixture
def service(replicated: Replicated, tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path, replicated.url) as service:
        yield service
        assert service.logged_errors() == []


def ask(url: str, headers: dict[str, str]) -> httpx.Response:
    """The first answer that is no 503."""
    for _ in range(20):
        answer = httpx.get(url, headers=headers, timeout=10)
        if answer.status_code != 503:
            break
        time.sleep(0.2)
    return answer


@pytest.mark.parametrize("seconds_before_promotion", [0, 4])
def test_when_a_primary_hangs_ingest_and_the_api_go_on_at_its_successor_within_five_seconds_and_nothing_is_lost(
    replicated: Replicated,
    service: Service,
    seconds_before_promotion: float,
    record_property: Record,
) -> None:
    primary, standby, fleet = replicated.primary, replicated.standby, replicated.fleet
    ledger = Ledger(fleet.cameras)
    with (
        Load(service.port, fleet.tokens["worker"], ledger) as load,
        Reads(service.port, fleet.tokens["viewer"], "/cameras") as reads,
    ):
        load.wait_for_answer(time.monotonic())
        reads.wait_for_answer(time.monotonic())
        viewer = {"Authorization": f"Bearer {fleet.tokens['viewer']}"}
        cursor = ask(f"{service.url}/cameras?limit=1", viewer).headers["x-cursor"]
        with primary.frozen():
            time.sleep(seconds_before_promotion)
            standby.promote()
            promoted_at = time.monotonic()
            until_acknowledged = load.wait_for_answer(promoted_at)
            until_read = reads.wait_for_answer(promoted_at)
            changes = ask(f"{service.url}/cameras/changes?since={cursor}", viewer)
            time.sleep(1)
        primary.kill()  # it woke, and is fenced
        time.sleep(1)

    with standby.connect(DATABASE) as connection:
        ledger.check(connection)
    assert set(ledger.statuses) <= {200, 201, 503}
    assert set(reads.statuses) <= {200, 503}
    assert changes.status_code == 410, "what this watcher saw may be gone"
    assert until_acknowledged < 5
    assert until_read < 5
    record_property("from the promotion to the first acknowledgement (s)", round(until_acknowledged, 2))
    record_property("from the promotion to the first read (s)", round(until_read, 2))
    record_property("events stored", len(ledger.acknowledged))
