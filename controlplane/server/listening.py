"""Accepting connections in turns, so that a few busy clients do not all end up with one worker process.

An event loop by itself accepts whatever waits at once: the first worker to wake takes all of it, and keeps it for
as long as the connections are kept alive. Of eight connections, one worker of two got all eight most of the time.

gunicorn's option `reuse_port` shares them out as well, and was tried instead: connections then wait at a worker
that is still loading, while others are idle; and a second service starts on the same port without a word. A proxy
cannot choose among processes that share a port.
"""

import asyncio
import socket
from collections.abc import Callable, Sized
from typing import Any

# A process that has accepted a connection leaves the next to the others. Where there are many connections, chance
# shares them out evenly enough.
TURN_SECONDS = 0.001
FEW = 16
AT_ONCE = 64
# The pause where a connection cannot be accepted, such as without a free file; connections that wait are not lost.
FAULT_SECONDS = 0.5


class Listener:
    """Accepts from one socket until it is closed; replaces the server that `loop.create_server` returns."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        sock: socket.socket,
        ssl: Any,
        opened: Sized,
    ) -> None:
        self._loop, self._sock, self._opened = loop, sock, opened
        self._protocol_factory, self._ssl = protocol_factory, ssl
        self._closed = False
        self._beginnings: set[asyncio.Task[Any]] = set()
        self._listen()

    def close(self) -> None:
        """Accept no more; accepted connections stay. When the last process has closed, new ones are refused."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._sock)
            self._sock.close()

    async def wait_closed(self) -> None:
        """Until what was accepted last has begun."""
        if self._beginnings:
            await asyncio.wait(self._beginnings)

    def _listen(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._sock, self._accept)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._sock)
        self._loop.call_later(seconds, self._listen)

    def _accept(self) -> None:
        few = len(self._opened) < FEW
        try:
            for _ in range(1 if few else AT_ONCE):
                connection, _ = self._sock.accept()
                self._begin(connection)
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was quicker, or the client has gone
        except OSError:
            self._pause(FAULT_SECONDS)
            return
        if few:
            self._pause(TURN_SECONDS)

    def _begin(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        beginning = self._loop.create_task(
            self._loop.connect_accepted_socket(self._protocol_factory, connection, ssl=self._ssl)
        )
        self._beginnings.add(beginning)
        beginning.add_done_callback(self._begun)

    def _begun(self, beginning: asyncio.Task[Any]) -> None:
        self._beginnings.discard(beginning)
        if not beginning.cancelled():
            beginning.exception()  # a handshake that failed is nobody's fault here


def listen_in_turns(loop: Any, protocol_factory: Callable[[], asyncio.BaseProtocol], opened: Sized) -> None:
    """Have `loop` serve by a Listener and by protocols of this factory, whatever it is asked for.

    `opened` are the connections of this process.
    """

    async def create_server(_factory: Any, *, sock: socket.socket, ssl: Any = None, **_: Any) -> Listener:
        sock.setblocking(False)
        return Listener(loop, protocol_factory, sock, ssl, opened)

    loop.create_server = create_server
