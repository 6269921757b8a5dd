"""The change feed at a standby, and after its promotion."""

import time
from pathlib import Path

import httpx
import pytest

from tests.cluster import Standby
from tests.faults.replicated import DATABASE, Replicated
from tests.faults.service import Fleet, Service
from tests.waiting import wait_until


class Watcher:
    """Asks one service for changes, and stops and starts a camera there."""

    def __init__(self, service: Service, fleet: Fleet) -> None:
        self._url, self._fleet = service.url, fleet

    def stop(self, camera: str) -> None:
        def is_stored() -> bool:
            headers = {"Authorization": f"Bearer {self._fleet.tokens['administrator']}"}
            answer = httpx.patch(
                f"{self._url}/cameras/{camera}", json={"desired_state": "stopped"}, headers=headers, timeout=10
            )
            assert answer.status_code in (200, 503), answer.text
            return answer.status_code == 200

        wait_until(is_stored, seconds=30)

    def ask(self, cursor: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._fleet.tokens['viewer']}"}
        query = f"?since={cursor}" if cursor else ""
        return httpx.get(f"{self._url}/cameras/changes{query}", headers=headers, timeout=10)

    def first_answer(self, cursor: str) -> httpx.Response:
        """The first that is no 503."""
        for _ in range(100):
            answer = self.ask(cursor)
            if answer.status_code != 503:
                break
            time.sleep(0.1)
        return answer


def cut_off(standby: Standby) -> None:
    """The standby receives nothing any more; returns when that is so."""
    with standby.connect() as connection:
        connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
        connection.execute("SELECT pg_reload_conf()")
        count = "SELECT count(*) FROM pg_stat_wal_receiver"
        wait_until(lambda: connection.execute(count).fetchone() == (0,))


@pytest.mark.parametrize("is_synchronous", [False, True])
def test_who_read_a_change_that_the_successor_may_lack_is_told_so_at_the_first_question(
    tmp_path: Path, is_synchronous: bool, long: bool
) -> None:
    for number in range(20 if long else 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        answer = answer_after_failover(folder, is_synchronous)
        assert answer.status_code == 410, (number, answer.text)


def answer_after_failover(folder: Path, is_synchronous: bool) -> httpx.Response:
    """The answer to who has read a change of a primary that died, after a change at its successor."""
    with Replicated() as replicated:
        primary, standby, cameras = replicated.primary, replicated.standby, replicated.fleet.cameras
        if is_synchronous:
            primary.follow_synchronously()
        with Service(folder, replicated.url) as service:
            watcher = Watcher(service, replicated.fleet)
            if not is_synchronous:
                cut_off(standby)
            watcher.stop(cameras[0])
            read = watcher.ask().json()
            primary.kill()
            standby.promote()
            watcher.stop(cameras[1])
            return watcher.first_answer(read["next"])


def test_a_standby_gives_the_cursors_of_its_primary_and_is_asked_again_for_those_that_it_has_not_reached(
    tmp_path: Path,
) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    with (
        Replicated() as replicated,
        Service(tmp_path / "1", replicated.primary.url(DATABASE)) as at_primary,
        Service(tmp_path / "2", replicated.standby.url(DATABASE)) as at_standby,
    ):
        standby, fleet = replicated.standby, replicated.fleet
        of_primary, of_standby = Watcher(at_primary, fleet), Watcher(at_standby, fleet)
        of_primary.stop(fleet.cameras[0])
        cursor = of_primary.ask().json()["next"]
        wait_until(lambda: of_standby.ask(cursor).status_code == 200)
        epoch, revision = cursor.split("-")
        ahead = of_standby.ask(f"{epoch}-{int(revision) + 1}")
        at_the_primary = of_primary.ask(f"{epoch}-{int(revision) + 1}")
        cut_off(standby)
        cut = of_standby.ask(cursor)
        standby.promote()
        promoted = of_standby.first_answer(cursor)

    assert (ahead.status_code, "not come as far" in ahead.json()["detail"]) == (503, True)
    assert int(ahead.headers["retry-after"]) > 0
    assert at_the_primary.status_code == 410
    assert (cut.status_code, "which history it follows" in cut.json()["detail"]) == (503, True)
    assert promoted.status_code == 410
