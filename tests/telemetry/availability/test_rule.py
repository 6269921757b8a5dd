"""What each status counts as, and what a downtime is."""

from datetime import UTC, datetime, timedelta

import pytest

from cameras.status import Status
from telemetry.availability.rule import (
    DOWN,
    NOT_RUNNING,
    UP,
    Became,
    Downtime,
    History,
    Verdict,
    downtimes_of,
    pieces_of,
    verdict_of,
)
from telemetry.availability.sums import Totals
from telemetry.history.spans import Span

pytestmark = pytest.mark.once

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def test_every_status_counts_as_something() -> None:
    assert {*Status} == UP | DOWN | NOT_RUNNING | {Status.STALE}


#: a status, the one after it, whether its site or the fleet was dark, and what it counts as
LATE: list[tuple[Status | None, Status | None, bool, str]] = [
    (Status.STALE, Status.OFFLINE, False, "down"),
    (Status.STALE, Status.FAILING, False, "down"),
    (Status.STALE, Status.HEALTHY, False, "unknown"),
    (Status.STALE, Status.STOPPED, False, "unknown"),
    (Status.STALE, None, False, "unknown"),
    (Status.STALE, Status.HEALTHY, True, "down"),
    (Status.HEALTHY, Status.OFFLINE, True, "up"),
    (Status.PENDING, Status.OFFLINE, True, "left_out"),
    (None, Status.HEALTHY, False, "unknown"),
]


@pytest.mark.parametrize(("status", "following", "is_shared", "expected"), LATE)
def test_being_late_is_down_where_it_ended_down_or_was_not_the_cameras_own(
    status: Status | None, following: Status | None, is_shared: bool, expected: str
) -> None:
    assert verdict_of(status, following, is_shared=is_shared) == expected


def test_a_downtime_begins_when_the_camera_was_late_and_says_why_it_was_down() -> None:
    changes = (
        Became(at(0), Status.HEALTHY),
        Became(at(1), Status.STALE, "late"),
        Became(at(2), Status.OFFLINE, "silent"),
        Became(at(5), Status.FAILING, "no_frames"),
        Became(at(9), Status.DEGRADED, "no_samples"),
        Became(at(20), Status.FAILING, "decode_error"),
        Became(at(30), None),
    )
    history = History((Span(at(0), at(30)),), changes, excused=(Span(at(22), at(23)),))

    assert downtimes_of(history) == [
        Downtime(at(1), at(9), Status.OFFLINE, "silent"),
        Downtime(at(20), at(22), Status.FAILING, "decode_error"),
        Downtime(at(23), at(30), Status.FAILING, "decode_error", is_lasting=True),
    ]


def test_the_percentage_is_of_the_time_that_is_judged() -> None:
    hour = timedelta(hours=1)

    assert Totals(up=3 * hour, down=hour, left_out=9 * hour, unknown=hour).percent == 75
    assert Totals(down=hour).percent == 0
    assert Totals(left_out=hour, unknown=hour).percent is None


def test_two_times_of_a_window_that_overlap_excuse_once() -> None:
    history = History(
        (Span(at(0), at(10)),),
        (Became(at(0), Status.OFFLINE),),
        excused=(Span(at(1), at(4)), Span(at(3), at(6))),
    )

    verdicts = [(piece.start, piece.verdict) for piece in pieces_of(history) if piece.verdict == Verdict.DOWN]

    assert verdicts == [(at(0), Verdict.DOWN), (at(6), Verdict.DOWN)]
