"""Each format against a receiver that takes what the tool's published rule allows, and answers as the tool does."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

import pytest
from django.core.exceptions import ValidationError

from cameras.reasons import Reason
from cameras.status import Status
from telemetry.alerts import outbox, wording
from telemetry.alerts.channels.formats.table import format_of
from telemetry.alerts.models import Alert, Delivery, Format, Kind
from telemetry.alerts.sending import send_due
from telemetry.alerts.subscriptions import clean_subscription
from telemetry.alerts.timeline import StatusChange
from tests.factories import NOW, make_camera, make_site
from tests.telemetry.alerts.channels.test_table import EMPTY
from tests.telemetry.alerts.conftest import Receiver, subscribe

KEY = "R0" + "a1" * 15
LINK = "https://cameras.example.com"
NASTY = 'Gate <!channel> @everyone & "quoted" 日本 ' + "x" * 120


class Tool(NamedTuple):
    """How a tool judges what it is posted, and what it answers where it takes it."""

    judge: Callable[[dict[str, Any]], object]
    answer: int


def _slack(body: dict[str, Any]) -> None:
    assert set(body) == {"text", "blocks"}
    assert 1 <= len(body["text"]) <= 40_000
    assert len(body["blocks"]) <= 50
    for block in body["blocks"]:
        text = block["text"]
        most = {"header": ("plain_text", 150), "section": ("mrkdwn", 3_000)}[block["type"]]
        assert text["type"] == most[0]
        assert 1 <= len(text["text"]) <= most[1]
        assert text["type"] == "plain_text" or "<!" not in text["text"]
    assert "<!" not in body["text"]


def _discord(body: dict[str, Any]) -> None:
    assert set(body) <= {"content", "embeds", "allowed_mentions", "username", "avatar_url", "tts"}
    assert len(body["content"]) <= 2_000
    assert body["allowed_mentions"] == {"parse": []}
    assert 1 <= len(body["embeds"]) <= 10
    total = 0
    for embed in body["embeds"]:
        assert set(embed) <= {"title", "description", "url", "timestamp", "color", "fields"}
        assert len(embed["title"]) <= 256
        assert len(embed["description"]) <= 4_096
        assert len(embed["fields"]) <= 25
        assert 0 <= embed["color"] <= 0xFFFFFF
        total += len(embed["title"]) + len(embed["description"])
        for field in embed["fields"]:
            assert 1 <= len(field["name"]) <= 256
            assert 1 <= len(field["value"]) <= 1_024
            total += len(field["name"]) + len(field["value"])
    assert total <= 6_000


def _teams(body: dict[str, Any]) -> None:
    assert len(json.dumps(body, ensure_ascii=False).encode()) <= 28 * 1024
    assert body["type"] == "message"
    ((attachment),) = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert {element["type"] for element in card["body"]} == {"TextBlock", "FactSet"}
    assert all(action["type"] == "Action.OpenUrl" and action["url"] for action in card.get("actions", ()))


def _mattermost(body: dict[str, Any]) -> None:
    assert len(body["text"]) <= 16_383
    assert body["text"] or body["attachments"]
    for attachment in body["attachments"]:
        assert attachment["fallback"]
        assert len(json.dumps(attachment)) <= 16_383
        assert all(set(field) == {"short", "title", "value"} for field in attachment["fields"])
    assert "@everyone" not in json.dumps(body)


def _pagerduty(body: dict[str, Any]) -> None:
    assert len(json.dumps(body).encode()) <= 512 * 1024
    assert body["routing_key"] == KEY
    assert 1 <= len(body["dedup_key"]) <= 255
    assert body["event_action"] in ("trigger", "acknowledge", "resolve")
    if body["event_action"] == "trigger":
        payload = body["payload"]
        assert 1 <= len(payload["summary"]) <= 1_024
        assert payload["source"]
        assert payload["severity"] in ("critical", "error", "warning", "info")


def _ntfy(body: dict[str, Any]) -> None:
    assert body["topic"] == "hook"
    assert set(body) <= {"topic", "message", "title", "tags", "priority", "click"}
    assert 1 <= len(body["message"].encode()) <= 4_096
    assert body["priority"] in range(1, 6)
    assert all(isinstance(tag, str) for tag in body["tags"])


TOOLS = {
    "slack": Tool(_slack, 200),
    "discord": Tool(_discord, 204),
    "teams": Tool(_teams, 202),
    "mattermost": Tool(_mattermost, 200),
    "pagerduty": Tool(_pagerduty, 202),
    "ntfy": Tool(_ntfy, 200),
}


def playing(tool: Tool, receiver: Receiver, status: int | None = None) -> None:
    """Let the receiver judge what it is posted: 400 where the tool would refuse it."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        try:
            tool.judge(json.loads(receiver.received[-1][1]))
            taken = status or tool.answer
        except (AssertionError, KeyError, TypeError, ValueError):
            taken = 400
        handler.send_response(taken)
        handler.end_headers()

    receiver.answer = answer


