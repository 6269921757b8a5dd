"""How a request came: over TLS or in clear, and what of it a proxy may say. Around everything that is served.

TRUSTED_PROXIES alone decides whose `X-Forwarded-*` count: those of others are taken off before they are read, and
gunicorn itself believes nobody (`gunicorn.conf.py`).
"""

import re

from django.conf import settings

from controlplane.addresses import is_trusted_proxy
from controlplane.bare_asgi import Application, Message, Receive, Scope, Send, send_problem
from controlplane.problems import Problem

# Who watches asks a process directly, and so do balancers.
PROBES = re.compile(r"/(livez|readyz|metrics(/cameras)?)/?")
# A person who types the address is sent to https; a program is refused: its next token shall not go in clear.
PAGES = re.compile(r"/((admin|docs)(/.*)?)?")
_FORWARDED = (b"x-forwarded-", b"forwarded")

IN_CLEAR = Problem(
    400,
    "This came over plain http, which the service does not take. Use https; a token that was sent in clear may"
    " have been read: revoke it, and make another.",
)
NOT_BELIEVED = Problem(
    400,
    "This came over plain http, from an address that TRUSTED_PROXIES does not name, so that its X-Forwarded-Proto"
    " is not believed. Name the proxy that ends TLS there.",
)


def over_tls(inner: Application) -> Application:
    """The application in front of `inner` that gives it requests as they came.

    With BEHIND_TLS it refuses what came in clear, but for probes, and pages, which Django sends to https; and
    every answer over TLS has HSTS.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        scope, is_believed = _as_it_came(scope)
        if not settings.BEHIND_TLS:
            await inner(scope, receive, send)
        elif scope["scheme"] == "https":
            await inner(scope, receive, _with_hsts(send))
        elif PROBES.fullmatch(scope["path"]):
            await inner(scope, receive, send)
        elif not is_believed:
            await send_problem(send, NOT_BELIEVED)
        elif PAGES.fullmatch(scope["path"]) and not _has_token(scope):
            await inner(scope, receive, send)
        else:
            await send_problem(send, IN_CLEAR)

    return application


def _as_it_came(scope: Scope) -> tuple[Scope, bool]:
    """The request with the client's scheme, without what its peer may not say; False where that was https."""
    scheme = scope.get("scheme", "http")
    said = [(name, value) for name, value in scope["headers"] if name.startswith(_FORWARDED)]
    if not said:
        return {**scope, "scheme": scheme}, True
    # The last is what the proxy itself adds.
    protocols = b",".join(value for name, value in said if name == b"x-forwarded-proto").split(b",")
    claims_tls = protocols[-1].strip().lower() == b"https"
    client = scope.get("client") or ("", 0)
    if is_trusted_proxy(str(client[0])):
        return {**scope, "scheme": "https" if claims_tls else scheme}, True
    headers = [(name, value) for name, value in scope["headers"] if not name.startswith(_FORWARDED)]
    return {**scope, "scheme": scheme, "headers": headers}, not claims_tls


def _has_token(scope: Scope) -> bool:
    return b"authorization" in dict(scope["headers"])


def _with_hsts(send: Send) -> Send:
    value = f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains; preload".encode()

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [each for each in message["headers"] if each[0].lower() != b"strict-transport-security"]
            message = {**message, "headers": [*headers, (b"strict-transport-security", value)]}
        await send(message)

    return sending
