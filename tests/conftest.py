"""Personas and the ground that every test stands on. Sockets beyond loopback are refused."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection

from controlplane.access import tokens
from controlplane.access.passwords import PatientHasher
from tests.factories import ApiClient, make_site, make_token

_connect = socket.socket.connect


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long", action="store_true", help="faults with their full numbers; ten minutes for tests/faults"
    )


def _connect_to_loopback(self: socket.socket, address: Any) -> Any:
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise AssertionError(f"A test tried to reach {address!r}; only loopback is allowed.")
    return _connect(self, address)


@pytest.fixture(scope="session", autouse=True)
def _no_outside() -> Iterator[None]:
    socket.socket.connect = _connect_to_loopback  # type: ignore[method-assign]
    yield
    socket.socket.connect = _connect  # type: ignore[method-assign]


@pytest.fixture(scope="session", autouse=True)
def _quick_hashes() -> None:
    """A password takes its time to be checked; so does every person that a test makes. Not where it is measured."""
    PatientHasher.iterations = 1_000


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite in a file and not in memory: threads and processes of a test share it, as in life."""
    if connection.vendor == "sqlite":
        file = tmp_path_factory.mktemp("database") / "tests.sqlite3"
        connection.settings_dict["TEST"]["NAME"] = str(file)


@pytest.fixture(autouse=True)
def _forget_tokens() -> None:
    tokens.memory.__init__()  # type: ignore[misc]


@pytest.fixture(autouse=True)
def _forget_attempts() -> None:
    """How often somebody asked for a new password by mail is counted there."""
    cache.clear()


@pytest.fixture
def administrator(db: None) -> ApiClient:
    return ApiClient(make_token("administrator"))


@pytest.fixture
def operator(db: None) -> ApiClient:
    return ApiClient(make_token("operator"))


@pytest.fixture
def operator_elsewhere(db: None) -> ApiClient:
    """An operator who is bound to a site of its own."""
    return ApiClient(make_token("operator", make_site("Elsewhere")))


@pytest.fixture
def viewer(db: None) -> ApiClient:
    return ApiClient(make_token("viewer"))


@pytest.fixture
def orchestrator(db: None) -> ApiClient:
    return ApiClient(make_token("orchestrator"))


@pytest.fixture
def worker(db: None) -> ApiClient:
    return ApiClient(make_token("worker"))


@pytest.fixture
def anonymous() -> ApiClient:
    return ApiClient()
