"""A password in what workers and orchestrators say is found nowhere, in whatever form it is said and shown."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.test import Client

from cameras.api import watch
from cameras.models import Camera, KnownStatus, Placement, Report
from telemetry.alerts.models import Channel, Delivery, Topic
from telemetry.alerts.sending import send_due
from telemetry.alerts.transitions import record_transitions
from tests.admin_client import sign_in
from tests.asgi_client import AsgiClient
from tests.event_stream import Stream
from tests.factories import ApiClient, make_camera, make_site, make_token
from tests.telemetry.alerts.channels.test_email import MailServer, mail_server  # noqa: F401  # a fixture
from tests.telemetry.alerts.conftest import Receiver, receiver, subscribe  # noqa: F401  # a fixture

pytestmark = pytest.mark.django_db(transaction=True)

CANARY = "C4nary-Pa55word"
FORMS = [
    f"could not open rtsp://user:{CANARY}@10.0.0.5/a",
    f"no route to user:{CANARY}@10.0.0.5",
    f"--password {CANARY}",
    f'{{"password": "{CANARY}"}}',
    f"Authorization: Bearer {CANARY}",
]
TEXTS_OF_REPORT = ("message", "version", "host")
TEXTS_OF_PLACEMENT = ("node", "container", "image", "message")


@pytest.fixture
def asgi(transactional_db: None) -> Iterator[AsgiClient]:
    client = AsgiClient(watch.application, watch.close_watch)
    yield client
    client.close()


def say_it_all(camera: Camera, text: str, worker: ApiClient, orchestrator: ApiClient) -> list[Any]:
    """The answers to a report and a placement with the text in every field that takes one, and to refused ones."""
    report = {"phase": "failed", "reason": "stream_unauthorized"} | dict.fromkeys(TEXTS_OF_REPORT, text)
    placement = {"phase": "failed", "reason": "crash_loop"} | dict.fromkeys(TEXTS_OF_PLACEMENT, text)
    path, item = f"/telemetry/{camera.pk}/report", {"camera_id": str(camera.pk)}
    taken = [
        worker.post(path, report | {text: text}),
        worker.post("/telemetry/reports", [item | report]),
        orchestrator.request("PUT", f"/cameras/{camera.pk}/placement", placement),
        orchestrator.request("PUT", "/placements", [item | placement]),
    ]
    assert [answer.status_code for answer in taken] == [200] * 4, [answer.content for answer in taken]
    epoch = taken[2].json()["epoch"]
    refused = [
        *(worker.post(path, report | {name: text}) for name in ("phase", "reason", "worker", "timestamp")),
        *(worker.post(path, report | {name: [text]}) for name in (*TEXTS_OF_REPORT, "epoch", "metrics")),
        worker.post(path, report | {"metrics": {text: 1}}),
        worker.post(path, f'{{"{CANARY}": "{CANARY}'.encode()),
        worker.post(f"/telemetry/{camera.pk}", {"worker": text, "timestamp": text, "occupancy": text}),
        worker.post(f"/telemetry/reports?search={CANARY}", []),
        *(
            orchestrator.request("PUT", f"/cameras/{camera.pk}/placement", {**placement, name: value})
            for name, value in [("phase", text), ("reason", text), ("node", [text]), ("epoch", text), (text, 1)]
        ),
        orchestrator.request(
            "PUT", f"/cameras/{camera.pk}/placement", {**placement, "node": f"other {text}", "epoch": epoch}
        ),
        orchestrator.request(
            "PUT", f"/cameras/{camera.pk}/placement", {**placement, "node": f"other {text}", "after": 1}
        ),
        orchestrator.request("PUT", "/placements", [item | placement | {"phase": text}, text]),
    ]
    assert {answer.status_code for answer in refused[:-1]} <= {400, 409}
    return taken + refused


def pages_reached(client: Client, at_most: int) -> Iterator[tuple[str, str]]:
    """Pages of the admin that can be reached from its first one by links, each address with what it shows."""
    waiting, seen = ["/admin/"], set()
    while waiting and len(seen) < at_most:
        address = waiting.pop(0)
        path = re.sub(r"[0-9a-f-]{36}|\d+", "", address.partition("?")[0])
        if path in seen or "logout" in path:
            continue
        seen.add(path)
        answer = client.get(address)
        if answer.status_code != 200 or answer.streaming:
            continue
        page = answer.content.decode()
        yield address, page
        waiting += [link.replace("&amp;", "&") for link in re.findall(r'href="(/admin/[^"#]*)"', page)]


@pytest.mark.parametrize("text", FORMS)
def test_a_password_in_what_is_said_is_found_nowhere(
    text: str,
    asgi: AsgiClient,
    receiver: Receiver,  # noqa: F811
    mail_server: MailServer,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Any,
) -> None:
    worker, orchestrator = ApiClient(make_token("worker")), ApiClient(make_token("orchestrator"))
    administrator = ApiClient(make_token("administrator"))
    started_at = datetime.now(UTC) - timedelta(seconds=5)
    camera = make_camera("Gate", desired_state="running", now=started_at, site=make_site("North"))
    unheard = make_camera("Yard", desired_state="running", now=started_at)
    subscribe(receiver.url, topics=list(Topic.values))
    subscribe("", name="Mail", channel=Channel.EMAIL, addresses="ann@example.com", topics=list(Topic.values))
    token = {"Authorization": f"Bearer {administrator.secret}"}
    events = Stream(asgi, "since=0&include=status", token)
    events.wait_until(lambda it: it.of_kind("bookmark"))

    answers = say_it_all(camera, text, worker, orchestrator)
    failed = {"phase": "failed", "reason": "no_capacity"} | dict.fromkeys(TEXTS_OF_PLACEMENT, text)
    answers.append(orchestrator.request("PUT", f"/cameras/{unheard.pk}/placement", failed))
    record_transitions(datetime.now(UTC))
    send_due(datetime.now(UTC) + timedelta(seconds=1))

    # Of all this there is something to see.
    assert "***" in Report.objects.get().message
    assert set(Placement.objects.values_list("pk", flat=True)) == {camera.pk, unheard.pk}
    assert set(KnownStatus.objects.values_list("status", flat=True)) == {"failing"}
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    events.wait_until(lambda it: len(it.of_kind("status")) >= 2)
    events.hang_up()
    shown = {
        "receiver": json.dumps([(headers, body.decode()) for headers, body in receiver.received]),
        "mail": str(mail_server.taken),
        "stream": events.body.decode(),
        "logs": caplog.text,
        "output": "".join(capsys.readouterr()),
    }
    assert all(shown[name] for name in ("receiver", "mail", "stream"))
    shown |= {f"answer {number}": answer.content.decode() for number, answer in enumerate(answers)}
    for path in (
        *(f"/cameras/{each.pk}" for each in (camera, unheard)),
        "/cameras?fields=id,name,report,placement,conditions,status_reason",
        "/cameras/changes?since=0",
        "/cameras/summary",
        f"/telemetry/{camera.pk}/transitions",
        f"/cameras?search={CANARY}",
        "/metrics",
        "/readyz",
    ):
        answer = administrator.get(path)
        assert answer.status_code == 200, (path, answer.content)
        shown[path] = answer.content.decode()
    shown["specs"] = administrator.post("/cameras/specs", {"ids": [str(camera.pk)]}).content.decode()
    assert shown[f"/cameras/{camera.pk}"].count("***") >= len(TEXTS_OF_REPORT) + len(TEXTS_OF_PLACEMENT)
    for kind in ("csv", "json"):
        call_command(
            "export_cameras", "--format", kind, "--with-credentials", "-o", str(tmp_path / f"cameras.{kind}")
        )
        shown[f"export as {kind}"] = (tmp_path / f"cameras.{kind}").read_text()
    pages = dict(pages_reached(sign_in(is_superuser=True), 60))
    assert any("***" in page for page in pages.values())
    shown |= pages
    for model in apps.get_models(include_auto_created=True):
        shown[f"rows of {model._meta.label}"] = json.dumps(list(model._base_manager.values()), default=str)

    assert [name for name, content in shown.items() if CANARY in content] == []