def alerts() -> list[Alert]:
    """A beginning, its end, one of the whole fleet and a test, with names that are as long and strange as may be."""
    camera = make_camera(NASTY, site=make_site("S" * 200), location="L" * 200)
    fell = StatusChange(NOW, Status.STALE, Status.OFFLINE, Reason.SILENT)
    rose = StatusChange(NOW, Status.OFFLINE, Status.HEALTHY, Reason.REPORTING)
    return [
        wording.of_status_change(Kind.OFFLINE, camera, fell, NOW),
        wording.of_status_change(Kind.RECOVERED, camera, rose, NOW),
        wording.of_fleet(Kind.MASS_SILENCE_BEGAN, NOW, 5, 6, NOW),
        Alert(kind=Kind.OFFLINE, at=NOW, created_at=NOW, text="日" * 600, data={"camera": "日" * 200}),
    ]


def test_every_format_but_the_standard_has_a_receiver_that_judges_it() -> None:
    assert sorted(TOOLS) == sorted(set(Format.values) - {"standard"})
    assert len({type(format_of(name)) for name in Format.values}) == len(Format)


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(TOOLS))
def test_a_tool_takes_every_alert_and_it_is_not_signed(receiver: Receiver, settings: Any, name: str) -> None:
    settings.PUBLIC_URL = LINK
    playing(TOOLS[name], receiver)
    subscribe(receiver.url, format=name, key=KEY if name == "pagerduty" else "")
    told = alerts()
    for alert in told:  # each for itself: nothing is withdrawn
        alert.save(force_insert=True)
    subscription = Delivery._meta.get_field("subscription").related_model.objects.get()
    for alert in told:
        Delivery.objects.create(alert=alert, subscription=subscription, created_at=NOW, next_attempt_at=NOW)

    assert send_due(NOW) == (len(told), 0), set(Delivery.objects.values_list("detail", flat=True))

    begun = b"".join(body for _headers, body in receiver.received)
    assert f"{LINK}/admin/cameras/camera/{told[0].camera_id}/change/".encode() in begun
    for headers, _body in receiver.received:
        assert "webhook-signature" not in headers
        assert headers["content-type"] == "application/json"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["mattermost", "pagerduty", "slack", "ntfy"])
def test_an_answer_that_the_tool_does_not_give_for_success_is_none(receiver: Receiver, name: str) -> None:
    playing(TOOLS[name], receiver, status=206)
    subscribe(receiver.url, format=name, key=KEY if name == "pagerduty" else "")
    outbox.notify([wording.of_fleet(Kind.MASS_SILENCE_BEGAN, NOW, 5, 6, NOW)], NOW)

    assert send_due(NOW) == (0, 1)
    assert Delivery.objects.get().detail == "Answered 206."


@pytest.mark.django_db
def test_pagerduty_resolves_under_the_key_that_triggered(receiver: Receiver) -> None:
    playing(TOOLS["pagerduty"], receiver)
    subscribe(receiver.url, format="pagerduty", key=KEY)
    began, ended, *_others = alerts()
    outbox.notify([began], NOW)
    send_due(NOW)
    outbox.notify([ended], NOW)
    send_due(NOW)

    trigger, resolve = (json.loads(body) for _headers, body in receiver.received)
    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == resolve["dedup_key"]


@pytest.mark.django_db
def test_ntfy_is_posted_to_the_root_of_its_server(receiver: Receiver) -> None:
    paths: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        paths.append(handler.path)
        handler.send_response(200)
        handler.end_headers()

    receiver.answer = answer
    subscribe(receiver.url, format="ntfy")
    outbox.notify([wording.of_fleet(Kind.MASS_SILENCE_BEGAN, NOW, 5, 6, NOW)], NOW)

    assert send_due(NOW) == (1, 0)
    assert paths == ["/?key=1"]


@pytest.mark.once
@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"format": "pigeon", "url": "https://8.8.8.8/"}, "format"),
        ({"format": "pagerduty", "url": "https://8.8.8.8/"}, "key"),
        ({"format": "pagerduty", "key": "short"}, "key"),
        ({"format": "pagerduty", "key": KEY + "\n"}, "key"),
        ({"format": "ntfy", "url": "https://8.8.8.8/"}, "url"),
        ({"format": "ntfy", "url": "https://8.8.8.8/a/b"}, "url"),
        ({"format": "ntfy", "url": "https://8.8.8.8/" + "a" * 65}, "url"),
        ({"format": "slack", "url": ""}, "url"),
    ],
)
def test_what_a_tool_would_refuse_is_refused_at_its_field(values: dict[str, str], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        clean_subscription({**EMPTY, "channel": "webhook", **values})

    assert list(refused.value.message_dict) == [field]


@pytest.mark.once
def test_the_key_of_another_format_is_not_kept() -> None:
    cleaned = clean_subscription(
        {**EMPTY, "channel": "webhook", "format": "slack", "url": "https://8.8.8.8/x", "key": KEY}
    )

    assert cleaned["key"] == ""
