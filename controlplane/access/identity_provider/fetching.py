"""Asking a provider over HTTP: whatever it does, all of it together ends in bounded time with bounded memory."""

import asyncio
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any, Self, TypeVar

import httpx

from controlplane.access.identity_provider.faults import AnswerRefused, ProviderAway, ProviderFault

TOTAL_SECONDS = 4.0
MAX_ANSWER = 512 * 1024
# Each holds one of the places in Django for so long: a provider that hangs leaves the others to everybody else.
MOST_AT_ONE_TIME = 4
USER_AGENT = "controlplane-sign-in/1"

Answer = TypeVar("Answer")
_places = threading.BoundedSemaphore(MOST_AT_ONE_TIME)


class Fetcher:
    """Asks for JSON objects, each within MAX_ANSWER. Redirects are not followed, and no proxy is asked."""

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(
            verify=_trusted(),
            trust_env=False,
            timeout=TOTAL_SECONDS,
            follow_redirects=False,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"},
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._client.__aexit__(*error)

    async def get(self, what: str, url: str) -> dict[str, Any]:
        """The object at an address; `what` it is stands in causes. Raises ProviderFault."""
        return await self._ask(what, "GET", url)

    async def post(self, what: str, url: str, form: Mapping[str, str], auth: Any = None) -> dict[str, Any]:
        """What a form is answered by. Raises ProviderFault."""
        return await self._ask(what, "POST", url, data=form, auth=auth)

    async def _ask(self, what: str, method: str, url: str, **content: Any) -> dict[str, Any]:
        try:
            async with self._client.stream(method, url, **content) as response:
                body = await _body_of(what, response)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise ProviderAway(f"the {what} could not be reached ({type(error).__name__})") from None
        if response.is_success:
            return _object_in(what, body)
        if 400 <= response.status_code < 500:
            raise AnswerRefused(f"the {what} answered {response.status_code}{_code_in(body)}")
        raise ProviderAway(f"the {what} answered {response.status_code}; redirects are not followed")


def within_time(work: Callable[[Fetcher], Awaitable[Answer]]) -> Answer:
    """What the work comes to, which may ask several times. Raises ProviderFault, within TOTAL_SECONDS.

    For a thread without an event loop.
    """
    if not _places.acquire(blocking=False):
        raise ProviderAway(f"{MOST_AT_ONE_TIME} sign-ins wait for the provider already")
    # Not asyncio.run, which would wait for a name that is still being looked up.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_within_time(work))
    finally:
        loop.close()
        _places.release()


async def _within_time(work: Callable[[Fetcher], Awaitable[Answer]]) -> Answer:
    try:
        async with asyncio.timeout(TOTAL_SECONDS), Fetcher() as fetcher:
            return await work(fetcher)
    except TimeoutError:
        raise ProviderAway(f"no whole answer within {TOTAL_SECONDS:.0f} seconds") from None


async def _body_of(what: str, response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise AnswerRefused(f"the answer of the {what} has more than {MAX_ANSWER} bytes")
    return bytes(body)


def _object_in(what: str, body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise AnswerRefused(f"the answer of the {what} is no JSON object")
    return value


def _code_in(body: bytes) -> str:
    """The code of an error by RFC 6749, which says nothing of the request."""
    try:
        code = _object_in("", body).get("error")
    except ProviderFault:
        return ""
    known = isinstance(code, str) and len(code) <= 40 and code.isascii() and code.replace("_", "").isalpha()
    return f" ({code})" if known else ""


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that httpx trusts; SSL_CERT_FILE names another file of them. Read once: it takes a while."""
    return httpx.create_ssl_context()
