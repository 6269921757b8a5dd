"""What telemetry adds to the admin of cameras."""

from datetime import UTC, datetime, timedelta

import pytest

from cameras.panels import HOURS
from telemetry.admin import last_day_of_cameras, last_day_of_sites
from telemetry.history.rollups import compute_rollups
from tests.factories import make_camera, make_site
from tests.telemetry.history.samples import report

NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.django_db
def test_the_last_day_of_a_site_adds_up_the_cameras_that_are_known_in_each_hour() -> None:
    north, south, empty = make_site("North"), make_site("South"), make_site("Empty")
    one, two, other = make_camera("1", site=north), make_camera("2", site=north), make_camera("3", site=south)
    report(one.pk, [("", NOW - 23.4 * HOUR, 4), ("", NOW - 2 * HOUR, 4), ("door", NOW - 2 * HOUR, 100)], NOW)
    report(two.pk, [("", NOW - 2 * HOUR + timedelta(minutes=5), 7), ("", NOW - 25 * HOUR, 9)], NOW)
    report(other.pk, [("", NOW - timedelta(minutes=10), 1)], NOW)
    compute_rollups(NOW + HOUR)

    days = last_day_of_sites([north.pk, south.pk, empty.pk], NOW)

    at = {
        site.name: {place: value for place, value in enumerate(days[site.pk]) if value is not None}
        for site in (north, south)
    }
    assert at == {"North": {0: 4.0, HOURS - 3: 11.0}, "South": {HOURS - 1: 1.0}}
    assert empty.pk not in days
    assert last_day_of_sites([], NOW) == {}
    assert last_day_of_cameras([two.pk], NOW)[two.pk][HOURS - 3] == 7.0
