"""Django behind the event loop: each request whole in one thread, and a thread for each place."""

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import request_finished, request_started
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path, re_path

from controlplane.bare_asgi import Disconnected
from controlplane.bridge import ThreadedHandler
from tests.waiting import until

THREADS = 3
SIGNALS = ("request_started", "request_finished")
mark = contextvars.ContextVar("mark", default="")


class Stage:
    """What the views of this file wait for, and what they have done."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.made: list[int] = []
        self.closed = threading.Event()
        self.threads: set[int] = set()
        self.inside = self.most_inside = 0
        self.lock = threading.Lock()


stage = Stage()


def echo(request: HttpRequest, rest: str = "") -> HttpResponse:
    """All that a view may ask of a request."""
    names = ("CONTENT_TYPE", "CONTENT_LENGTH", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING")
    more = ("REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "SERVER_NAME", "SERVER_PORT")
    seen = {
        "rest": rest,
        "method": request.method,
        "path": request.path,
        "path_info": request.path_info,
        "url": request.build_absolute_uri(),
        "scheme": request.scheme,
        "is_secure": request.is_secure(),
        "query": dict(request.GET.lists()),
        "form": dict(request.POST.lists()),
        "cookies": request.COOKIES,
        "headers": dict(request.headers),
        "body": request.body.decode("latin-1"),
        "meta": {name: request.META.get(name) for name in (*names, *more)},
    }
    response = JsonResponse(seen, status=203, headers={"X-Written": "café"})
    response.set_cookie("one", "1", httponly=True)
    response.set_cookie("two", "2", secure=True)
    return response


def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a fault of the view")


def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        stage.threads.add(threading.get_ident())
        try:
            for number in range(100):
                stage.made.append(number)
                yield b"%d," % number
        finally:
            stage.threads.add(threading.get_ident())
            stage.closed.set()

    return StreamingHttpResponse(parts())


def broken_stream(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        yield b"one"
        raise RuntimeError("a fault of the stream")

    return StreamingHttpResponse(parts())


def refuse(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return HttpResponse(type(exception).__name__, status=500)


def wait(request: HttpRequest) -> HttpResponse:
    with stage.lock:
        stage.threads.add(threading.get_ident())
        stage.inside += 1
        stage.most_inside = max(stage.most_inside, stage.inside)
    stage.go_on.wait(10)
    with stage.lock:
        stage.inside -= 1
    return HttpResponse("done")


def read_mark(request: HttpRequest) -> HttpResponse:
    before = mark.get()
    mark.set("of another request")
    return HttpResponse(before)


def query(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse(b"open" if connection.connection else b"closed")


handler400 = handler500 = refuse
urlpatterns = [
    path("fail", fail),
    path("empty", empty),
    path("stream", stream),
    path("broken", broken_stream),
    path("wait", wait),
    path("mark", read_mark),
    path("query", query),
    re_path("^(?P<rest>.*)$", echo),
]


@pytest.fixture(autouse=True)
def _stage(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = ["controlplane.middleware.SecurityHeaders", "django.middleware.common.CommonMiddleware"]
    stage.__init__()  # type: ignore[misc]
    yield
    stage.go_on.set()


class Client:
    """One request to a handler, by somebody who reads as slowly as wanted, and leaves."""

    def __init__(self, handler: Any, path: str, *body: bytes | None, **scope: Any) -> None:
        self.sent: list[Any] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.gone = asyncio.Event()
        self._parts = list(body or (b"",))
        headers = scope.pop("headers", [])
        request = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": b"",
            "headers": [(b"host", b"testserver"), *headers],
            **scope,
        }
        self.task = asyncio.create_task(handler(request, self._receive, self._send))

    async def _receive(self) -> Any:
        if self._parts and (part := self._parts.pop(0)) is not None:
            return {"type": "http.request", "body": part, "more_body": bool(self._parts)}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self.reads.wait()
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    async def answer(self) -> tuple[Any, ...]:
        """The status, the headers but those that differ in each answer, and the body."""
        await self.task
        start, *_ = self.sent
        headers = [(name, value) for name, value in start["headers"] if name.lower() != b"x-request-id"]
        return start["status"], headers, self.body


@pytest.fixture
def handler() -> ThreadedHandler:
    return ThreadedHandler(THREADS)


FORM = (b"content-type", b"application/x-www-form-urlencoded")
REQUESTS: list[dict[str, Any]] = [
    {"path": "/plain"},
    {"path": "/caf\u00e9/a b", "raw_path": b"/caf%C3%A9/a%20b"},
    {"path": "/a/%2F", "raw_path": b"/a/%252F"},
    {"path": "/q", "query_string": b"a=1&a=2&b=%C3%A9&c=%ff&d="},
    {"path": "/below/it", "root_path": "/below"},
    {"path": "/it", "root_path": "/caf\u00e9"},
    {"path": "/h", "headers": [(b"x-name", b"caf\xe9"), (b"x-name", b"twice"), (b"x-under_score", b"1")]},
    {"path": "/c", "headers": [(b"cookie", b"a=1; b=2"), (b"cookie", b"c=3")]},
    {"path": "/s", "scheme": "https", "server": ("192.0.2.1", 443), "client": ("198.51.100.7", 4711)},
    {"path": "/s", "server": ("/run/control.sock", None), "client": None},
    {"path": "/p", "headers": [(b"x-forwarded-proto", b"https"), (b"x-forwarded-for", b"203.0.113.9")]},
    {"path": "/f", "method": "POST", "headers": [FORM, (b"content-length", b"9")], "body": [b"a=1&", b"b=2&c"]},
    {"path": "/f", "method": "PUT", "body": [b"\xff\x00" * 40_000] * 3},
    {"path": "/f", "method": "BREW"},
    {"path": "/f", "headers": [(b"x-forwarded-host", b"elsewhere.example")]},
    {"path": "/host", "headers": [(b"host", b"elsewhere.example")]},
    {"path": "/head", "method": "HEAD"},
    {"path": "/empty"},
    {"path": "/fail"},
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request["path"])
def test_a_view_sees_and_answers_what_it_does_under_the_handler_of_django(
    request_: dict[str, Any], handler: ThreadedHandler
) -> None:
    scope = dict(request_)
    body, path_ = scope.pop("body", []), scope.pop("path")

    async def scenario() -> None:
        ours = await Client(handler, path_, *body, **scope).answer()
        theirs = await Client(ASGIHandler(), path_, *body, **scope).answer()
        if scope.get("method") == "HEAD":
            assert ours[2] == b"", "the server sends none, and warns of one"
            assert ours[:2] == theirs[:2]
        else:
            assert ours == theirs

    asyncio.run(scenario())


def test_a_fault_in_the_middle_of_a_stream_is_raised_and_the_answer_is_not_ended(handler: ThreadedHandler) -> None:
    async def scenario() -> None:
        client = Client(handler, "/broken")
        with pytest.raises(RuntimeError, match="a fault of the stream"):
            await client.task
        assert client.body == b"one"
        assert client.sent[-1]["more_body"] is True

    asyncio.run(scenario())


def test_a_part_of_a_stream_is_made_when_the_one_before_is_sent(handler: ThreadedHandler) -> None:
    async def scenario() -> None:
        client = Client(handler, "/stream")
        client.reads.clear()
        await until(lambda: stage.made)
        await asyncio.sleep(0.05)  # nothing to wait for: nothing may happen
        assert stage.made == [0]
        client.reads.set()
        await client.task
        assert client.body == b"".join(b"%d," % number for number in range(100))
        assert len(stage.threads) == 1, "all of it in one thread"

    asyncio.run(scenario())


@pytest.mark.parametrize("leaves", ["by hanging up", "by being cut off"])
def test_a_client_that_leaves_a_blocked_stream_frees_its_thread(leaves: str, handler: ThreadedHandler) -> None:
    seen: list[str] = []
    receivers = [
        (signal, lambda name=name, **_: seen.append(name))
        for name, signal in zip(SIGNALS, (request_started, request_finished), strict=True)
    ]
    for signal, receiver in receivers:
        signal.connect(receiver)

    async def scenario() -> None:
        stalled = [Client(handler, "/stream") for _ in range(THREADS)]
        for client in stalled:
            client.reads.clear()
        await until(lambda: len(stage.made) == THREADS)
        waiting = Client(handler, "/plain")
        for client in stalled:
            if leaves == "by hanging up":
                client.gone.set()
                with pytest.raises(Disconnected):
                    await asyncio.wait_for(client.task, 5)
            else:
                client.task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asyncio.wait_for(client.task, 5)
        assert stage.closed.is_set()
        assert len(stage.threads) == THREADS, "a stream is closed in its own thread"
        assert (await waiting.answer())[0] == 203
        assert stage.made == [0] * THREADS, "nothing more was made"

    asyncio.run(scenario())
    for signal, receiver in receivers:
        signal.disconnect(receiver)
    assert seen.count("request_started") == seen.count("request_finished") == THREADS + 1


def test_a_request_that_is_cancelled_lasts_until_its_thread_is_free(handler: ThreadedHandler) -> None:
    async def scenario() -> None:
        client = Client(handler, "/wait")
        await until(lambda: stage.inside == 1)
        for _ in range(3):
            client.task.cancel()
            await asyncio.sleep(0.02)
        assert not client.task.done()
        stage.go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(client.task, 5)
        assert stage.inside == 0
        assert client.sent == []

    asyncio.run(scenario())


def test_there_are_as_many_threads_as_places_however_many_come(handler: ThreadedHandler) -> None:
    async def scenario() -> None:
        clients = [Client(handler, "/wait") for _ in range(10 * THREADS)]
        await until(lambda: stage.inside == THREADS)
        stage.go_on.set()
        assert {(await client.answer())[2] for client in clients} == {b"done"}
        assert stage.most_inside == len(stage.threads) == THREADS

    asyncio.run(scenario())


def test_a_client_that_leaves_within_its_body_never_comes_to_django(handler: ThreadedHandler) -> None:
    async def scenario() -> None:
        client = Client(handler, "/wait", b"half", None)
        client.gone.set()
        with pytest.raises(Disconnected):
            await client.task
        assert stage.threads == set()

    asyncio.run(scenario())


def test_what_a_request_sets_for_itself_is_not_there_in_the_next() -> None:
    async def scenario() -> None:
        one_thread = ThreadedHandler(1)
        mark.set("of the server")
        answers = [await Client(one_thread, "/mark").answer() for _ in range(3)]
        assert [body for _, _, body in answers] == [b"of the server"] * 3

    asyncio.run(scenario())


@pytest.mark.django_db(transaction=True)
def test_the_connection_of_a_thread_is_given_back_when_its_request_ends() -> None:
    left: list[Any] = []

    async def scenario() -> None:
        one_thread = ThreadedHandler(1)
        assert (await Client(one_thread, "/query").answer())[2] == b"open"
        one_thread._threads.submit(lambda: left.append(connection.connection)).result()
        assert left == [None]

    asyncio.run(scenario())
