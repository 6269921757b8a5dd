"""What a client still sends of a body that was refused is taken in and forgotten, so that it can read why.

A server that closes a connection while its client sends resets it, and the answer may be lost with it. gunicorn
does so wherever the application has not taken the whole body.
"""

import asyncio
import contextlib

from controlplane.bare_asgi import Application, Message, Receive, Scope, Send

REFUSED_BODY_SECONDS = 2.0
REFUSED_BODY_BYTES = 16 * 1024 * 1024


def taking_in_refused_bodies(inner: Application) -> Application:
    """The application in front of `inner` that receives what `inner` has left of a body when it has answered.

    At most for REFUSED_BODY_SECONDS, and at most REFUSED_BODY_BYTES. A client that ends its body within them keeps
    its connection.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        ended = False

        async def watched() -> Message:
            nonlocal ended
            message = await receive()
            ended = not message.get("more_body")
            return message

        await inner(scope, watched, send)
        if scope["type"] == "http" and not ended:
            await _take_in(receive)

    return application


async def _take_in(receive: Receive) -> None:
    clock = asyncio.get_running_loop().time
    until, left = clock() + REFUSED_BODY_SECONDS, REFUSED_BODY_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(until):
            # The clock too: a part that comes in the moment of a cancellation hides it.
            while left > 0 and clock() < until:
                message = await receive()
                if not message.get("more_body"):
                    return
                left -= len(message["body"])
