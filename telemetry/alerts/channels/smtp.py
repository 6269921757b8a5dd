"""Handing one e-mail to the mail server, with an answer for each address. Must not import models.

The server has the time that RFC 5321 gives it (4.5.3.2): who does not wait sends again what was taken. An address
is told only once the server has answered for the whole message. Where the line is lost before that, nobody can
know, and it is sent again under the same Message-ID.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import aiosmtplib
from django.conf import settings

from telemetry.alerts.results import AddressResult, AddressState

GREETING_SECONDS = 300.0
MAIL_SECONDS = 300.0
RCPT_SECONDS = 300.0
# The answer to DATA, the blocks of the message, and the answer after its end.
DATA_SECONDS = 120.0 + 180.0 + 600.0
GOODBYE_SECONDS = 1.0
MAX_WORDS = 120
# Too many recipients at once: RFC 5321, 4.5.3.1.10.
TOO_MANY = 552

Answers = dict[str, AddressResult]


async def hand_over(sender: str, recipients: Sequence[str], content: bytes) -> Answers:
    """What became of each address. Never raises for what the server does."""
    server = aiosmtplib.SMTP(
        hostname=settings.EMAIL_HOST,
        port=settings.EMAIL_PORT,
        username=settings.EMAIL_HOST_USER or None,
        password=settings.EMAIL_HOST_PASSWORD or None,
        use_tls=settings.EMAIL_SECURITY == "tls",
        start_tls=settings.EMAIL_SECURITY == "starttls",
        timeout=None,
    )
    answers: Answers = {}
    try:
        async with asyncio.timeout(GREETING_SECONDS):
            await server.connect()
        async with asyncio.timeout(MAIL_SECONDS):
            await server.mail(sender)
        for address in recipients:
            if answer := await _refusal_of(server, address):
                answers[address] = answer
        accepted = [address for address in recipients if address not in answers]
        if accepted:
            told = await _send_content(server, content)
            answers |= dict.fromkeys(accepted, told)
        with suppress(Exception):  # the e-mail is taken, whatever the answer to QUIT is
            async with asyncio.timeout(GOODBYE_SECONDS):
                await server.quit()
    except Exception as error:  # the log of deliveries says what went wrong
        deferred = AddressResult(AddressState.DEFERRED, _words(error))
        answers |= {address: deferred for address in recipients if address not in answers}
    finally:
        server.close()
    return answers


async def _refusal_of(server: aiosmtplib.SMTP, address: str) -> AddressResult | None:
    try:
        async with asyncio.timeout(RCPT_SECONDS):
            await server.rcpt(address)
    except aiosmtplib.SMTPRecipientRefused as error:
        return _judged(error)
    return None


async def _send_content(server: aiosmtplib.SMTP, content: bytes) -> AddressResult:
    try:
        async with asyncio.timeout(DATA_SECONDS):
            await server.data(content)
    except aiosmtplib.SMTPDataError as error:
        return _judged(error)
    return AddressResult(AddressState.TOLD)


def _judged(error: aiosmtplib.SMTPResponseException) -> AddressResult:
    for_good = error.code >= 500 and error.code != TOO_MANY
    return AddressResult(AddressState.REFUSED if for_good else AddressState.DEFERRED, _words(error))


def _words(error: Exception) -> str:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return " ".join(f"{error.code} {error.message}".split())[:MAX_WORDS]
    return type(error).__name__
