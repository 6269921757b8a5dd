"""Every address of the service, by every method, for every kind of person and token: who may, and what they see.

The addresses are read off the URL resolver: one without a row in ROUTES fails. What belongs to a site that somebody
does not see has the canary in all its names, texts and passwords, and numbers that nothing else has.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLResolver, get_resolver

from cameras import actions
from cameras.models import Camera, CameraVitals, Change, DeletedCamera, DesiredState, KnownStatus, Site
from cameras.windows import window_actions
from cameras.windows.intent import clean_window
from cameras.windows.models import Window
from controlplane.access.models import ApiToken, AuditEntry, Membership
from telemetry.alerts import subscriptions
from telemetry.alerts.incident_models import Incident
from telemetry.alerts.models import Alert, Channel, Delivery, DeliveryState, Kind, Subscription, Topic, Transition
from telemetry.models import Sample
from tests.admin_client import give, make_person
from tests.factories import AUTHOR, make_camera, make_site, make_token, token_id_of

pytestmark = pytest.mark.django_db

CANARY = "xanthippe"
#: how often the foreign camera was accepted, and its occupancy: as a page or the API would write them
NUMBERS = ("7654321", "7,654,321", "88887", "88,887")
LOGIN = "/admin/login/"


# --- Who ----------------------------------------------------------------------------------------------------


class Who(NamedTuple):
    """Somebody who asks. `held` are letters of ROUTES by place; at "north" they stand, and at no other site."""

    name: str
    held: Mapping[str, str]
    user: User | None = None
    secret: str = ""

    @property
    def is_person(self) -> bool:
        return self.user is not None

    def may(self, letters: str, place: str) -> bool:
        return bool(set(letters) & {"*", *self.held.get(place, ""), *self.held.get("everywhere", "")})

    def may_somewhere(self, letters: str) -> bool:
        return bool(set(letters) & {"*", *"".join(self.held.values())})


# Letters: Viewer, Operator, Administrator, administrator of the whole Fleet, oRchestrator, Worker, Bound worker.
EVERYWHERE = {"viewer": "V", "operator": "O", "administrator": "AF", "orchestrator": "R", "worker": "W"}
AT_A_SITE = {"viewer": "V", "operator": "O", "administrator": "A", "orchestrator": "R", "worker": "B"}
NOBODY = ("nobody", "disabled", "demoted", "no staff", "expired", "revoked", "unknown")


def make_everybody(north: Site, south: Site, camera: Camera) -> list[Who]:
    """All kinds of those who ask; sessions are opened before what a person has is taken."""
    everybody = [Who("nobody", {})]
    everybody.append(Who("superuser", {"everywhere": "AF"}, make_person("root", is_superuser=True)))
    for role in ("viewer", "operator", "administrator"):
        everybody.append(Who(f"{role} of all", {"everywhere": EVERYWHERE[role]}, make_person(f"{role}-all", role)))
        everybody.append(
            Who(f"{role} at north", {"north": AT_A_SITE[role]}, make_person(f"{role}-n", role, north))
        )
    two = make_person("two")
    give(two, ("operator", north), ("viewer", south))
    everybody.append(Who("two roles", {"north": "O", "south": "V"}, two))
    for name in ("disabled", "demoted", "no staff"):
        everybody.append(Who(name, {}, make_person(name.replace(" ", "-"), "administrator")))
    for role, held in EVERYWHERE.items():
        everybody.append(Who(f"token {role}", {"everywhere": held}, secret=make_token(role)))
    for role, held in AT_A_SITE.items():
        everybody.append(Who(f"token {role} at north", {"north": held}, secret=make_token(role, north)))
    everybody.append(Who("token worker of a camera", {"north": "B"}, secret=make_token("worker", camera)))
    past = datetime.now(UTC) - timedelta(seconds=1)
    everybody.append(Who("expired", {}, secret=make_token("administrator", expires_at=past)))
    revoked = make_token("administrator")
    ApiToken.objects.filter(pk=token_id_of(revoked)).update(revoked_at=past)
    everybody.append(Who("revoked", {}, secret=revoked))
    everybody.append(Who("unknown", {}, secret="cpt_" + "a" * 43))
    return everybody


def client_of(who: Who) -> Client:
    client = Client(raise_request_exception=False)
    if who.user:
        client.force_login(who.user)
    return client


def take_what_is_taken() -> None:
    """Of people whose sessions are open by now."""
    User.objects.filter(username="disabled").update(is_active=False)
    User.objects.filter(username__in=("demoted", "no-staff")).update(is_staff=False)


# --- What ---------------------------------------------------------------------------------------------------


@dataclass
class Place:
    """A site with one of everything, by the names of the parameters in addresses and bodies."""

    ids: dict[str, Any] = field(default_factory=dict)


def make_place(name: str, accepted: int, occupancy: int) -> Place:
    now = datetime.now(UTC)
    site = make_site(name, location=f"{name} street")
    url = f"rtsp://user:{name}-secret-7@{name.lower().replace(' ', '-')}.example:554/stream"
    camera, deleted = (
        make_camera(f"{name} {kind}", site=site, connection_string=url, notes=f"{name} notes")
        for kind in ("gate", "cellar")
    )
    actions.update_camera(camera_id=camera.pk, values={"location": f"{name} door"}, by=AUTHOR, now=now)
    changed = Change.objects.filter(camera_id=camera.pk).latest("revision")
    actions.set_desired_state(
        camera_ids=[camera.pk], desired_state=DesiredState.RUNNING, by=AUTHOR, now=now, note=f"{name} why"
    )
    actions.retire_cameras(camera_ids=[deleted.pk], by=AUTHOR, now=now)
    CameraVitals.objects.filter(pk=camera.pk).update(
        accepted_count=accepted,
        latest_occupancy=occupancy,
        latest_timestamp=now,
        last_contact=now,
        last_sample_at=now,
    )
    KnownStatus.objects.update_or_create(pk=camera.pk, defaults={"status": "healthy", "since_at": now})
    Transition.objects.create(
        camera_id=camera.pk, camera_name=camera.name, site_id=site.pk, at=now, detected_at=now,
        from_status="pending", to_status="healthy", reason="reporting",
    )  # fmt: skip
    Sample.objects.create(
        camera_id=camera.pk, timestamp=now, zone="", occupancy=occupancy, confidence=0.5, received_at=now
    )
    subscription, _ = subscriptions.create_subscription(
        values={
            "name": f"{name} room", "channel": Channel.EMAIL, "url": "", "addresses": f"{name.lower()}@example.com",
            "format": "standard", "key": "", "topics": [Topic.SILENCE], "site": site, "grace_seconds": 0, "is_active": True,
        },
        by=AUTHOR,
        now=now,
    )  # fmt: skip
    alert = Alert.objects.create(
        kind=Kind.OFFLINE,
        at=now,
        created_at=now,
        camera_id=camera.pk,
        site_id=site.pk,
        text=f"{name} gate offline.",
    )
    incident = Incident.objects.create(
        key=f"camera:{camera.pk}",
        title=f"{name} gate",
        causes=[Kind.OFFLINE],
        camera_id=camera.pk,
        site_id=site.pk,
        began_at=now,
    )
    incident.entries.create(at=now, event="began", text=f"{name} gate offline.")
    delivery = Delivery.objects.create(
        alert=alert, subscription=subscription, created_at=now, state=DeliveryState.DELIVERED
    )
    given = {"action": "mute", "site": str(site.pk), "ends": "2030-01-01T00:00", "reason": f"{name} painting"}
    window = window_actions.schedule_window(values=clean_window(given, now=now), by=AUTHOR, now=now)
    token = token_id_of(make_token("viewer", site, name=f"{name} token"))
    person = make_person(f"{name.lower().replace(' ', '-')}-person", "viewer", site)
    return Place(
        {
            "camera": camera.pk, "site": site.pk, "deleted": deleted.pk, "revision": changed.revision,
            "entry": changed.block_id, "token": token, "subscription": subscription.pk, "delivery": delivery.pk,
            "person": person.pk, "window": window.pk, "incident": incident.pk, "audit": AuditEntry.objects.earliest("pk").pk,
        }
    )  # fmt: skip


# --- Who may what -------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """Whose letters may do it, with what; `{camera}` and the like are the ids of a place. `ok` are the statuses of
    who may. `gone` are those where the ids are of a place that somebody does not see, `refused` those where they
    see it and may do this elsewhere only.
    """

    may: str
    body: Any = None
    query: str = ""
    ok: tuple[int, ...] = (200, 201, 204, 302)
    gone: tuple[int, ...] = (403, 404)
    refused: tuple[int, ...] = (403, 404)
    ids: Mapping[str, str] = {}


READERS = "VOAR"
LIST = Row("VOA")
OF_ADMIN = Row("A")
STAFF = "VOAF"
NEVER = Row("", ok=())
ELSEWHERE = (200, 302)  # what somebody does not see is not among what they do it to
FORM_SAYS = (200, 302, 400)
RANGE = "from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"


def of_admin(
    model: str, an_id: str, *, view: str, add: str = "", change: str = "", delete: str = "", history: str = ""
) -> dict[str, dict[str, Row]]:
    """The addresses that Django makes for each model of the admin."""
    at = {"object_id": an_id}
    base = f"admin/{model}/"
    return {
        base: {"GET": Row(view), "POST": Row(view, {"action": ""}, ok=(200, 302), gone=(200, 302))},
        f"{base}add/": {"GET": Row(add)},
        f"{base}<path:object_id>/history/": {"GET": Row(history or view, ids=at)},
        f"{base}<path:object_id>/delete/": {"GET": Row(delete, ids=at)},
        f"{base}<path:object_id>/change/": {
            "GET": Row(view, ids=at),
            "POST": Row(change, {}, ids=at, ok=FORM_SAYS),
        },
        f"{base}<path:object_id>/": {"GET": Row("*", ids=at, gone=(302, 404))},
    }


# Everybody's own password and factors; with what is posted there tests/controlplane/access/sign_in is concerned.
OWN_ACCOUNT = (
    "",
    "again/",
    "again/code/",
    "again/passkey/",
    "app/add/",
    "app/remove/",
    "passkeys/add/",
    "passkeys/<int:pk>/remove/",
    "password/",
    "recovery-codes/",
    "recovery-codes/make/",
)
CALENDAR = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20300101\nEND:VEVENT\nEND:VCALENDAR"
#: by address, as the resolver has it, and method; what is not named is refused to everybody, or reads as GET does
ROUTES: dict[str, dict[str, Row]] = {
    "admin/": {"GET": Row("*")},
    "admin/preferences/": {"GET": Row("*"), "POST": Row("*", {"time_zone": "UTC"})},
    "admin/search/": {"GET": Row("*", query="s=gate")},
    "admin/logout/": {"POST": Row("*")},
    "admin/password_change/": {"GET": Row("*")},
    "admin/password_change/done/": {"GET": Row("*")},
    "admin/autocomplete/": {
        "GET": Row(STAFF, query="app_label=cameras&model_name=camera&field_name=site&term=")
    },
    "admin/jsi18n/": {"GET": Row("*")},
    r"admin/^(?P<app_label>access|auth|cameras|windows|alerts)/$": {"GET": Row(STAFF)},
    "admin/(?P<url>.*)$": {"GET": Row("*", ok=(404,))},
    **of_admin("access/auditentry", "audit", view="F"),
    "admin/access/auditentry/csv/": {"GET": Row("F")},
    **of_admin("auth/user", "person", view="A", add="A", change="A", delete="A"),
    "admin/auth/user/<id>/password/": {"GET": Row("A", ids={"id": "person"})},
    **of_admin("cameras/camera", "camera", view=STAFF, add="A", change="A", delete="A"),
    "admin/auth/user/<int:person_id>/second-factors/remove/": {"POST": Row("A", {}, ids={"person_id": "person"})},
    "admin/access/session/": {
        "GET": Row("*"),
        "POST": Row("*", {"action": ""}),
    },
    **{f"admin/account/{page}": {"GET": Row("*", ok=(200, 302, 404))} for page in OWN_ACCOUNT},
    "admin/cameras/camera/<uuid:camera_id>/desired-state/": {
        "GET": Row("*", gone=(302,)),
        "POST": Row("OA", {"desired_state": "stopped"}),
    },
    "admin/cameras/camera/zones/check/": {"POST": Row("A", {})},
    "admin/cameras/camera/zones/others/": {"GET": Row(STAFF)},
    "admin/cameras/camera/<uuid:camera_id>/revert/<int:revision>/": {"GET": Row("A"), "POST": Row("A", {})},
    "admin/cameras/camera/<uuid:row_id>/availability/": {"GET": Row(STAFF, ids={"row_id": "camera"})},
    "admin/cameras/site/<uuid:row_id>/availability/": {"GET": Row(STAFF, ids={"row_id": "site"})},
    "admin/cameras/camera/<uuid:camera_id>/timeline/": {"GET": Row(STAFF)},
    "admin/cameras/camera/<uuid:camera_id>/reveal/": {"POST": Row("A", {})},
    "admin/cameras/camera/<uuid:camera_id>/replace/": {"GET": Row("A")},
    "admin/cameras/camera/bulk/<str:verb>/": {
        "POST": Row("OA", {"ids": "{camera}"}, gone=ELSEWHERE, refused=(302, 403), ids={"verb": "=start"})
    },
    "admin/cameras/camera/fleet/": {"GET": Row(STAFF)},
    "admin/cameras/camera/last-day/": {"GET": Row(STAFF, query="camera={camera}&site={site}", gone=(200,))},
    "admin/cameras/camera/import/": {"GET": Row("A")},
    "admin/cameras/camera/export/": {"GET": Row(STAFF), "POST": Row(STAFF, {"format": "csv"})},
    **of_admin("cameras/change", "revision", view=STAFF),
    "admin/cameras/change/entry/<int:revision>/": {"GET": Row(STAFF, ids={"revision": "entry"})},
    "admin/cameras/change/entry/<int:revision>/revert/": {"GET": Row("OA", ids={"revision": "entry"}, refused=(200, 403))},
    "admin/cameras/change/entry/<int:revision>/undo/": {"POST": Row("OA", {}, ids={"revision": "entry"}, refused=(302, 403))},
    **of_admin("cameras/deletedcamera", "deleted", view="A"),
    "admin/cameras/deletedcamera/restore/": {"POST": Row("A", {"ids": "{deleted}"}, gone=ELSEWHERE)},
    "admin/cameras/deletedcamera/erase/": {
        "POST": Row("A", {"ids": "{deleted}", "confirmed": "1"}, gone=ELSEWHERE)
    },
    **of_admin("cameras/site", "site", view=STAFF, add="F", change="A", delete="A"),
    **of_admin("windows/window", "window", view=STAFF, add="OA", change="OA", delete="OA"),
    "admin/windows/window/<uuid:window_id>/end/": {"GET": Row("*", gone=(302,)), "POST": Row("OA", {})},
    "admin/windows/window/<uuid:window_id>/extend/": {
        "GET": Row("*", gone=(302,)), "POST": Row("OA", {"until": "2031-01-01T00:00:00+00:00"}),
    },
    "admin/windows/window/import/": {
        "GET": Row("OA"),
        "POST": Row(
            "OA",
            {"action": "mute", "over": "site", "site": "{site}", "calendar": CALENDAR, "_confirm": "1"},
            gone=ELSEWHERE,
            refused=(*ELSEWHERE, 403),
        ),
    },
    "admin/windows/window/export/": {"GET": Row(STAFF)},
    "admin/windows/window/until/<str:action>/": {
        "GET": Row("OA", query="site={site}", gone=ELSEWHERE, refused=(302, 403), ids={"action": "=mute"}),
        "POST": Row(
            "OA", {"ids": "{camera}", "until": "hour"}, gone=ELSEWHERE, refused=(302, 403), ids={"action": "=stop"}
        ),
    },
    **of_admin("access/apitoken", "token", view="A", add="A"),
    "admin/access/apitoken/<uuid:token_id>/revoke/": {"GET": Row("*", gone=(302,)), "POST": Row("A", {})},
    **of_admin("alerts/delivery", "delivery", view="A"),
    "admin/alerts/delivery/<uuid:delivery_id>/again/": {
        "GET": Row("*", gone=(302,), ids={"delivery_id": "delivery"}),
        "POST": Row("A", {}, gone=(302,), ids={"delivery_id": "delivery"}),
    },
    **of_admin("alerts/incident", "incident", view=STAFF, change="OA"),
    **of_admin("alerts/subscription", "subscription", view="A", add="A", change="A", delete="A"),
    "admin/alerts/subscription/<uuid:subscription_id>/test/": {"GET": Row("*", gone=(302,))},
    "admin/alerts/subscription/<uuid:subscription_id>/secret/": {
        "GET": Row("*", gone=(302,)), "POST": Row("A", {}, gone=(302,)),
    },
    "me": {"GET": Row("*")},
    "audit": {"GET": Row("F")},
    "tokens": {
        "GET": Row("AR"),
        "POST": Row("AR", {"name": "x", "role": "worker", "sites": ["{site}"]}, gone=(400, 403)),
    },
    "tokens/<id>": {"DELETE": Row("A", ids={"id": "token"})},
    "cameras": {
        "GET": Row(f"{READERS}B"),
        "POST": Row(
            "A", {"name": "x", "connection_string": "rtsp://10.0.0.9/x", "site": "{site}"}, gone=(400, 403)
        ),
    },
    "cameras/changes": {"GET": Row(f"{READERS}B")},
    "cameras/specs": {"POST": Row(f"{READERS}B", {"ids": ["{camera}"]}, gone=(200, 403))},
    "cameras/summary": {"GET": Row(f"{READERS}B")},
    "cameras/<id>": {
        "GET": Row(f"{READERS}B", ids={"id": "camera"}),
        "PATCH": Row("OA", {"desired_state": "stopped"}, ids={"id": "camera"}),
        "DELETE": Row("A", ids={"id": "camera"}),
    },
    "cameras/<id>/credentials": {"GET": Row("ARB", ids={"id": "camera"})},
    "deleted-cameras": {"GET": Row("A")},
    "deleted-cameras/<id>": {"DELETE": Row("A", ids={"id": "deleted"})},
    "deleted-cameras/<id>/restore": {"POST": Row("A", ids={"id": "deleted"})},
    "cameras/<id>/placement": {
        "PUT": Row("R", {"node": "n1"}, ids={"id": "camera"}),
        "DELETE": Row("R", query="epoch=1", ids={"id": "camera"}, ok=(200, 204, 400, 404, 409)),
    },
    "placements": {"PUT": Row("R", [{"camera_id": "{camera}", "node": "n1"}], gone=(200, 403))},
    "incidents": {"GET": Row(READERS)},
    "incidents/<id>": {"GET": Row(READERS, ids={"id": "incident"})},
    "incidents/<id>/acknowledge": {"POST": Row("OA", {}, ids={"id": "incident"})},
    "incidents/<id>/notes": {"POST": Row("OA", {"note": "x"}, ids={"id": "incident"}, ok=(201,))},
    "windows": {
        "GET": Row(f"{READERS}B"),
        "POST": Row("OA", {"action": "mute", "site": "{site}", "ends": "2030-01-01T00:00"}, gone=(400, 403)),
    },
    "windows/calendar": {
        "GET": Row(f"{READERS}B"),
        "POST": Row("OA", {"action": "mute", "site": "{site}", "calendar": CALENDAR}, gone=(400, 403)),
    },
    "windows/preview": {
        "POST": Row("OA", {"action": "stop", "cameras": ["{camera}"], "ends": "2030-01-01T00:00"}, gone=(400, 403))
    },
    "windows/<id>": {
        "GET": Row(f"{READERS}B", ids={"id": "window"}),
        "PATCH": Row("OA", {"reason": "x"}, ids={"id": "window"}),
        "DELETE": Row("OA", ids={"id": "window"}),
    },
    "windows/<id>/extend": {"POST": Row("OA", {"until": "2031-01-01T00:00:00Z"}, ids={"id": "window"})},
    "windows/<id>/end": {"POST": Row("OA", ids={"id": "window"})},
    "sites": {"GET": Row(READERS), "POST": Row("F", {"name": "New"})},
    "sites/<id>": {
        "GET": Row(READERS, ids={"id": "site"}),
        "PATCH": Row("A", {"location": "x"}, ids={"id": "site"}),
        "DELETE": Row("A", ids={"id": "site"}, ok=(409,)),
    },
    "telemetry": {"POST": Row("WB", [], ok=(200, 400), gone=(200, 400, 403))},
    "telemetry/latest": {"GET": Row(READERS)},
    "telemetry/reports": {"POST": Row("WB", [], ok=(200, 400), gone=(200, 400, 403))},
    "telemetry/<camera_id>/report": {"POST": Row("WB", {"phase": "running"}, ids={"camera_id": "camera"})},
    "telemetry/<camera_id>": {
        "GET": Row(READERS, ids={"camera_id": "camera"}),
        "POST": Row("WB", {}, ids={"camera_id": "camera"}, ok=(400,), gone=(400, 403, 404)),
    },
    "telemetry/<camera_id>/gaps": {"GET": Row(READERS, query=RANGE, ids={"camera_id": "camera"})},
    "sites/<id>/occupancy": {"GET": Row(READERS, query=f"{RANGE}&bucket=1h", ids={"id": "site"})},
    "transitions": {"GET": Row(READERS)},
    "availability": {"GET": Row(READERS)},
    "cameras/<id>/availability": {"GET": Row(READERS, query=RANGE, ids={"id": "camera"})},
    "sites/<id>/availability": {"GET": Row(READERS, query=RANGE, ids={"id": "site"})},
    "telemetry/<camera_id>/transitions": {"GET": Row(READERS, ids={"camera_id": "camera"})},
    "schema": {"GET": Row(READERS)},
    "docs": {"GET": Row(READERS)},
}  # fmt: skip
#: what is for everybody, or answers each in its own way, with where that is tested
ELSEWHERE_TESTED = {
    "": "a redirect to the admin",
    "admin/r/<path:rest>": "404 for everybody",
    "admin/login/": "tests/controlplane/test_pages.py",
    **dict.fromkeys(
        (
            "admin/account/login/",
            "admin/account/login/passkey/",
            "admin/account/login/second-factor/",
            "admin/account/password/reset/",
            "admin/account/single-sign-on/",
            "admin/account/single-sign-on/callback/",
            "admin/account/single-sign-on/connect/",
            "admin/account/single-sign-on/disconnect/",
            "admin/account/^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
            "admin/account/^.+/$",
        ),
        "tests/controlplane/access/sign_in",
    ),
    "admin/r/<path:content_type_id>/<path:object_id>/": "hidden by the address above",
    "metrics": "tests/cameras/api/test_roles.py",
    "metrics/cameras": "tests/cameras/api/test_gauges.py",
    "livez": "tests/cameras/api/test_roles.py",
    "readyz": "tests/cameras/api/test_roles.py",
}
PARAMETERS = {
    "pk": "=1",
    "camera_id": "camera",
    "token_id": "token",
    "subscription_id": "subscription",
    "window_id": "window",
    "app_label": "=cameras",
}


def routes_of(resolver: Any, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        yield from routes_of(pattern, route) if isinstance(pattern, URLResolver) else (route,)


def filled(what: Any, place: Place) -> Any:
    """A body or text with the ids of a place in it."""
    if isinstance(what, dict):
        return {name: filled(value, place) for name, value in what.items()}
    if isinstance(what, list):
        return [filled(value, place) for value in what]
    return re.sub(r"\{(\w+)\}", lambda match: str(place.ids[match[1]]), what) if isinstance(what, str) else what


def address_of(route: str, row: Row, place: Place) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1]
        chosen = row.ids.get(name) or PARAMETERS.get(name, name)
        return chosen[1:] if chosen.startswith("=") else str(place.ids.get(chosen, "nothing"))

    path = re.sub(r"\^?\(\?P<(\w+)>[^)]*\)", value, route).removesuffix("$")
    path = re.sub(r"<(?:\w+:)?(\w+)>", value, path)
    return f"/{path}?{filled(row.query, place)}" if row.query else f"/{path}"


def ask(client: Client, who: Who, method: str, route: str, address: str, body: Any) -> HttpResponse:
    headers = {"Authorization": f"Bearer {who.secret}"} if who.secret else {}
    if route.startswith("admin/"):
        data = body if isinstance(body, dict) and method == "POST" else None
        call = {"GET": client.get, "POST": client.post}.get(method)
        answer: Any = (
            call(address, data, headers=headers) if call else client.generic(method, address, headers=headers)
        )
    else:
        data = b"" if body is None else json.dumps(body).encode()
        answer = client.generic(method, address, data, content_type="application/json", headers=headers)
    if answer.streaming:
        whole = b"".join(answer.streaming_content)
        answer = HttpResponse(whole, status=answer.status_code, headers=dict(answer.items()))
    return answer


def expected(who: Who, row: Row, route: str, place: str) -> tuple[int, ...]:
    is_admin = route.startswith("admin/")
    if who.name in NOBODY or (is_admin and not who.is_person):
        return (302,) if is_admin else (401,)
    if who.may(row.may, place):
        return row.ok
    if not names_a_place(route, row) and who.may_somewhere(row.may):
        return row.ok
    if place not in who.held and "everywhere" not in who.held:
        return row.gone if who.may_somewhere(row.may) else (403, 404, *row.gone)
    return row.refused


def names_a_place(route: str, row: Row) -> bool:
    """Whether an id of a site or of what stands there is in the address or the body."""
    return bool(
        re.search(r"<(?!app_label|url|str:|int:pk)|\{\w+\}", f"{route} {json.dumps(row.body)} {row.query}")
    )


# --- The tests ----------------------------------------------------------------------------------------------


def test_every_address_has_a_row_and_every_row_an_address() -> None:
    known = set(routes_of(get_resolver()))

    assert sorted(known - ROUTES.keys() - ELSEWHERE_TESTED.keys()) == []
    assert sorted((ROUTES.keys() | ELSEWHERE_TESTED.keys()) - known) == []


def leaks_in(answer: HttpResponse, place: Place, asked: str) -> list[str]:
    """What of a foreign place stands in an answer, but for what was in the question."""
    said = f"{answer.content.decode(errors='replace')} {dict(answer.items())}".lower()
    foreign = [CANARY, *(str(each) for each in place.ids.values() if not isinstance(each, int))]
    # A number by itself: digits of a random text are none.
    numbers = [each for each in NUMBERS if re.search(rf"(?<![\w-]){each}(?![\w-])", said)]
    return [each for each in (*(each for each in foreign if each in said), *numbers) if each not in asked.lower()]


def test_who_may_do_what_and_nobody_sees_what_is_elsewhere() -> None:
    places = {
        "north": make_place("North", 11, 1),
        "south": make_place("South", 12, 2),
        "foreign": make_place("Xanthippe", 7_654_321, 88_887),
    }
    north, south = (Site.objects.get(pk=places[name].ids["site"]) for name in ("north", "south"))
    everybody = make_everybody(north, south, Camera.objects.get(pk=places["north"].ids["camera"]))
    clients = {who.name: client_of(who) for who in everybody}
    take_what_is_taken()
    wrong = []
    for route, rows in ROUTES.items():
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            row = rows.get(method)
            for who in everybody:
                for place in ("north", "south", "foreign"):
                    if is_skipped(who, route, row, place):
                        continue
                    address = address_of(route, row or rows[min(rows)], places[place])
                    body = filled(row.body, places[place]) if row else None
                    with transaction.atomic():
                        cookies = clients[who.name].cookies.copy()
                        before = counts() if method != "GET" else ()
                        answer = ask(clients[who.name], who, method, route, address, body)
                        after = counts() if method != "GET" else ()
                        clients[who.name].cookies = cookies
                        transaction.set_rollback(True)
                    if row:
                        fine = answer.status_code in expected(who, row, route, place)
                        may_change = who.may(row.may, place)
                    else:
                        fine, may_change = answer.status_code < 500, False
                    if fine and answer.status_code == 302 and who.name in NOBODY:
                        fine = answer["Location"].startswith((LOGIN, "/admin/")) and not answer.content
                    if not fine or (after != before and not may_change):
                        wrong.append((who.name, method, address, answer.status_code, after != before))
                    if "everywhere" not in who.held:
                        asked = f"{address} {body}"
                        wrong += [
                            (who.name, method, address, answer.status_code, f"shows {leak}")
                            for leak in leaks_in(answer, places["foreign"], asked)
                        ]
    assert not wrong, "\n".join(map(str, wrong))


def is_skipped(who: Who, route: str, row: Row | None, place: str) -> bool:
    """Cells that say nothing new: the second site but for who has two, all but one where no place is named."""
    if place == "south" and who.name != "two roles":
        return True
    if row is None:  # an undeclared method
        return place != "foreign" or who.name not in ("nobody", "administrator at north", "token viewer at north")
    if place == "foreign" and (who.name in NOBODY or "everywhere" in who.held):
        return True
    if who.secret and route.startswith("admin/") and who.name != "token administrator":
        return True  # the admin reads no tokens
    return place != "north" and not names_a_place(route, row)


def counts() -> tuple[Any, ...]:
    """What everything that anybody can change comes to."""
    newest = Change.objects.order_by("-revision").values_list("pk", flat=True).first()
    rows = (Camera, Site, DeletedCamera, ApiToken, Subscription, User, Membership, Window)
    return (
        newest,
        *(model.objects.count() for model in rows),
        ApiToken.objects.filter(revoked_at=None).count(),
        Site.objects.exclude(location__endswith=" street").count(),
    )


def test_what_is_counted_is_what_is_seen() -> None:
    north, foreign = make_place("North", 11, 1), make_place("Xanthippe", 7_654_321, 88_887)
    for number in range(3):
        make_camera(f"Xanthippe {number}", site=Site.objects.get(pk=foreign.ids["site"]))
    vera = make_person("vera", "viewer", Site.objects.get(pk=north.ids["site"]))
    client = client_of(Who("vera", {}, vera))

    first = client.get("/admin/").context
    assert (first["cameras_count"], first["sites_count"], first["accepted"], first["occupancy"]) == (1, 1, 11, 1)
    assert client.get("/admin/cameras/camera/").context["cl"].result_count == 1
    assert client.get("/admin/cameras/site/").context["cl"].result_count == 1
    assert {row.camera_id for row in client.get("/admin/cameras/change/").context["cl"].result_list} == {
        north.ids["camera"], north.ids["deleted"],
    }  # fmt: skip
    summary = client.get("/cameras/summary").json()
    assert sum(summary["by_status"].values()) == 1
    assert len(client.get("/sites").json()) == 1
    assert len(json.loads(client.get("/cameras").getvalue())) == 1
    root = client_of(Who("root", {}, make_person("root", is_superuser=True)))
    page = root.get(f"/admin/cameras/camera/{foreign.ids['camera']}/change/").content.decode()
    assert (CANARY.title() in page, NUMBERS[1] in page) == (True, True)
    assert root.get("/admin/").context["accepted"] == 7_654_321 + 11
    exported = client.post("/admin/cameras/camera/export/", {"format": "json"}).content.decode()
    assert (exported.count("North gate"), CANARY in exported.lower()) == (1, False)
