"""The change log and the audit trail are what was written, and every kind of tampering is found."""

import random
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import F

from cameras import actions, log_chains
from cameras.changes import record_changes
from cameras.models import BlockAction, Change, ChangeBlock, RevisionCounter
from controlplane.access import audit
from controlplane.access.models import AuditEntry, AuditHead, AuditLink, AuditObject
from controlplane.log_chain import Place
from tests.factories import AUTHOR, NOW, make_camera, make_site

pytestmark = pytest.mark.django_db(transaction=True)

CHANGES, TRAIL = "change log", "audit trail"
# Numbers and texts that a database gives back in another form, or might.
STRANGE = {
    "model": {"a": 1.0, "b": -0.0, "c": 1e22, "d": 1e-7, "é": '\ud83d\ude00 \\ "', "z": [True, None, 10**30, 0.1]}
}


def faults(log: str) -> list[tuple[str, str]]:
    return [(fault.where, fault.what.split(" ")[1]) for fault in log_chains.check()[log].faults]


def write_log() -> None:
    """Single changes, an entry of several, and one whose configuration is strange."""
    cameras = [make_camera(f"Gate {n}") for n in range(4)]
    with record_changes(by=AUTHOR, now=NOW, action=BlockAction.STARTED):
        for camera in cameras:
            actions.update_camera(camera_id=camera.pk, values={"desired_state": "running"}, by=AUTHOR, now=NOW)
    actions.update_camera(camera_id=cameras[0].pk, values={"model_config": STRANGE}, by=AUTHOR, now=NOW)


def write_trail() -> None:
    for number in range(6):
        audit.record(by=AUTHOR, now=NOW, action="a.b", object_type="thing", object_id=number)
    things = [(number, f"thing {number}") for number in range(3)]
    audit.record_together(by=AUTHOR, now=NOW, action="c.d", object_type="thing", objects=things)
    audit.record_all(by=AUTHOR, now=NOW, action="e.f", object_type="thing", objects=things)


def test_what_the_service_writes_is_sound_and_ends_where_it_says() -> None:
    write_log()
    write_trail()

    found = log_chains.check()

    assert [(log, finding.rows, finding.faults) for log, finding in found.items()] == [
        (CHANGES, 9, []), (TRAIL, 10, []),
    ]  # fmt: skip
    assert found[CHANGES].end == Place(9, Change.objects.get(pk=9).digest)
    assert found[TRAIL].end == Place(10, AuditLink.objects.get(number=10).digest)


def test_what_is_rolled_back_leaves_no_link() -> None:
    thing: dict[str, Any] = {"by": AUTHOR, "now": NOW, "object_type": "thing", "object_id": 1}
    with transaction.atomic():
        audit.record(action="not.kept", **thing)
        transaction.set_rollback(True)
    with transaction.atomic():
        audit.record(action="kept", **thing)
        with transaction.atomic():
            audit.record(action="not.kept", **thing)
            transaction.set_rollback(True)

    assert AuditEntry.objects.get().action == "kept"
    assert (AuditLink.objects.count(), faults(TRAIL)) == (1, [])


def edited(row: int) -> list[tuple[str, str]]:
    Change.objects.filter(pk=row).update(by="nobody")
    return [(str(row), "not")]


def emptied(row: int) -> list[tuple[str, str]]:
    Change.objects.filter(pk=row).update(name="")
    return [(str(row), "not")]


def moved_in_time(row: int) -> list[tuple[str, str]]:
    Change.objects.filter(pk=row).update(at=F("at") + timedelta(microseconds=1))
    return [(str(row), "not")]


def removed(row: int) -> list[tuple[str, str]]:
    Change.objects.filter(pk=row).delete()
    return [(str(row), "missing")]


def exchanged(row: int) -> list[tuple[str, str]]:
    other = row % Change.objects.count() + 1
    one, two = Change.objects.get(pk=row), Change.objects.get(pk=other)
    one.revision, two.revision = other, row
    one.digest, two.digest = two.digest, one.digest
    one.save(force_update=True)
    two.save(force_update=True)
    return sorted([(str(row), "not"), (str(other), "not")])


def added(row: int) -> list[tuple[str, str]]:
    last = Change.objects.order_by("revision").last()
    assert last
    Change.objects.bulk_create(
        [Change(**{**Change.objects.filter(pk=row).values().get(), "revision": last.pk + 1})]
    )
    return [(f"{last.pk + 1}-{last.pk + 1}", "never")]


def added_and_counted(row: int) -> list[tuple[str, str]]:
    ((where, _),) = added(row)
    RevisionCounter.objects.update(revision=F("revision") + 1)
    return [(where.split("-")[0], "not")]


KINDS: list[Callable[[int], Any]] = [edited, emptied, moved_in_time, removed, exchanged, added, added_and_counted]


@pytest.mark.parametrize("tamper", KINDS)
@pytest.mark.parametrize("row", [1, 4, 5, 9])
def test_a_change_that_is_not_what_was_written_is_found(tamper: Callable[[int], Any], row: int) -> None:
    write_log()

    expected = tamper(row)

    assert sorted(faults(CHANGES)) == expected


