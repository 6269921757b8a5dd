"""Two event loops that accept from one socket, as two worker processes do."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from controlplane.server.listening import FEW, Listener, listen_in_turns
from tests.waiting import wait_until


class Loop:
    """An event loop in a thread of its own, and the connections that it got."""

    def __init__(self, listening: socket.socket) -> None:
        self.opened: list[asyncio.BaseTransport] = []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self.run(self._serve(listening.dup()))

    async def _serve(self, listening: socket.socket) -> Listener:
        opened = self.opened

        class Protocol(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                opened.append(transport)

        listen_in_turns(self.loop, Protocol, self.opened)
        server = await self.loop.create_server(asyncio.Protocol, sock=listening)
        assert isinstance(server, Listener)
        return server

    def run(self, work):  # type: ignore[no-untyped-def]
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=10)

    async def _close(self) -> None:
        self.server.close()
        await self.server.wait_closed()
        for transport in self.opened:
            transport.abort()  # type: ignore[attr-defined]

    def close(self) -> None:
        self.run(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=10)
        self.loop.close()


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=200) as server:
        yield server


def connect(listening: socket.socket) -> socket.socket:
    return socket.create_connection(listening.getsockname(), timeout=10)


def test_a_few_connections_are_shared_out(listening: socket.socket) -> None:
    loops = [Loop(listening), Loop(listening)]
    clients = [connect(listening) for _ in range(FEW - 2)]
    try:
        wait_until(lambda: sum(len(loop.opened) for loop in loops) == len(clients))

        assert min(len(loop.opened) for loop in loops) >= 2
    finally:
        for client in clients:
            client.close()
        for loop in loops:
            loop.close()


def test_many_connections_are_all_accepted_and_none_after_the_close(listening: socket.socket) -> None:
    loop = Loop(listening)
    clients = [connect(listening) for _ in range(150)]
    try:
        wait_until(lambda: len(loop.opened) == 150)
    finally:
        for client in clients:
            client.close()
        loop.close()

    with connect(listening) as late:
        late.settimeout(0.2)
        with pytest.raises(TimeoutError):
            late.recv(1)
    assert len(loop.opened) == 150
