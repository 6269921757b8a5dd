"""Posting to a URL. Whatever a receiver does, an attempt ends in bounded time with bounded memory.

Must not import models: it neither knows where a message comes from nor what becomes of it.
"""

import asyncio
import re
import ssl
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import NamedTuple

import httpx
import structlog

from telemetry.alerts.channels import destinations
from telemetry.alerts.channels.destinations import Destination, RefusedDestination
from telemetry.alerts.results import Result

TOTAL_SECONDS = 10.0
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 2.0
MAX_ANSWER = 16 * 1024
USER_AGENT = "controlplane-webhooks/1"

log = structlog.get_logger(__name__)


class Message(NamedTuple):
    """What is posted, and where to."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    accepted: Collection[int] | None = None
    """The answers that mean success; None for any 2xx."""


async def post(message: Message) -> Result:
    """Post once; returns what became of it. Never raises for the receiver."""
    try:
        async with asyncio.timeout(TOTAL_SECONDS) as deadline:
            return await _post(message, deadline)
    except RefusedDestination as error:
        return Result(f"Refused: {error}")
    except TimeoutError:
        return Result(f"No whole answer within {TOTAL_SECONDS:.0f} seconds.")
    except httpx.TimeoutException:
        return Result(f"No connection within {CONNECT_SECONDS:.0f} seconds.")
    except ssl.SSLError:
        return Result("TLS failed: the certificate is not valid for this host, or the receiver speaks no TLS.")
    except httpx.HTTPError as error:
        if isinstance(error.__context__, ssl.SSLError) or "CERTIFICATE" in str(error).upper():
            return Result("TLS failed: the certificate is not valid for this host, or the receiver speaks no TLS.")
        return Result(f"The connection failed ({type(error).__name__}).")
    except OSError as error:
        return Result(f"The host's name has no address ({type(error).__name__}).")
    except Exception as error:  # one message that cannot be sent must not keep others from it
        log.exception("webhook could not be sent", exception_type=type(error).__name__)
        return Result(f"It could not be sent ({type(error).__name__}); the log says more.")


async def _post(message: Message, deadline: asyncio.Timeout) -> Result:
    destination = destinations.read_url(message.url)
    *others, last = await asyncio.to_thread(destinations.addresses_of, destination)
    for address in others:
        with suppress(httpx.ConnectError, httpx.ConnectTimeout):  # nothing was sent: another may be reached
            return await _post_to(address, destination, message, deadline)
    return await _post_to(last, destination, message, deadline)


async def _post_to(address: str, destination: Destination, message: Message, deadline: asyncio.Timeout) -> Result:
    # The address that was checked, so that a name cannot point elsewhere meanwhile; the certificate is still
    # that of the name. No proxy of the environment, which would look the name up by itself.
    host = f"[{address}]" if ":" in address else address
    url = httpx.URL(f"{destination.scheme}://{host}:{destination.port}{destination.target}")
    headers = {
        **message.headers,
        "Host": destination.authority,
        "User-Agent": USER_AGENT,
        "Accept-Encoding": "identity",
    }
    timeout = httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS)
    async with httpx.AsyncClient(verify=_trusted(), trust_env=False, timeout=timeout) as client:
        request = client.build_request(
            "POST", url, headers=headers, content=message.body, extensions={"sni_hostname": destination.host}
        )
        response = await client.send(request, stream=True, follow_redirects=False)
        deadline.reschedule(None)
        try:
            return await _fault_of(response, message.accepted)
        finally:
            await response.aclose()


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that httpx trusts; SSL_CERT_FILE names another file of them. Read once: it takes a while."""
    return httpx.create_ssl_context()


async def _fault_of(response: httpx.Response, accepted: Collection[int] | None) -> Result:
    length = 0
    # What counts is the status: an answer that breaks off or has no end is no reason to repeat.
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(ANSWER_SECONDS):
            async for chunk in response.aiter_raw():
                length += len(chunk)
                if length > MAX_ANSWER:
                    break
    if response.is_success and (accepted is None or response.status_code in accepted):
        return Result()
    if response.is_redirect:
        return Result(f"Answered {response.status_code}; redirects are not followed.")
    if response.status_code == httpx.codes.GONE:
        return Result("Answered 410: it is gone, and asks never to be called again.", is_final=True, is_gone=True)
    return Result(
        f"Answered {response.status_code}.", wait=_asked_to_wait(response.headers.get("Retry-After", ""))
    )


def _asked_to_wait(text: str) -> timedelta:
    """What Retry-After says, in seconds or as a date (RFC 9110, 10.2.3); nothing where it says neither."""
    if re.fullmatch(r"[0-9]{1,9}", text):
        return timedelta(seconds=int(text))
    try:
        return max(timedelta(), parsedate_to_datetime(text) - datetime.now(UTC))
    except (TypeError, ValueError, OverflowError):
        return timedelta()
