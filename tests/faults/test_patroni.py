"""Patroni moves the service to the other node: when the leader's machine fails, and when somebody asks for it."""

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.faults.conftest import CAMERAS_A_TEST
from tests.faults.ledger import Ledger
from tests.faults.load import Load
from tests.faults.patroni import Patroni, wait_for, what_is_missing
from tests.faults.restored import cursor_of
from tests.faults.service import Service, make_fleet
from tests.faults.test_failover import ask


@pytest.fixture
def patroni(long: bool) -> Iterator[Patroni]:
    if not long:
        pytest.skip("It takes a minute or two: --long")
    if missing := what_is_missing():
        pytest.skip(missing)
    with Patroni() as patroni:
        yield patroni


def test_when_the_leaders_machine_fails_or_hands_over_nothing_acknowledged_is_lost_and_it_comes_back(
    patroni: Patroni, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    fleet = make_fleet(patroni.url(), CAMERAS_A_TEST)
    ledger = Ledger(fleet.cameras)
    leader, standby = patroni.nodes
    with (
        Service(tmp_path, patroni.url()) as service,
        Load(service.port, fleet.tokens["worker"], ledger) as load,
    ):
        load.wait_for_answer(time.monotonic())
        time.sleep(5)
        cursor = cursor_of(service, fleet)
        leader.kill()
        killed_at = time.monotonic()
        until_acknowledged = load.wait_for_answer(killed_at)
        changes = ask(
            f"{service.url}/cameras/changes?since={cursor}", {"Authorization": f"Bearer {fleet.tokens['viewer']}"}
        )
        leader.start()
        wait_for(leader.is_synchronous_standby, leader.log)
        time.sleep(2)
        asked_at = time.monotonic()
        standby.hand_over_to(leader)
        wait_for(leader.is_leader, leader.log)
        handed_over_at = time.monotonic()
        load.wait_for_answer(handed_over_at)
        time.sleep(2)
        assert service.logged_errors() == []

    answered = sorted(attempt.answered_at for attempt in load.attempts if attempt.status in (200, 201))
    pauses = [after - before for before, after in pairwise(answered) if asked_at < after < handed_over_at + 20]
    assert max(pauses) < 15
    with leader.connect() as connection:
        ledger.check(connection)
    assert changes.status_code == 410, "what this watcher saw may be gone"
    assert set(ledger.statuses) <= {200, 201, 503}
    assert until_acknowledged < 30
    record_property("from the failure to the first acknowledgement (s)", round(until_acknowledged, 1))
    record_property("longest time without an acknowledgement in a switchover (s)", round(max(pauses), 1))
    record_property("events acknowledged, of which none is lost or doubled", len(ledger.acknowledged))
