"""What a restored database must hold, and what its watchers are told."""

import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet

from tests.faults.ledger import Event, Ledger, SampleKey
from tests.faults.service import Fleet, Service
from tests.processes import Failure, output_of, service_environment

Acknowledged = dict[SampleKey, Event]


def check_rows(connection: Any, ledger: Ledger, before: Acknowledged, stored: set[SampleKey]) -> None:
    """All that was acknowledged before the copy, nothing that was never sent, and counters of that moment."""
    missing, unknown = before.keys() - stored, stored - ledger.acknowledged.keys()
    assert not missing, f"{len(missing)} of {len(before)} events from before the copy are lost"
    assert not unknown, f"{len(unknown)} events were never sent"
    held = Ledger(ledger.cameras)
    held.acknowledge([ledger.acknowledged[key] for key in stored], accepted=len(stored), duplicates=0)
    if connection is not None:
        held.check(connection)


def restore_check(url: str, *arguments: str, **settings: str) -> str:
    """What the command prints. Raises Failure with it where it finds something wrong."""
    command = [sys.executable, "manage.py", "restore_check", *arguments]
    return output_of(command, timeout=60, env={**service_environment(url), **settings})


def check_wrong_key(url: str) -> None:
    """Another key is named, and begins no epoch."""
    with pytest.raises(Failure, match=r"WRONG keys: FIELD_ENCRYPTION_KEYS opens 0 of 20 connection strings"):
        restore_check(url, FIELD_ENCRYPTION_KEYS=Fernet.generate_key().decode())


def check_command(url: str) -> None:
    """It finds nothing wrong, and begins an epoch."""
    text = restore_check(url)
    assert "WRONG" not in text
    assert "20 cameras, 20 vitals" in text
    assert "older cursors are answered with 410" in text


def cursor_of(service: Service, fleet: Fleet) -> str:
    headers = {"Authorization": f"Bearer {fleet.tokens['viewer']}"}
    return httpx.get(f"{service.url}/cameras?limit=1", headers=headers, timeout=10).headers["x-cursor"]


def check_watchers(folder: Path, url: str, fleet: Fleet, cursor: str) -> None:
    """The service runs on it; a cursor of before is gone, one of now is not."""
    headers = {"Authorization": f"Bearer {fleet.tokens['viewer']}"}
    with Service(folder, url, processes=1) as service:
        answers = [
            httpx.get(f"{service.url}/cameras/changes?since={place}", headers=headers, timeout=10).status_code
            for place in (cursor, cursor_of(service, fleet))
        ]
        assert answers == [410, 200]
        assert service.logged_errors() == []
