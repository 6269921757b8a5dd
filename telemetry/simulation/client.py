"""How simulated workers use the service: by HTTP alone. What it cannot take now is sent again until it can.

Must not import models or anything else of the service.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog

from telemetry.simulation.tally import Tally

TIMEOUT_SECONDS = 10.0
MAX_CONNECTIONS = 64
MAX_PAUSE_SECONDS = 30.0
LATER = frozenset({429, 500, 502, 503, 504})

log = structlog.get_logger(__name__)


class SimulationFailed(Exception):
    """The simulation cannot go on; the text says why and what to do."""


def is_loopback(url: str) -> bool:
    """Whether a URL is one of http or https to this machine. Raises SimulationFailed for any other scheme."""
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise SimulationFailed("--url must be a URL of http or https, e.g. http://127.0.0.1:8000.")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def stops_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for so long, or until `stop` is set; returns whether it is."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        pass
    return stop.is_set()


class Client:
    """Reads with one token and posts with the other, until `stop` is set."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        url: str,
        *,
        token: str,
        read_token: str | None,
        stop: asyncio.Event,
        tally: Tally,
    ) -> None:
        self.http, self.url, self.token, self.read_token = http, url, token, read_token
        self.stop, self.tally = stop, tally
        self.away = False
        self.logged: set[int] = set()

    async def get(self, path: str) -> Any:
        """The JSON at a path, or None if the server has no answer now. Raises SimulationFailed."""
        headers = {"Authorization": f"Bearer {self.read_token}"}
        try:
            response = await self.http.get(path, headers=headers)
        except httpx.TransportError as error:
            self._log_silence(error)
            return None
        self._log_answer()
        if response.status_code in (401, 403):
            raise SimulationFailed(
                f"The token that lists the cameras is refused ({response.status_code}): give "
                "CONTROLPLANE_READ_TOKEN one of the role orchestrator."
            )
        if response.status_code != 200:
            return None
        try:
            return response.json()
        except ValueError:
            raise SimulationFailed(f"What answers at {self.url} is not the control plane.") from None

    async def place(self, placements: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Claim workers as an orchestrator does: what became of each, or nothing where that cannot be done now."""
        headers = {"Authorization": f"Bearer {self.read_token}"}
        try:
            response = await self.http.put("/placements", json=placements, headers=headers)
        except httpx.TransportError as error:
            self._log_silence(error)
            return []
        if response.status_code == 403 and response.status_code not in self.logged:
            self.logged.add(response.status_code)
            log.info("the token that lists cameras is not an orchestrator's; nothing is said of placements")
        return list(response.json()) if response.status_code == 200 else []

    async def post(self, path: str, content: Any) -> httpx.Response | None:
        """Post until an answer is final; None if the end comes before that. Raises SimulationFailed."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        body = json.dumps(content).encode()
        backoff = 0.5
        while True:
            pause = backoff
            try:
                response = await self.http.post(path, content=body, headers=headers)
            except httpx.TransportError as error:
                self._log_silence(error)
            else:
                self._log_answer()
                if response.status_code == 401:
                    raise SimulationFailed(
                        "The worker token is refused (401): it is unknown, expired or revoked. Make one with "
                        "`manage.py create_token NAME --role worker`."
                    )
                if response.status_code not in LATER:
                    return response
                pause = _retry_after(response) or backoff
            self.tally.retried += 1
            if await stops_within(self.stop, min(pause, MAX_PAUSE_SECONDS)):
                return None
            backoff = min(backoff * 2, MAX_PAUSE_SECONDS)

    def _log_silence(self, error: httpx.TransportError) -> None:
        if not self.away:
            self.away = True
            log.warning("the server does not answer; workers try again", reason=type(error).__name__)

    def _log_answer(self) -> None:
        if self.away:
            self.away = False
            log.info("the server answers again")

    def log_refusal(self, response: httpx.Response) -> None:
        """Log the first refusal of each status; the tally counts them all."""
        if response.status_code not in self.logged:
            self.logged.add(response.status_code)
            detail = str(members_of(response).get("detail", ""))[:200]
            log.warning("samples were refused", status=response.status_code, detail=detail)


@asynccontextmanager
async def open_client(
    url: str, *, token: str, read_token: str | None, stop: asyncio.Event, tally: Tally
) -> AsyncIterator[Client]:
    async with httpx.AsyncClient(
        base_url=url,
        timeout=TIMEOUT_SECONDS,
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS),
        trust_env=not is_loopback(url),  # a proxy cannot reach this machine's loopback
    ) as http:
        yield Client(http, url, token=token, read_token=read_token, stop=stop, tally=tally)


def members_of(response: httpx.Response) -> dict[str, Any]:
    try:
        members = response.json()
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None