def test_the_entry_of_a_block_is_held_with_its_first_change() -> None:
    write_log()

    ChangeBlock.objects.filter(pk=5).update(note="it was somebody else")

    assert faults(CHANGES) == [("5", "not")]


def test_an_entry_of_the_trail_that_is_not_what_was_written_is_found() -> None:
    write_trail()
    pk_of = dict(AuditLink.objects.values_list("number", "entry_id"))
    tampering: list[tuple[Callable[[], Any], list[tuple[str, str]]]] = [
        (lambda: AuditEntry.objects.filter(pk=pk_of[3]).update(by="nobody"), [("3", "not")]),
        (lambda: AuditObject.objects.filter(object_name="thing 1").update(object_name="x"), [("7", "not")]),
        (lambda: AuditObject.objects.filter(object_name="thing 1").delete(), [("7", "not")]),
        (lambda: AuditEntry.objects.filter(pk=pk_of[10]).delete(), [("10", "missing")]),
        (lambda: AuditLink.objects.filter(number=10).delete(), [("10", "missing"), (f"entry {pk_of[10]}", "no")]),
        (lambda: AuditLink.objects.filter(number=1).delete(), [("1", "missing"), (f"entry {pk_of[1]}", "no")]),
        (
            lambda: AuditEntry.objects.bulk_create(
                [AuditEntry(pk=pk_of[10] + 1, at=NOW, by="x", via="x", action="x", object_type="x", object_id="x")]
            ),
            [(f"entry {pk_of[10] + 1}", "no")],
        ),
    ]
    for tamper, expected in tampering:
        with transaction.atomic():
            tamper()
            assert sorted(faults(TRAIL)) == sorted(expected)
            transaction.set_rollback(True)
    assert faults(TRAIL) == []


def test_a_thousand_random_tamperings_are_found(request: pytest.FixtureRequest) -> None:
    write_log()
    dice = random.Random(11)
    for _ in range(10_000 if request.config.getoption("--long") else 100):
        with transaction.atomic():
            expected = dice.choice(KINDS)(dice.randint(1, 9))
            assert sorted(faults(CHANGES)) == expected
            transaction.set_rollback(True)


def test_writers_at_once_leave_one_chain() -> None:
    site = make_site("North")

    def write(number: int) -> None:
        try:
            for n in range(5):
                make_camera(f"{number} {n}", site=site)
                with transaction.atomic():
                    audit.record(by=AUTHOR, now=NOW, action="a.b", object_type="thing", object_id=number)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = log_chains.check()
    assert {log: (finding.rows, finding.faults) for log, finding in found.items()} == {
        CHANGES: (30, []), TRAIL: (31, []),
    }  # fmt: skip
    assert AuditHead.objects.get().number == 31


def test_a_pruned_beginning_is_no_fault_and_a_removed_one_is(capsys: pytest.CaptureFixture[str]) -> None:
    write_log()
    write_trail()
    end = log_chains.check()[CHANGES].end
    later = NOW + timedelta(days=1)
    newer = make_camera("Later", now=later)
    audit.record(by=AUTHOR, now=later, action="a.b", object_type="thing", object_id="later")

    call_command("prune_log", before=str(later.date()))

    assert Change.objects.get().camera_id == newer.pk
    assert "change log: 9 rows removed." in capsys.readouterr().out
    found = log_chains.check()
    assert [(finding.rows, finding.begins_after.number, finding.faults) for finding in found.values()] == [
        (1, 9, []), (3, 10, []),
    ]  # fmt: skip
    call_command("verify_log", expect=[f"{CHANGES}={end}", f"{TRAIL}={found[TRAIL].end}"])
    assert "9 is pruned, so that it cannot be compared" in capsys.readouterr().out
    make_camera("Newest", now=later)
    call_command("verify_log")

    Change.objects.filter(camera_id=newer.pk).delete()

    assert faults(CHANGES) == [("10", "missing")]
    with pytest.raises(CommandError, match="not as they were written"):
        call_command("verify_log")


def test_pruning_keeps_entries_whole_and_the_newest_row() -> None:
    write_log()
    Change.objects.filter(pk=7).update(at=NOW + timedelta(days=3))

    log_chains.prune(before=NOW + timedelta(days=1), by=AUTHOR, now=NOW)
    assert [change.pk for change in Change.objects.order_by("pk")] == [5, 6, 7, 8, 9]
    log_chains.prune(before=NOW + timedelta(days=9), by=AUTHOR, now=NOW)

    assert [change.pk for change in Change.objects.order_by("pk")] == [9]


@pytest.mark.parametrize("expect", ["change log=9", "log=9:aa", "change log=x:aa", "nonsense"])
def test_an_end_that_is_none_is_refused(expect: str) -> None:
    with pytest.raises(CommandError, match="--expect takes"):
        call_command("verify_log", expect=[expect])


def test_a_whole_log_that_was_made_anew_is_found_by_an_end_that_was_kept() -> None:
    write_log()
    end = log_chains.check()[CHANGES].end

    call_command("verify_log", expect=[f"{CHANGES}={end}"])
    with pytest.raises(CommandError, match="not as they were written"):
        call_command("verify_log", expect=[f"{CHANGES}={end._replace(digest='0' * 64)}"])
