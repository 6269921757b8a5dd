"""What a person has chosen for themselves: loaded with the person, at no query of its own."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from controlplane.access import audit
from controlplane.access.models import OF_BROWSER, OF_SITE, Preferences
from controlplane.access.principals import Author
from controlplane.access.time_zones import NAMES, reading_in

# What the admin's script says of the browser.
COOKIE = "time_zone"


class OwnTimeZone:
    """Pages of the admin are written in the time zone of whoever asks; the API always speaks UTC."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        with reading_in(_zone_of(request)):
            return self.get_response(request)


def time_zone_of(user: Any) -> str:
    """The name of a zone, OF_SITE or OF_BROWSER."""
    preferences = getattr(user, "preferences", None)
    return preferences.time_zone if preferences else OF_SITE


def set_time_zone(*, user: User, time_zone: str, by: Author, now: datetime) -> None:
    """Choose the zone in which a person reads times: the name of one, OF_SITE or OF_BROWSER."""
    with transaction.atomic():
        _row, is_new = Preferences.objects.get_or_create(user=user, defaults={"time_zone": time_zone})
        if is_new or Preferences.objects.exclude(time_zone=time_zone).filter(user=user).update(
            time_zone=time_zone
        ):
            audit.record_of_person(by=by, now=now, what="updated", person=user, fields=["time_zone"])


def _zone_of(request: HttpRequest) -> ZoneInfo | None:
    chosen = time_zone_of(request.user)
    name = request.COOKIES.get(COOKIE, "") if chosen == OF_BROWSER else chosen
    # A zone may have been given up by the packages since it was chosen.
    return ZoneInfo(name) if name in NAMES else None
