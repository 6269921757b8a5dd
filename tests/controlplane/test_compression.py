"""Answers in gzip: for whom, which never, and what becomes of tags, streams and lengths."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from controlplane import asgi
from controlplane.compression import CompressedSend, takes_gzip
from telemetry import asgi as ingest_tier
from telemetry.ingest.queues import close_queues
from tests.admin_client import CAMERAS, TOKENS, administrator, form_of  # noqa: F401
from tests.asgi_client import AsgiClient
from tests.controlplane.access.admin.test_people import row, rows
from tests.factories import ApiClient, make_camera, make_token

GZIP = {"Accept-Encoding": "gzip"}
SUBSCRIPTION = {
    "name": "Control room",
    "channel": "webhook",
    "url": "https://8.8.8.8/hook",
    "topics": ["silence"],
    "grace_seconds": "30",
    "is_active": "on",
}
LONG = {"notes": "a camera with long notes, " * 60}


@pytest.mark.parametrize(
    ("accept_encoding", "accepted"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("gzip;q=0.001", True),
        ("*", True),
        ("deflate, *;q=0.5", True),
        ("gzip ; q=1", True),
        ("gzip;Q=0.5", True),
        ("identity, gzip", True),
        ("identity;q=0.5, gzip;q=1", True),
        ("", False),
        ("identity", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("identity;q=1, gzip;q=0.5", False),
        ("gzip;q=nan", False),
        ("gzip;q=2", False),
        ("gzip;q=", False),
        ("gzipped", False),
    ],
)
def test_gzip_is_taken_where_the_client_says_so(accept_encoding: str, accepted: bool) -> None:
    assert takes_gzip(accept_encoding) is accepted


# --- Through Django -----------------------------------------------------------------------------------------


@pytest.fixture
def api(db: None) -> ApiClient:
    return ApiClient(make_token("administrator"))


def plain(answer: Any) -> bytes:
    """What an answer holds: one gzip, with nothing after it, since many clients read no second one."""
    assert answer["Content-Encoding"] == "gzip"
    whole = zlib.decompressobj(zlib.MAX_WBITS | 16)
    content = whole.decompress(answer.content)
    assert whole.eof
    assert whole.unused_data == b""
    return content


def test_an_answer_of_more_than_1_kib_is_compressed_and_says_what_it_depends_on(api: ApiClient) -> None:
    small, large = make_camera("small"), make_camera("large", **LONG)

    answers = {
        (camera.name, coding): api.get(f"/cameras/{camera.pk}", **{"Accept-Encoding": coding})
        for camera in (small, large)
        for coding in ("gzip", "identity")
    }

    as_it_is, packed = answers["large", "identity"], answers["large", "gzip"]
    assert plain(packed) == as_it_is.content
    assert packed["Content-Length"] == str(len(packed.content))
    assert len(packed.content) < len(as_it_is.content) / 2
    assert packed["Vary"] == as_it_is["Vary"] == "Accept-Language, Accept-Encoding"
    assert (packed["ETag"], "Content-Encoding" in as_it_is.headers) == (f"W/{as_it_is['ETag']}", False)
    assert len(answers["small", "gzip"].content) <= 1024
    assert "Content-Encoding" not in answers["small", "gzip"].headers
    assert answers["small", "gzip"]["ETag"].startswith('"')


def test_a_tag_that_compression_made_weak_keeps_its_meaning_in_if_match(api: ApiClient) -> None:
    path = f"/cameras/{make_camera(**LONG).pk}"
    seen = api.get(path, **GZIP)["ETag"]

    first = api.patch(path, {"desired_state": "running"}, **GZIP, **{"If-Match": seen})
    second = api.patch(path, {"desired_state": "stopped"}, **GZIP, **{"If-Match": seen})
    deleted = api.delete(path, **{"If-Match": first["ETag"]})

    assert seen.startswith('W/"')
    assert first["ETag"].startswith('W/"')
    assert (first.status_code, second.status_code, deleted.status_code) == (200, 412, 204)


def test_a_tag_that_compression_made_weak_keeps_its_meaning_in_if_none_match(administrator: Client) -> None:  # noqa: F811
    path = f"{CAMERAS}fleet/"
    seen = administrator.get(path, headers=GZIP)["ETag"]

    assert seen.startswith('W/"')
    assert administrator.get(path, headers={**GZIP, "If-None-Match": seen}).status_code == 304
    assert administrator.get(path, headers={**GZIP, "If-None-Match": 'W/"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("path", "accept"), [("/cameras", "*/*"), ("/telemetry/latest", "*/*"), ("/telemetry/latest", "text/csv")]
)
def test_a_streamed_list_is_one_gzip(
    api: ApiClient, path: str, accept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cameras.api.views.CHUNK", 10)  # of a list, what is read at once; one chunk is no stream
    for number in range(30):
        make_camera(f"Camera {number}")

    as_it_is, packed = api.get(path, Accept=accept), api.get(path, **GZIP, Accept=accept)

    assert len(as_it_is.content) > 1024
    assert plain(packed) == as_it_is.content
    assert "Content-Length" not in packed.headers
    assert "Accept-Encoding" in packed["Vary"]


def test_head_has_the_headers_of_get(api: ApiClient) -> None:
    path = f"/cameras/{make_camera(**LONG).pk}"

    head = api.request("HEAD", path, **GZIP)

    assert (head.status_code, head["Content-Encoding"], head.content) == (200, "gzip", b"")


def test_a_problem_of_more_than_1_kib_is_compressed_too(api: ApiClient) -> None:
    answer = api.post("/cameras", {f"unknown_{number}": 1 for number in range(100)}, **GZIP)

    assert answer.status_code == 400
    assert len(json.loads(plain(answer))["errors"]) == 102


@pytest.mark.parametrize("path", ["/admin/", CAMERAS, f"{CAMERAS}add/", TOKENS, "/admin/access/auditentry/"])
def test_pages_of_the_admin_are_compressed(administrator: Client, path: str) -> None:  # noqa: F811
    page = administrator.get(path, headers=GZIP)

    assert page.status_code == 200
    assert b"</html>" in gzip.decompress(page.content)
    assert "Accept-Encoding" in page["Vary"]


def test_the_list_of_50_cameras_is_at_most_60_kb_on_the_wire(administrator: Client) -> None:  # noqa: F811
    for number in range(50):
        make_camera(f"Camera {number} of the north gate")

    page = administrator.get(CAMERAS, headers=GZIP)

    assert gzip.decompress(page.content).count(b'name="_selected_action"') == 50
    assert len(page.content) < 60_000


def test_what_holds_a_secret_is_never_compressed(api: ApiClient, administrator: Client) -> None:  # noqa: F811
    camera = make_camera(connection_string="rtsp://user:secret-of-the-lens@10.0.0.5/" + "path/" * 300)
    upload = SimpleUploadedFile("a.csv", b"name,connection_string\n" + b",rtsp://u:p@h/" + b"x" * 2_000)
    plan = administrator.post(f"{CAMERAS}import/", {"file": upload, "site": ""})
    refused = form_of(plan, "confirm_form") | {"refused": "1"}
    new_person = {"username": "new", **rows(0, row(0, "viewer"))}
    posts = {
        "reveal": (f"{CAMERAS}{camera.pk}/reveal/", {}),
        "export": (f"{CAMERAS}export/", {"format": "csv", "with_credentials": "on"}),
        "refused rows": (f"{CAMERAS}import/", refused),
        "token": (f"{TOKENS}add/", {"name": "worker 1", "role": "worker"}),
        "person": ("/admin/auth/user/add/", new_person),
        "subscription": ("/admin/alerts/subscription/add/", SUBSCRIPTION),
    }
    answers = {name: administrator.post(path, data, headers=GZIP) for name, (path, data) in posts.items()}
    answers["credentials"] = api.get(f"/cameras/{camera.pk}/credentials", **GZIP)
    answers["sign-in"] = Client().get("/admin/account/login/", headers=GZIP)
    answers["wrong password"] = Client().post(
        "/admin/account/login/", {"login": "x", "password": "y"}, headers=GZIP
    )

    for name, answer in answers.items():
        assert (answer.status_code, len(answer.content) > 1024) == (200, True), name
        assert "Content-Encoding" not in answer.headers, name
        assert answer["Cache-Control"].startswith("no-store, no-transform"), name


def test_the_lengths_of_the_same_answer_differ_at_random(api: ApiClient) -> None:
    path = f"/cameras/{make_camera(**LONG).pk}"

    assert len({len(api.get(path, **GZIP).content) for _ in range(20)}) > 5


# --- Without Django -----------------------------------------------------------------------------------------


class Sent(list[Any]):
    """What an ASGI application sends to a client, message by message."""

    async def __call__(self, message: Any) -> None:
        self.append(message)

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self[0]["headers"]}


def send_through(
    *parts: bytes, method: str = "GET", accept: str = "gzip", status: int = 200, **headers: str
) -> Sent:
    """What becomes of an answer in these parts."""
    given = {"content_type": "application/json", **headers}
    start = [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()]

    async def answer() -> Sent:
        sent = Sent()
        scope = {"type": "http", "method": method, "headers": [(b"accept-encoding", accept.encode())]}
        send = CompressedSend(scope, sent)
        await send({"type": "http.response.start", "status": status, "headers": start})
        for number, part in enumerate(parts, start=1):
            await send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})
        return sent

    return asyncio.run(answer())


BODY = b'{"name": "a text that repeats itself"}' * 100


def test_a_whole_body_is_compressed_with_its_length_and_a_weak_tag() -> None:
    sent = send_through(BODY, content_length=str(len(BODY)), etag='"x"', vary="Accept")

    assert gzip.decompress(sent[1]["body"]) == BODY
    assert sent.headers == {
        "content-encoding": "gzip",
        "content-length": str(len(sent[1]["body"])),
        "content-type": "application/json",
        "etag": 'W/"x"',
        "vary": "Accept, Accept-Encoding",
    }


def test_each_part_of_a_stream_can_be_read_when_it_comes() -> None:
    parts = [b"first " * 400, b"second", b"x" * 200_000, b""]
    sent = send_through(*parts, content_type="text/csv")

    whole = zlib.decompressobj(zlib.MAX_WBITS | 16)
    assert [whole.decompress(message["body"]) for message in sent[1:]] == parts
    assert whole.eof
    assert "content-length" not in sent.headers


AS_IT_IS: dict[str, dict[str, Any]] = {
    "small": {"content_length": "1024"},
    "compressed already": {"content_encoding": "br"},
    "not to be changed": {"cache_control": "no-store, no-transform"},
    "a stream of events": {"content_type": "text/event-stream"},
    "a stream of events with a charset": {"content_type": "Text/Event-Stream; charset=utf-8"},
    "a font": {"content_type": "font/woff2"},
    "a part": {"status": 206},
    "not modified": {"status": 304},
}


@pytest.mark.parametrize("case", AS_IT_IS.values(), ids=AS_IT_IS)
def test_what_is_not_to_be_compressed_is_sent_as_it_is(case: dict[str, Any]) -> None:
    sent = send_through(BODY, **case)

    assert sent[1]["body"] == BODY
    assert "vary" not in sent.headers


def test_without_gzip_the_answer_only_says_what_it_depends_on() -> None:
    sent = send_through(BODY, accept="gzip;q=0", content_length=str(len(BODY)), vary="accept-encoding")

    assert (sent[1]["body"], sent.headers["vary"]) == (BODY, "accept-encoding")
    assert sent.headers["content-length"] == str(len(BODY))
    assert send_through(BODY, accept="").headers["vary"] == "Accept-Encoding"


def test_head_says_that_get_is_compressed_and_sends_nothing() -> None:
    sent = send_through(b"", method="HEAD", content_length="5000")

    assert (sent.headers["content-encoding"], sent[1]["body"]) == ("gzip", b"")
    assert "content-length" not in sent.headers


def test_a_file_that_the_server_sends_by_itself_keeps_its_headers() -> None:
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/css")]}
    file = {"type": "http.response.pathsend", "path": "/x.css"}
    sent = Sent()

    async def answer() -> None:
        send = CompressedSend({"method": "GET", "headers": [(b"accept-encoding", b"gzip")]}, sent)
        await send(start)
        await send(file)

    asyncio.run(answer())
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.pathsend"]
    assert "content-encoding" not in sent.headers


# --- Each tier ----------------------------------------------------------------------------------------------


@pytest.fixture(params=["web", "ingest"])
def tier(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[AsgiClient]:
    application, close = (
        (asgi.application, asgi._close) if request.param == "web" else (ingest_tier.application, close_queues)
    )
    client = AsgiClient(application, close)
    yield client
    client.close()


@pytest.fixture
def web(transactional_db: None) -> Iterator[AsgiClient]:
    client = AsgiClient(asgi.application, asgi._close)
    yield client
    client.close()


def test_a_long_answer_to_a_batch_is_compressed_in_every_tier(tier: AsgiClient) -> None:
    headers = {"Authorization": f"Bearer {make_token('worker')}", "Content-Type": "application/json", **GZIP}

    long = tier.request("POST", "/telemetry", json.dumps([{}] * 100).encode(), headers)
    short = tier.request("POST", "/telemetry", json.dumps([{}]).encode(), headers)

    assert json.loads(plain(long))["rejected"] == 100
    assert "content-encoding" not in short.headers


def test_the_metrics_are_compressed_in_every_tier(tier: AsgiClient) -> None:
    headers = {"Authorization": f"Bearer {make_token('viewer')}", "Host": "localhost", **GZIP}

    answer = tier.request("GET", "/metrics", headers=headers)

    assert answer.status_code == 200
    assert b"controlplane_ingest_events_total" in plain(answer)


def test_changes_are_compressed_by_the_endpoint_that_waits_for_them(web: AsgiClient) -> None:
    for number in range(10):
        make_camera(f"Camera {number}")
    headers = {"Authorization": f"Bearer {make_token('viewer')}", **GZIP}

    assert len(json.loads(plain(web.request("GET", "/cameras/changes?since=0", headers=headers)))["changes"]) == 10


def test_a_streamed_list_is_one_gzip_under_asgi_too(web: AsgiClient) -> None:
    for number in range(20):
        make_camera(f"Camera {number}")
    headers = {"Authorization": f"Bearer {make_token('viewer')}", "Host": "localhost"}

    as_it_is = web.request("GET", "/telemetry/latest", headers=headers)
    packed = web.request("GET", "/telemetry/latest", headers={**headers, **GZIP})

    assert plain(packed) == as_it_is.content
    assert len(json.loads(as_it_is.content)) == 20


def test_static_files_are_compressed_also_where_they_come_from_the_packages(web: AsgiClient) -> None:
    path = "/static/unfold/css/styles.css"
    as_it_is, packed = web.request("GET", path), web.request("GET", path, headers=GZIP)
    tag = packed["ETag"]

    assert plain(packed) == as_it_is.content
    assert len(packed.content) < 60_000 < len(as_it_is.content)
    assert tag == f"W/{as_it_is['ETag']}"
    assert web.request("GET", path, headers={**GZIP, "If-None-Match": tag}).status_code == 304
    assert "content-encoding" not in web.request("GET", path, headers={"Range": "bytes=0-9", **GZIP}).headers
