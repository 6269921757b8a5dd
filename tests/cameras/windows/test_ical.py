"""iCalendar: what is read of a file, what is refused by its line, and that what is written is read again."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cameras.windows.ical import Entry, Event, UnreadableCalendar, read_calendar, write_calendar

pytestmark = pytest.mark.once


def calendar(*lines: str, end: str = "\r\n") -> str:
    return end.join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", ""])


def only(*lines: str) -> tuple[str, str, str, str, str]:
    (event,) = read_calendar(calendar(*lines))
    return (event.starts.isoformat(), event.ends.isoformat(), event.zone, event.rule, event.summary)


@pytest.mark.parametrize(
    ("lines", "event"),
    [
        (
            ["DTSTART;TZID=Europe/Berlin:20301130T220000", "DTEND;TZID=Europe/Berlin:20301201T060000", "SUMMARY:Paint"],
            ("2030-11-30T22:00:00", "2030-12-01T06:00:00", "Europe/Berlin", "", "Paint"),
        ),
        (
            ["DTSTART:20301130T220000Z", "DURATION:P1DT2H30M", "RRULE:FREQ=DAILY;COUNT=3"],
            ("2030-11-30T22:00:00", "2030-12-02T00:30:00", "UTC", "FREQ=DAILY;COUNT=3", ""),
        ),
        (["DTSTART:20301130T220000", "DURATION:PT15M"], ("2030-11-30T22:00:00", "2030-11-30T22:15:00", "", "", "")),
        (["DTSTART;VALUE=DATE:20301130"], ("2030-11-30T00:00:00", "2030-12-01T00:00:00", "", "", "")),
        (["DTSTART:20301130", "DTEND:20301202"], ("2030-11-30T00:00:00", "2030-12-02T00:00:00", "", "", "")),
        (["DTSTART:20301130", "DURATION:P2W"], ("2030-11-30T00:00:00", "2030-12-14T00:00:00", "", "", "")),
        (
            ["dtstart;tzid=\"Europe/Berlin\":20301130T220000", "DTEND:20301130T220000Z"],
            ("2030-11-30T22:00:00", "2030-11-30T23:00:00", "Europe/Berlin", "", ""),
        ),
        (
            ["DTSTART:20301130", "SUMMARY;LANGUAGE=en:Roof\\, door\\;", "  and \\\\ floor\\nat night", "X-OTHER;A=\"b:c\":d"],
            ("2030-11-30T00:00:00", "2030-12-01T00:00:00", "", "", "Roof, door; and \\ floor at night"),
        ),
        (
            ["DTSTART:20301130", "BEGIN:VALARM", "DURATION:PT5M", "SUMMARY:Ring", "END:VALARM"],
            ("2030-11-30T00:00:00", "2030-12-01T00:00:00", "", "", ""),
        ),
    ],
)  # fmt: skip
def test_an_event_is_read_as_it_is_written(lines: list[str], event: Any) -> None:
    assert only(*lines) == event


def test_what_is_no_event_or_cancelled_is_left_out() -> None:
    text = calendar("DTSTART:20301130", "STATUS:CANCELLED")
    zone = (
        "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nBEGIN:STANDARD\nDTSTART:19701025T030000\nEND:STANDARD\nEND:VTIMEZONE"
    )
    todo = "BEGIN:VTODO\nDTSTART:x\nEND:VTODO"
    assert read_calendar(text.replace("BEGIN:VEVENT", f"{zone}\n{todo}\nBEGIN:VEVENT")) == []
    assert len(read_calendar("\ufeff" + calendar("DTSTART:20301130", end="\n") * 2)) == 2


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["DTEND:20301130"], "Line 2: The event has no DTSTART."),
        (["DTSTART:20301130T220000"], "Line 2: The event has neither DTEND nor DURATION."),
        (["DTSTART:20301130T220000Z", "DTEND:20301130T210000Z"], "Line 2: The event ends before it begins"),
        (["DTSTART:20301130T220000Z", "DURATION:PT0S"], "Line 2: The event ends before it begins"),
        (["DTSTART:20301130T220000Z", "DURATION:-PT1H"], "Line 4: DURATION must be"),
        (["DTSTART:20301130T220000Z", "DURATION:P"], "Line 4: DURATION must be"),
        (["DTSTART:20301130T220000Z", "DURATION:P1DT"], "Line 4: DURATION must be"),
        (["DTSTART:99991230", "DURATION:P9999W"], "Line 2: The event ends after all times."),
        (["DTSTART:20301130", "DTEND:20301201", "DURATION:P1D"], "Line 5: DTEND and DURATION do not go together."),
        (["DTSTART:20301130", "DTEND:20301201T000000"], "Line 4: DTEND is not of the kind of DTSTART."),
        (["DTSTART:20301130T220000", "DTEND:20301201T000000Z"], "Line 4: DTEND is not of the kind of DTSTART."),
        (["DTSTART:20301131"], "Line 3: DTSTART must be"),
        (["DTSTART:20301130T250000"], "Line 3: DTSTART must be"),
        (["DTSTART;TZID=Europe/Berlin:20301130T220000Z"], "Line 3: DTSTART must be"),
        (["DTSTART;TZID=W. Europe Standard Time:20301130T220000"], "Line 3: TZID must be"),
        (["DTSTART:20301130", "DTSTART:20301130"], "Line 4: DTSTART is given twice."),
        (["DTSTART:20301130", "EXDATE:20301201"], "Line 4: EXDATE is not taken"),
        (["DTSTART:20301130", "RDATE:20301201"], "Line 4: RDATE is not taken"),
        (["DTSTART:20301130", "RECURRENCE-ID:20301201"], "Line 4: RECURRENCE-ID is not taken"),
        (["DTSTART:20301130", "no colon"], "Line 4: Is no line of iCalendar"),
        (["DTSTART:20301130", "END:VTODO"], "Line 4: END does not match the BEGIN of line 2."),
        (["DTSTART:20301130", "BEGIN:VALARM"], "Line 5: END does not match the BEGIN of line 4."),
    ],
)
def test_what_is_wrong_is_said_with_its_line(lines: list[str], said: str) -> None:
    with pytest.raises(UnreadableCalendar) as refused:
        read_calendar(calendar(*lines))
    assert str(refused.value).startswith(said)


NO_CALENDARS = {
    "no calendar around it": ("BEGIN:VEVENT\nEND:VEVENT", "Line 1: It does not begin with BEGIN:VCALENDAR."),
    "no component": ("SUMMARY:x", "Line 1: It does not begin with BEGIN:VCALENDAR."),
    "JSON": ("{}", "Line 1: Is no line of iCalendar"),
    "cut off in a line": (calendar("DTSTART:20301130")[:-25], "Line 4: Is no line of iCalendar"),
    "cut off at its end": (calendar("DTSTART:20301130")[:-30], "Line 2: Its END is missing"),
    "101 events": (calendar("DTSTART:20301130") * 101, "Line 502: It holds more than 100 events."),
    "too large": ("A" * 256 * 1024 + "B", "It is larger than 256 KiB."),
    "many parameters": ("A" + ";A=a" * 60_000, "Line 1: Is no line of iCalendar"),
    "many folds": ("A:" + "\n " * 80_000, "Line 1: It does not begin"),
}


@pytest.mark.parametrize(("text", "said"), NO_CALENDARS.values(), ids=NO_CALENDARS.keys())
def test_what_is_no_calendar_is_refused(text: str, said: str) -> None:
    with pytest.raises(UnreadableCalendar) as refused:
        read_calendar(text)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC"])
def test_what_is_written_is_read_again(zone: str) -> None:
    starts, ends = (datetime.fromisoformat(text) for text in ("2030-11-30T22:00:00", "2030-12-01T06:00:00"))
    summary = "Café, dock; door \\ " + "ö" * 80
    rule = "FREQ=DAILY;UNTIL=20301224T235959"
    made_at = datetime(2026, 3, 4, 12, tzinfo=UTC)
    text = write_calendar([Entry("7", made_at, starts, ends, zone, rule, summary, "stop", "North")])
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
    (event,) = read_calendar(text)
    in_utc = rule.replace("235959", "225959" if zone != "UTC" else "235959") + "Z"
    assert event == Event(4, starts, ends, zone, in_utc, summary)
