"""Which servers DATABASE_URL names."""

from typing import Any

import pytest

from controlplane.databases import url as database_url

# What each URL says of the database: HOST, PORT, and the options that decide about the server.
URLS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "postgresql://u:p@a/db": ("a", "", {}),
    "postgresql://u:p@a:5433/db?target_session_attrs=any": ("a", 5433, {"target_session_attrs": "any"}),
    "postgresql://u:p@a:5432,b:5433/db": ("a,b", "5432,5433", {"target_session_attrs": "read-write"}),
    "postgresql://u:p@a,b:5433/db": ("a,b", "5432,5433", {"target_session_attrs": "read-write"}),
    "postgresql://u:p%2C@a,b,c/db?target_session_attrs=primary": (
        "a,b,c",
        "5432,5432,5432",
        {"target_session_attrs": "primary"},
    ),
    "postgresql://u:p@[::1]:5432,[fd00::2]/db": (
        "::1,fd00::2",
        "5432,5432",
        {"target_session_attrs": "read-write"},
    ),
    "postgresql://u:p,q@a:1/db": ("a", 1, {}),
    "postgresql:///db?host=a,b&port=1,2&user=u": (
        "",
        "",
        {"host": "a,b", "port": "1,2", "user": "u", "target_session_attrs": "read-write"},
    ),
    "postgresql:///db?host=a,b&port=1": (
        "",
        "",
        {"host": "a,b", "port": 1, "target_session_attrs": "read-write"},
    ),
    "postgresql:///db?host=/run/postgresql": ("", "", {"host": "/run/postgresql"}),
}


@pytest.mark.parametrize("url", URLS)
def test_hosts_are_read_in_both_forms_and_of_several_the_primary_is_wanted(url: str) -> None:
    database = database_url.read(url)

    assert (database["HOST"], database["PORT"], database["OPTIONS"]) == URLS[url]
    assert database["NAME"] == "db"


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("mysql://u@h/db", "must start with postgresql://"),
        ("postgresql://u:S3CRET@a:5432,b:port/db", "host 2"),
        ("postgresql://u:S3CRET@a:5432,b:65536/db", "host 2"),
        ("postgresql://u:S3CRET@a:5432,,c/db", "host 2"),
        ("postgresql://u:S3CRET@,b/db", "host 1"),
        ("postgresql://u:S3CRET@a:port/db", "is no URL"),
        ("postgresql:///db?host=a,b,c&port=1,2&password=S3CRET", "3 hosts and 2 ports"),
        ("postgresql:///db?host=a,,c&password=S3CRET", "empty host"),
        ("postgresql:///db?host=a,b&port=0&password=S3CRET", "from 1 to 65535"),
        ("postgresql://u:S3CRET@a,b/db?target_session_attrs=master", "target_session_attrs"),
    ],
)
def test_what_is_wrong_is_named_without_what_is_secret(url: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as caught:
        database_url.read(url)

    assert "S3CRET" not in str(caught.value)
