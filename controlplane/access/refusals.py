"""Refusals (403) of people and machines in the audit trail: a few of each, and then how many more there were."""

import asyncio
from datetime import datetime

import structlog
from django.db import connection
from django.utils import timezone

from controlplane.access import audit
from controlplane.access.allowance import Allowance
from controlplane.access.principals import Author, Principal
from controlplane.addresses import Source
from controlplane.problems import DATABASE_AWAY

# In ten minutes of one process: of each principal (of each address, for nobody), and in all.
allowance = Allowance(each=20, in_all=500)

log = structlog.get_logger(__name__)


def record_refusal(principal: Principal, source: Source, endpoint: str, via: str = "api") -> None:
    """Write that somebody may not do this: a method and the route.

    The answer stands, also where it cannot be written because the database is away.
    """
    mentioned = allowance.take(principal.id or source.address)
    if mentioned is not None:
        _write(principal.author(via, source), timezone.now(), endpoint, mentioned)


async def record_refusal_in_loop(principal: Principal, source: Source, endpoint: str) -> None:
    """The same, in an event loop: a thread writes."""
    mentioned = allowance.take(principal.id or source.address)
    if mentioned is not None:
        author = principal.author("api", source)
        await asyncio.to_thread(_write_and_close, author, timezone.now(), endpoint, mentioned)


def _write(by: Author, now: datetime, endpoint: str, mentioned: list[str]) -> None:
    # A path may hold anything, also what a database refuses.
    shown = "".join(char if char.isprintable() else "?" for char in endpoint)
    try:
        audit.record(
            by=by,
            now=now,
            action="request.refused",
            object_type="endpoint",
            object_id=shown[:64],
            object_name=shown[:200],
            fields=mentioned,
        )
    except DATABASE_AWAY as error:
        log.warning("a refusal is not in the audit trail", reason=type(error).__name__)


def _write_and_close(by: Author, now: datetime, endpoint: str, mentioned: list[str]) -> None:
    try:
        _write(by, now, endpoint, mentioned)
    finally:
        connection.close()
