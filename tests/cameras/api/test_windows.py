"""Windows over REST: who may, what is refused, and what the answers say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cameras.models import Camera
from cameras.windows.models import Window
from tests.factories import ApiClient, make_camera, make_site, make_token

pytestmark = pytest.mark.django_db
LATER = {"action": "stop", "ends": "2035-01-01T00:00"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"rule": "FREQ=DAILY", "starts": "2034-12-31T22:00"}, "rule"),
        ({"rule": "FREQ=SECONDLY;COUNT=9", "starts": "2034-12-31T22:00"}, "rule"),
        ({"starts": "2035-01-02T00:00"}, "ends"),
        ({"ends": "2020-01-01T00:00", "starts": "2019-01-01T00:00"}, "ends"),
        ({"ends": "2035-01-01T00:00Z"}, "ends"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"reason": "x" * 201}, "reason"),
        ({"reason": "a\nb"}, "reason"),
        ({"action": "burn"}, "action"),
        ({"everything": False}, "site"),
        ({"cameras": ["5c0d9e1a-74b2-4f8e-8b11-d2f6a3907c58"]}, "cameras"),
        ({"cameras": []}, "site"),
        ({"site": "5c0d9e1a-74b2-4f8e-8b11-d2f6a3907c58", "everything": None}, "everything"),
        ({"colour": "red"}, "colour"),
        ({"created_by": "me"}, "created_by"),
    ],
)
def test_what_is_wrong_is_said_by_field_and_nothing_is_stored(
    given: dict[str, Any], field: str, operator: ApiClient
) -> None:
    whole = {} if {"cameras", "everything"} & given.keys() else {"everything": True}
    answer = operator.post("/windows", {**LATER, **whole, **given})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not Window.objects.exists()


@pytest.mark.parametrize("name", ["id", "created_at", "next_at", "lasts_until"])
def test_what_an_answer_says_beside_is_read_only(name: str, operator: ApiClient) -> None:
    refused = operator.post("/windows", {**LATER, "everything": True, name: None})
    assert [(error["field"], error["code"]) for error in refused.json()["errors"]] == [(name, "read_only")]


def test_an_operator_of_a_site_stops_there_and_nowhere_else() -> None:
    north, south = make_site("North"), make_site("South")
    here, there = make_camera(site=north, desired_state="running"), make_camera(site=south)
    client = ApiClient(make_token("operator", north))
    assert client.post("/windows", {**LATER, "everything": True}).status_code == 403
    assert client.post("/windows", {**LATER, "site": str(south.pk)}).status_code == 400
    assert client.post("/windows", {**LATER, "cameras": [str(here.pk), str(there.pk)]}).status_code == 400
    made = client.post("/windows", {**LATER, "site": str(north.pk)})
    assert made.status_code == 201
    assert Camera.objects.get(pk=here.pk).desired_state == "stopped"
    everything = ApiClient(make_token("operator")).post("/windows", {**LATER, "everything": True}).json()
    address = f"/windows/{everything['id']}"
    assert client.get(address).status_code == 200
    assert client.request("DELETE", address).status_code == 403
    assert client.post(f"{address}/end").status_code == 403
    assert client.delete(made["Location"]).status_code == 204
    assert Camera.objects.get(pk=here.pk).desired_state == "stopped"  # the other window lasts


def test_a_window_that_begins_within_minutes_is_still_said_to_begin_then(operator: ApiClient) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=2)).replace(microsecond=0, tzinfo=None)
    times = {"starts": soon.isoformat(), "ends": (soon + timedelta(hours=1)).isoformat()}

    made = operator.post("/windows", {"action": "mute", "everything": True, **times}).json()

    assert (made["next_at"], made["lasts_until"]) == (f"{soon.isoformat()}.000000Z", None)


@pytest.mark.parametrize("count", [1, 50])
def test_a_list_takes_the_same_queries(count: int, operator: ApiClient, django_assert_num_queries: Any) -> None:
    camera = make_camera()
    for _number in range(count):
        operator.post("/windows", {**LATER, "cameras": [str(camera.pk)]})
    with django_assert_num_queries(3):
        assert len(operator.get("/windows").json()) == count


def calendar(*events: str) -> str:
    inner = "".join(f"BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n" for event in events)
    return f"BEGIN:VCALENDAR\r\n{inner}END:VCALENDAR\r\n"


def test_a_calendar_becomes_windows_and_windows_a_calendar(operator: ApiClient) -> None:
    site = make_site("North", timezone="Europe/Berlin")
    text = calendar(
        "DTSTART:20341231T220000\r\nDURATION:PT8H\r\nRRULE:FREQ=WEEKLY;COUNT=3\r\nSUMMARY:Painting",
        "DTSTART;TZID=Europe/Oslo:20350201T080000\r\nDTEND;TZID=Europe/Oslo:20350201T160000",
        "DTSTART:20200101",  # is over
    )
    made = operator.post("/windows/calendar", {"action": "stop", "site": str(site.pk), "calendar": text})
    assert made.status_code == 201
    assert [(row["starts"], row["ends"], row["zone"], row["rule"], row["reason"]) for row in made.json()] == [
        ("2034-12-31T22:00:00", "2035-01-01T06:00:00", "Europe/Berlin", "FREQ=WEEKLY;COUNT=3", "Painting"),
        ("2035-02-01T08:00:00", "2035-02-01T16:00:00", "Europe/Oslo", "", ""),
    ]
    written = operator.get("/windows/calendar")
    assert written["Content-Type"] == "text/calendar; charset=utf-8"
    again = operator.post(
        "/windows/calendar", {"action": "mute", "everything": True, "calendar": written.content.decode()}
    )
    both = [
        {row["starts"]: (row["ends"], row["zone"], row["rule"]) for row in each.json()} for each in (made, again)
    ]
    assert both[0] == both[1]


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        (
            {"calendar": calendar("DTSTART:20341231\r\nRRULE:FREQ=DAILY")},
            "calendar",
            "line 2: rule: A rule must end",
        ),
        (
            {"calendar": calendar("DTSTART:20341231\r\nRRULE:FREQ=SECONDLY;COUNT=3")},
            "calendar",
            "rule: FREQ must be",
        ),
        ({"calendar": calendar("DTSTART:20341231\r\nDTEND:20341230")}, "calendar", "ends before it begins"),
        ({"calendar": calendar(f"DTSTART:20341231\r\nSUMMARY:{'w' * 201}")}, "calendar", "line 2: SUMMARY: "),
        ({"calendar": calendar("DTSTART:20200101")}, "calendar", "no event that is to come"),
        ({"calendar": calendar()}, "calendar", "no event that is to come"),
        ({"calendar": ""}, "calendar", "no event that is to come"),
        ({"calendar": None}, "calendar", "Must be the text"),
        ({"action": "burn"}, "action", "Must"),
        ({"everything": False}, "site", "Say what it is over"),
        ({"reason": "x"}, "reason", "no such field"),
        ({"colour": "x"}, "colour", "no such field"),
        (
            {"calendar": calendar("DTSTART:20341231", "DTSTART:20350101", "DTSTART:x")},
            "calendar",
            "Line 9: DTSTART",
        ),
    ],
)
def test_of_a_calendar_with_a_fault_nothing_is_stored(
    given: dict[str, Any], field: str, said: str, operator: ApiClient
) -> None:
    body = {"action": "stop", "everything": True, "calendar": calendar("DTSTART:20341231"), **given}
    refused = operator.post("/windows/calendar", body)
    assert refused.status_code == 400
    (error,) = refused.json()["errors"]
    assert (error["field"], said in error["detail"]) == (field, True)
    assert not Window.objects.exists()


def test_a_calendar_of_ten_megabytes_is_refused(operator: ApiClient) -> None:
    large = calendar(*["DTSTART:20341231"] * 250_000)
    assert len(large) > 10_000_000
    refused = operator.post("/windows/calendar", {"action": "mute", "everything": True, "calendar": large})
    assert (refused.status_code, Window.objects.exists()) == (413, False)
