"""Windows from a calendar file in the admin: its plan, its confirmation, and what is refused."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from cameras.windows.models import Window
from tests.admin_client import operator, shown_messages, sign_in, viewer
from tests.cameras.admin.windows.test_pages import WINDOWS, make_window
from tests.factories import make_camera, make_site

__all__ = ["operator", "viewer"]
pytestmark = pytest.mark.django_db
IMPORT = f"{WINDOWS}import/"
TEXT = (
    "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20341231T220000\r\nDURATION:PT8H\r\nRRULE:FREQ=DAILY;COUNT=2\r\n"
    "SUMMARY:Paint <b>\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART:20200101\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def sent(text: str | bytes = TEXT, **typed: Any) -> dict[str, Any]:
    data = text.encode() if isinstance(text, str) else text
    return {"action": "stop", "over": "everything", "site": "", "file": SimpleUploadedFile("a.ics", data), **typed}


def test_a_calendar_is_planned_and_then_stored(operator: Client) -> None:
    site = make_site("North", timezone="Europe/Berlin")
    make_camera("Gate", site=site, desired_state="running")
    plan = operator.post(IMPORT, sent(over="site", site=str(site.pk)))
    page = " ".join(plan.content.decode().split())
    assert "<bdi>Paint &lt;b&gt;</bdi>" in page
    assert "Sun 2034-12-31 22:00 – Mon 2035-01-01 06:00 CET" in page
    assert "1 event is over, and is left out." in page
    assert "<bdi>Gate</bdi>" in page
    assert not Window.objects.exists()

    confirmed = dict(plan.context["inputs"]) | {"calendar": plan.context["calendar"], "_confirm": "1"}
    done = operator.post(IMPORT, confirmed)
    assert "1 window scheduled." in shown_messages(done)
    window = Window.objects.get()
    assert (window.site, window.starts, window.zone, window.rule, window.reason, window.created_by) == (
        site, "2034-12-31T22:00:00", "Europe/Berlin", "FREQ=DAILY;COUNT=2", "Paint <b>", "user:oskar",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"file": ""}, "file", "Choose a file."),
        ({"text": b"\xff\xfe"}, "file", "The file is not UTF-8."),
        ({"text": TEXT * 2_000}, "file", "larger than 256 KiB"),
        ({"text": "nothing"}, "__all__", "Line 1: Is no line of iCalendar"),
        ({"text": TEXT.replace(";COUNT=2", "")}, "__all__", "rule: A rule must end"),
        ({"text": TEXT.replace("DAILY", "SECONDLY")}, "__all__", "rule: FREQ must be"),
        ({"over": "site"}, "site", "Say what it is over"),
        ({"over": "cameras"}, "cameras", "Say what it is over"),
    ],
)
@pytest.mark.once
def test_what_is_wrong_is_said_and_nothing_is_stored(
    operator: Client, given: dict[str, Any], field: str, said: str
) -> None:
    refused = operator.post(IMPORT, sent(given.pop("text", TEXT), **given))
    ((where, what),) = refused.context["form"].errors.items()
    assert (where, said in what[0]) == (field, True)
    assert not Window.objects.exists()


def test_who_may_do_it_for_a_part_does_it_there(viewer: Client) -> None:
    north, south = make_site("North"), make_site("South")
    make_window(site=str(south.pk), reason="Southern")
    client = sign_in("operator", north, name="olga")
    assert viewer.get(IMPORT).status_code == 403
    assert client.post(IMPORT, sent()).context["form"].errors.keys() == {"over"}
    assert client.post(IMPORT, sent(over="site", site=str(south.pk))).context["form"].errors.keys() == {"site"}
    assert client.post(IMPORT, sent(over="site", site=str(north.pk), _confirm="1")).status_code == 302
    written = client.get(f"{WINDOWS}export/")
    assert written["Content-Type"] == "text/calendar; charset=utf-8"
    assert ("SUMMARY:Paint <b>" in written.content.decode(), "Southern" in written.content.decode()) == (
        True,
        False,
    )
    assert "SUMMARY:Southern" in viewer.get(f"{WINDOWS}export/").content.decode()
