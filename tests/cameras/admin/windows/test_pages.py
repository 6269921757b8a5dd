"""Windows in the admin: nothing is stored before its plan was seen, and only what somebody may do is done."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from cameras.models import Camera, Site
from cameras.windows import window_actions
from cameras.windows.intent import clean_window
from cameras.windows.models import Window
from controlplane.access.models import AuditEntry
from tests.admin_client import form_of, operator, shown_messages, sign_in, viewer
from tests.factories import AUTHOR, make_camera, make_site

__all__ = ["operator", "viewer"]
pytestmark = pytest.mark.django_db
WINDOWS = "/admin/windows/window/"


def make_window(now: datetime | None = None, **values: Any) -> Window:
    """A stop that begins now, over everything and for years, unless it is said otherwise."""
    now = now or datetime.now(UTC)
    given = {"action": "stop", "ends": "2035-01-01T00:00", **values}
    if not {"site", "cameras"} & given.keys():
        given["everything"] = True
    return window_actions.schedule_window(values=clean_window(given, now=now), by=AUTHOR, now=now)


def typed(**values: Any) -> dict[str, Any]:
    """The form as a browser sends it: a stop over everything until 2035, once."""
    given = {
        "action": "stop", "over": "everything", "site": "", "starts": "", "ends": "2035-01-01T00:00",
        "zone": "", "repeats": "once", "last_day": "", "rule": "", "reason": "",
    }  # fmt: skip
    return given | values


def state_of(camera: Camera) -> str:
    return Camera.objects.get(pk=camera.pk).desired_state


def page_of(window: Window) -> str:
    return f"{WINDOWS}{window.pk}/change/"


def test_what_a_window_will_do_is_shown_before_it_is_stored(operator: Client) -> None:
    site = make_site("North", timezone="Europe/Berlin")
    camera = make_camera("Gate", site=site, desired_state="running")
    make_camera("Dock", site=site)
    sent = typed(
        over="site", site=str(site.pk), starts="2034-12-31T22:00", ends="2035-01-01T06:00",
        repeats="daily", last_day="2035-01-02", reason="Painting",
    )  # fmt: skip

    plan = operator.post(f"{WINDOWS}add/", sent)

    text = " ".join(plan.content.decode().split())
    assert not Window.objects.exists()
    assert plan.context["spans"] == [
        "Sun 2034-12-31 22:00 – Mon 2035-01-01 06:00 CET",
        "Mon 2035-01-01 22:00 – Tue 2035-01-02 06:00 CET",
        "Tue 2035-01-02 22:00 – Wed 2035-01-03 06:00 CET",
    ]
    assert "1 of 2 cameras runs now, and will be stopped:" in text
    assert "<bdi>Gate</bdi>" in text
    again = operator.post(f"{WINDOWS}add/", sent | {"_back": "1"})
    assert (again.status_code, form_of(again, "window_form")["reason"]) == (200, "Painting")
    assert not Window.objects.exists()

    done = operator.post(f"{WINDOWS}add/", sent | {"_confirm": "1"})
    window = Window.objects.get()
    assert done.status_code == 302
    assert (window.site, window.zone, window.rule, window.created_by) == (
        site, "Europe/Berlin", "FREQ=DAILY;UNTIL=20350102T235959", "user:oskar",
    )  # fmt: skip
    assert state_of(camera) == "running"
    assert AuditEntry.objects.filter(action="window.created", via="admin", by="user:oskar").count() == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"ends": ""}, "ends"),
        ({"ends": "2035-01-01"}, "ends"),
        ({"starts": "2036-01-01T00:00"}, "ends"),
        ({"over": "site"}, "site"),
        ({"over": "cameras"}, "cameras"),
        ({"over": "cameras", "cameras": ["5c0d9e1a-74b2-4f8e-8b11-d2f6a3907c58"]}, "cameras"),
        ({"starts": "2034-12-31T22:00", "repeats": "daily"}, "last_day"),
        ({"starts": "2034-12-31T22:00", "repeats": "daily", "last_day": "2055-01-01"}, "last_day"),
        ({"starts": "2034-12-31T22:00", "repeats": "own"}, "rule"),
        ({"starts": "2034-12-31T22:00", "repeats": "own", "rule": "FREQ=SECONDLY;COUNT=3"}, "rule"),
        ({"starts": "2034-12-31T22:00", "repeats": "own", "rule": "FREQ=DAILY"}, "rule"),
        ({"reason": "a\x07b"}, "reason"),
        ({"action": "burn"}, "action"),
        ({"zone": "Mars/Olympus"}, "zone"),
    ],
)
@pytest.mark.once
def test_what_is_wrong_is_said_at_its_field(operator: Client, wrong: dict[str, Any], field: str) -> None:
    page = operator.post(f"{WINDOWS}add/", typed(**wrong) | {"_confirm": "1"})

    assert list(page.context["adminform"].form.errors) == [field]
    assert not Window.objects.exists()


def test_a_window_that_would_be_over_is_not_offered_and_not_made(operator: Client) -> None:
    sent = typed(starts="2020-01-01T00:00", ends="2020-01-02T00:00")
    plan = operator.post(f"{WINDOWS}add/", sent).content.decode()
    assert ("over already" in plan, "_confirm" in plan) == (True, False)
    unplanned = operator.post(f"{WINDOWS}add/", sent | {"ends": ""})
    assert unplanned.context["adminform"].form.errors.keys() == {"ends"}
    refused = operator.post(f"{WINDOWS}add/", sent | {"_confirm": "1"})
    assert refused.context["adminform"].form.errors["ends"] == ["The window would be over already."]


def test_an_edit_stores_what_was_changed_and_what_lasts_goes_on(operator: Client) -> None:
    camera = make_camera(desired_state="running")
    window = make_window(cameras=[str(camera.pk)], zone="Europe/Berlin")
    starts = Window.objects.get().starts
    sent = form_of(operator.get(page_of(window)), "window_form") | {"cameras": [str(camera.pk)]}

    same = operator.post(page_of(window), sent | {"_confirm": "1"})
    assert (same.status_code, AuditEntry.objects.filter(action="window.updated").exists()) == (302, False)
    plan = operator.post(page_of(window), sent | {"ends": "2036-01-01T00:00", "reason": "Snow"})
    assert not plan.context["begins_again"]
    operator.post(page_of(window), sent | {"ends": "2036-01-01T00:00", "reason": "Snow", "_confirm": "1"})

    window.refresh_from_db()
    assert (window.starts, window.ends, window.reason) == (starts, "2036-01-01T00:00:00", "Snow")
    assert AuditEntry.objects.get(action="window.updated").fields == ["ends", "reason"]
    assert window.occurrences.count() == 1
    sent = form_of(operator.get(page_of(window)), "window_form") | {"cameras": [str(camera.pk)]}
    muted = operator.post(page_of(window), sent | {"action": "mute"})
    assert muted.context["begins_again"]


def test_an_edit_replaces_what_was_changed_meanwhile_only_when_it_is_said_again(operator: Client) -> None:
    window = make_window(reason="Paint")
    sent = form_of(operator.get(page_of(window)), "window_form") | {"reason": "Snow"}
    operator.post(f"{WINDOWS}{window.pk}/extend/", {"until": "2036-06-01T00:00:00+00:00"})

    refused = operator.post(page_of(window), sent | {"_confirm": "1"})

    assert "Somebody else changed this window" in refused.context["adminform"].form.errors["__all__"][0]
    window.refresh_from_db()
    assert (window.reason, window.ends) == ("Paint", "2036-06-01T00:00:00")
    again = form_of(refused, "window_form")
    assert operator.post(page_of(window), again | {"_confirm": "1"}).status_code == 302
    window.refresh_from_db()
    assert (window.reason, window.ends) == ("Snow", "2035-01-01T00:00:00")


def test_what_lasts_is_extended_and_ended(operator: Client) -> None:
    camera = make_camera(desired_state="running")
    ends = datetime.now(UTC) + timedelta(hours=1)
    window = make_window(cameras=[str(camera.pk)], ends=f"{ends:%Y-%m-%dT%H:%M}")
    assert state_of(camera) == "stopped"
    page = operator.get(page_of(window))
    until = page.context["extensions"][0][0]
    assert "End now" in page.content.decode()

    for _twice in range(2):  # pressed twice it is the same
        operator.post(f"{WINDOWS}{window.pk}/extend/", {"until": until})
    assert window.occurrences.get().ends_at == datetime.fromisoformat(until)
    wrong = operator.post(f"{WINDOWS}{window.pk}/extend/", {"until": "soon"})
    assert "Choose until when." in shown_messages(wrong)

    ended = operator.post(f"{WINDOWS}{window.pk}/end/")
    assert "What it stopped runs again" in shown_messages(ended)
    assert state_of(camera) == "running"
    late = operator.post(f"{WINDOWS}{window.pk}/end/")
    assert "does not last now" in shown_messages(late)
    assert "End now" not in operator.get(page_of(window)).content.decode()


def test_removing_windows_ends_them(operator: Client) -> None:
    camera = make_camera(desired_state="running")
    first, second = (make_window(cameras=[str(camera.pk)]) for _number in range(2))
    assert "what it stopped runs again" in operator.get(f"{WINDOWS}{first.pk}/delete/").content.decode()
    operator.post(f"{WINDOWS}{first.pk}/delete/", {"post": "yes"})
    assert state_of(camera) == "stopped"
    operator.post(WINDOWS, {"action": "delete_selected", "_selected_action": [str(second.pk)], "post": "yes"})
    assert (state_of(camera), Window.objects.exists()) == ("running", False)


def test_who_holds_a_part_sees_all_that_is_over_it_and_changes_what_lies_in_it() -> None:
    north, south = make_site("North"), make_site("South")
    here, there = make_camera("Here", site=north), make_camera("There", site=south)
    own = make_window(site=str(north.pk))
    both = make_window(cameras=[str(here.pk), str(there.pk)])
    everything, foreign = make_window(), make_window(site=str(south.pk))
    client = sign_in("operator", north, name="olga")

    assert {row.pk for row in client.get(WINDOWS).context["cl"].result_list} == {own.pk, both.pk, everything.pk}
    assert "There" not in client.get(page_of(both)).content.decode()
    assert client.get(page_of(foreign)).status_code == 404
    for window, status in ((own, 302), (both, 403), (everything, 403), (foreign, 404)):
        assert client.post(f"{WINDOWS}{window.pk}/end/").status_code == status
        # The form is over everything, which nobody here may stop.
        assert client.post(page_of(window), typed() | {"_confirm": "1"}).status_code == (
            status if status > 302 else 200
        )
    assert client.post(f"{WINDOWS}add/", typed()).context["adminform"].form.errors.keys() == {"over"}
    elsewhere = client.post(f"{WINDOWS}add/", typed(over="cameras", cameras=[str(there.pk)]))
    assert elsewhere.context["adminform"].form.errors.keys() == {"cameras"}


def test_a_viewer_reads_and_does_nothing(viewer: Client) -> None:
    window = make_window(reason="Painting")
    page = viewer.get(page_of(window)).content.decode()
    assert ("Painting" in page, "End now" in page, "_save" in page) == (True, False, False)
    assert viewer.get(f"{WINDOWS}add/").status_code == 403
    assert viewer.post(f"{WINDOWS}add/", typed()).status_code == 403
    assert viewer.post(f"{WINDOWS}{window.pk}/extend/", {"until": "2036-01-01T00:00:00Z"}).status_code == 403
    assert viewer.get("/admin/windows/").status_code == 200


def test_the_list_says_what_is_over_what_and_until_when(viewer: Client) -> None:
    site = make_site("North", timezone="Europe/Berlin")
    cameras = [make_camera(f"Gate {number}") for number in range(5)]
    make_window(cameras=[str(camera.pk) for camera in cameras], reason="Roof")
    make_window(site=str(site.pk), action="mute", starts="2034-12-31T22:00")
    past = datetime(2026, 3, 4, 12, tzinfo=UTC)
    make_window(now=past, ends="2026-03-04T13:00")

    def listed(query: str = "") -> list[list[str]]:
        rows = viewer.get(f"{WINDOWS}{query}").context["rows"]
        return [[str(cell.shown) for cell in row.cells] for row in rows]

    by_name = "<bdi>Gate 0</bdi>, <bdi>Gate 1</bdi>, <bdi>Gate 2</bdi> and 2 more"
    assert {row[0]: row[3] for row in listed()} == {
        by_name: "until 2035-01-01 00:00 UTC",
        "Site <bdi>North</bdi>": "from 2034-12-31 22:00 CET",
        "Everything": "was from Wed 2026-03-04 12:00",
    }
    for query, found in [
        ("?state=lasts", {by_name}),
        ("?state=planned", {"Site <bdi>North</bdi>"}),
        ("?state=over", {"Everything"}),
        ("?action__exact=mute", {"Site <bdi>North</bdi>"}),
        (f"?site__id__exact={site.pk}", {"Site <bdi>North</bdi>"}),
        ("?q=roof", {by_name}),
    ]:
        assert {row[0] for row in listed(query)} == found, query


@pytest.mark.parametrize("count", [1, 50])
def test_the_list_takes_the_same_queries(viewer: Client, django_assert_num_queries: Any, count: int) -> None:
    sites: list[Site] = [make_site(f"Site {number}") for number in range(count)]
    camera = make_camera()
    for site in sites:
        make_window(site=str(site.pk))
        make_window(cameras=[str(camera.pk)], action="mute")
    viewer.get(WINDOWS)

    # The session, the person, their roles; the windows, how many, their cameras and occurrences.
    with django_assert_num_queries(7):
        viewer.get(WINDOWS)
