"""Logs as people read them: under the names of days, in the zone of the person who asks."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from controlplane.access.admin.audit_trail import sentence_of
from controlplane.access.admin.log import LogRow, days_of
from controlplane.access.models import AuditEntry
from controlplane.access.time_zones import reading_in

NOW = datetime(2026, 3, 4, 2, 30, tzinfo=UTC)


def row(day: int, hour: int) -> LogRow:
    return LogRow(datetime(2026, 3, day, hour, tzinfo=UTC), f"{day} {hour}", "/")


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        (None, {"Today": ["02:00"], "Yesterday": ["23:00", "04:00"], "Monday, 2 March 2026": ["23:00"]}),
        ("Asia/Tokyo", {"Today": ["11:00", "08:00"], "Yesterday": ["13:00", "08:00"]}),
        ("America/New_York", {"Today": ["21:00", "18:00"], "Yesterday": ["23:00", "18:00"]}),
    ],
)
def test_rows_stand_under_the_days_of_the_person_who_asks(
    zone: str | None, expected: dict[str, list[str]]
) -> None:
    with reading_in(ZoneInfo(zone) if zone else None):
        days = days_of([row(4, 2), row(3, 23), row(3, 4), row(2, 23)], NOW)

    assert {day: [shown.clock for shown in rows] for day, rows in days} == expected


@pytest.mark.parametrize(
    ("action", "kind", "name", "by", "sentence"),
    [
        ("token.revoked", "token", "planner", "user:anna", "Token “planner” revoked by anna"),
        ("site.updated", "site", "North", "token:sync", "Site “North” edited by the token sync"),
        ("credentials.revealed", "camera", "", "user:anna", "Camera 17 shown with credentials by anna"),
        ("user.signed_in", "user", "anna", "user:anna", "anna signed in"),
        ("user.sign_in_failed", "user", "anna", "nobody", "Somebody failed to sign in as “anna”"),
        ("request.refused", "endpoint", "POST /sites", "token:sync", "“POST /sites” refused to the token sync"),
        ("moon.landed", "moon", "Luna", "user:anna", "Moon “Luna” (moon.landed) by anna"),
    ],
)
def test_an_entry_of_the_audit_trail_is_a_sentence(
    action: str, kind: str, name: str, by: str, sentence: str
) -> None:
    entry = AuditEntry(at=NOW, by=by, action=action, object_type=kind, object_id="17", object_name=name)

    assert sentence_of(entry) == sentence
