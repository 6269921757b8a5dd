"""What a fleet takes: `manage.py size`, by what the tables hold or by what is documented."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from telemetry.storage import sizing
from telemetry.storage.partitions import SAMPLES, make_partitions
from telemetry.storage.sizing import DOCUMENTED, Fleet, size_for
from tests.factories import NOW, make_camera
from tests.telemetry.history.samples import fill, kept_for

pytestmark = pytest.mark.django_db


def printed(capsys: Any, *arguments: str) -> str:
    call_command("size", *arguments)
    return str(capsys.readouterr().out)


def test_an_empty_database_is_sized_by_documented_bytes_and_says_so(without_partitions: None, capsys: Any) -> None:
    with kept_for(raw=30, minutes=180, hours=1825, most=0):
        found = json.loads(printed(capsys, "--cameras", "1000", "--interval", "1", "--zones", "2", "--json"))

    documented = DOCUMENTED[connection.vendor]
    assert found["samples_per_second"] == 2_000
    assert found["row_bytes"]["sample"] == {"bytes": documented[SAMPLES.name], "source": "documented"}
    days = 30 + (connection.vendor == "postgresql")
    assert found["kept"]["samples"]["bytes"] == 2_000 * 86_400 * documented[SAMPLES.name] * days
    assert found["camera_hour_bytes"] == pytest.approx(
        2 * (3_600 * documented[SAMPLES.name] + 61 * documented["telemetry_minuterollup"])
    )
    assert (found["wal_bytes_per_day"] is None) == (connection.vendor == "sqlite")
    assert found["warning"] == ""


def test_rows_of_this_database_are_measured_where_there_are_enough(
    without_partitions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizing, "ROWS_ENOUGH", 500)
    make_partitions(NOW)
    fill(make_camera().pk, 499, every=timedelta(microseconds=1))
    before = size_for(Fleet(1, 1, 1)).rows[SAMPLES.name]
    fill(make_camera().pk, 3_000, every=timedelta(microseconds=1))
    after = size_for(Fleet(1, 1, 1)).rows[SAMPLES.name]

    assert not before.measured
    assert after.measured
    # What is documented is of rows that came camera by camera in turn, which leaves pages emptier.
    assert after.bytes == pytest.approx(DOCUMENTED[connection.vendor][SAMPLES.name], rel=0.3)
    monkeypatch.setattr(sizing, "PAGES_READ", 40)
    assert size_for(Fleet(1, 1, 1)).rows[SAMPLES.name].bytes == pytest.approx(after.bytes, rel=0.05)


@pytest.mark.parametrize(
    ("most", "days"),
    [
        (0, [30, 180, 1825]),
        (10**12, [30, 180, 1825]),
        (50_000_000_000, [4.0, 180, 1825]),
        (20_000_000_000, [1, 90.4, 1825]),
    ],
)
def test_a_bound_that_keeps_less_than_is_asked_for_is_told_with_the_days_that_it_keeps(
    without_partitions: None, most: int, days: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    bytes_of = dict.fromkeys(DOCUMENTED["sqlite"], 160.0)
    monkeypatch.setattr(sizing, "DOCUMENTED", {"sqlite": bytes_of, "postgresql": bytes_of})
    monkeypatch.setattr(sizing, "PARTITION_DAYS", {"day": 0, "week": 0, "month": 0})

    with kept_for(raw=30, minutes=180, hours=1825, most=most):
        found = size_for(Fleet(480, 1, 1))

    assert found.days_really_kept == pytest.approx(days, abs=0.05)
    assert ("of the 30 days of TELEMETRY_RETENTION_DAYS" in found.warning) == (days[0] < 30)
    assert ("of the 180 days of TELEMETRY_MINUTE_RETENTION_DAYS" in found.warning) == (days[1] < 180)


def test_the_settings_as_they_come_keep_few_days_of_a_thousand_cameras_at_one_hertz(
    without_partitions: None, capsys: Any
) -> None:
    with kept_for(raw=30, minutes=180, hours=1825, most=50_000_000_000):
        text = printed(capsys, "--cameras", "1000", "--interval", "1")

    assert re.search(r"\n  a row of samples +1\d\d B  documented\n", text)
    assert re.search(r"Warning: TELEMETRY_MAX_BYTES is 50\.0 GB, .* it keeps 1\.0 of the 30 days", text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--cameras", "0", "--interval", "1"), "--cameras: takes a whole number from 1 to 10,000,000, not '0'"),
        (("--cameras", "many", "--interval", "1"), "not 'many'"),
        (("--cameras", "1", "--interval", "0"), "--interval: takes seconds from 0.01 to 86,400, not '0'"),
        (("--cameras", "1", "--interval", "nan"), "not 'nan'"),
        (("--cameras", "1", "--interval", "1", "--zones", "102"), "--zones: takes a whole number from 1 to 101"),
        (("--cameras", "1"), "--interval"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_words(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=re.escape(words)):
        call_command("size", *arguments)
