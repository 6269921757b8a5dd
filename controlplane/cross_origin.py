"""Answers for pages of other origins (CORS), around everything that is served by an event loop.

In Django, django-cors-headers does the same by the same settings; this is for what does not come so far: endpoints
that are bare ASGI callables, and refusals in front of Django. No page may send a person's cookies along: it can do
no more than a program with the same token.
"""

import re

from django.conf import settings

from controlplane.bare_asgi import Application, Message, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]


def open_to_other_origins(inner: Application) -> Application:
    """The application in front of `inner` that answers preflights and names the origin that may read an answer.

    `inner` itself where CORS_ALLOWED_ORIGINS names none.
    """
    if not settings.CORS_ALLOWED_ORIGINS:
        return inner

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not re.match(settings.CORS_URLS_REGEX, scope["path"]):
            await inner(scope, receive, send)
            return
        sent = dict(scope["headers"])
        origin = sent.get(b"origin", b"").decode("latin-1")
        allowed = origin if origin in settings.CORS_ALLOWED_ORIGINS else ""
        if allowed and scope["method"] == "OPTIONS" and b"access-control-request-method" in sent:
            headers = [(b"content-length", b"0"), *_preflight_headers()]
            await send({"type": "http.response.start", "status": 200, "headers": _opened(headers, allowed)})
            await send({"type": "http.response.body", "body": b""})
            return

        async def opened(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _opened(message["headers"], allowed)}
            await send(message)

        await inner(scope, receive, opened)

    return application


def _preflight_headers() -> Headers:
    return [
        (b"access-control-allow-methods", ", ".join(settings.CORS_ALLOW_METHODS).encode()),
        (b"access-control-allow-headers", ", ".join(settings.CORS_ALLOW_HEADERS).encode()),
        (b"access-control-max-age", str(settings.CORS_PREFLIGHT_MAX_AGE).encode()),
    ]


def _opened(headers: Headers, allowed: str) -> Headers:
    """The headers with the origin that may read the answer, if one may; those of Django say so already."""
    names = {name.lower() for name, _ in headers}
    if b"access-control-allow-origin" in names:
        return headers
    varies = b", ".join(value for name, value in headers if name.lower() == b"vary")
    if b"origin" not in varies.lower():
        others = [(name, value) for name, value in headers if name.lower() != b"vary"]
        headers = [*others, (b"vary", b", ".join(filter(None, (varies, b"Origin"))))]
    if not allowed:
        return headers
    return [
        *headers,
        (b"access-control-allow-origin", allowed.encode("latin-1")),
        (b"access-control-expose-headers", ", ".join(settings.CORS_EXPOSE_HEADERS).encode()),
    ]
