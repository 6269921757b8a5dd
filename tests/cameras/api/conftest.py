"""The endpoint of the change feed, without a server."""

from collections.abc import Iterator

import pytest

from cameras.api import stream, watch
from tests.asgi_client import AsgiClient


@pytest.fixture
def asgi(transactional_db: None) -> Iterator[AsgiClient]:
    client = AsgiClient(watch.application, watch.close_watch)
    yield client
    client.close()


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bookmarks, and with them the check of the principal, several times a second."""
    monkeypatch.setattr(stream, "BOOKMARK_SECONDS", 0.2)
