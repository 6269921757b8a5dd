"""DATABASE_URL: also with several hosts, in both forms that libpq takes.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS
"""

import re
from typing import Any
from urllib.parse import unquote

import dj_database_url

DEFAULT_PORT = "5432"
# Which of several servers is taken; `any` could be a standby, on which every change fails.
THE_PRIMARY = "read-write"
SESSION_KINDS = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")
_SEVERAL = re.compile(
    r"(?P<before>postgres(?:ql)?://(?:[^/?#]*@)?)(?P<hosts>[^/?#@]*,[^/?#@]*)(?P<after>[/?#].*|)"
)
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")


def read(url: str) -> dict[str, Any]:
    """The settings of a database for Django. Raises ValueError, in words that hold nothing of the URL's values."""
    if url.partition(":")[0] not in ("postgres", "postgresql", "sqlite"):
        raise ValueError("must start with postgresql:// or sqlite:///")
    hosts: list[tuple[str, str]] = []
    if several := _SEVERAL.fullmatch(url):
        hosts = [_host_in(text, number) for number, text in enumerate(several["hosts"].split(","), start=1)]
        url = f"{several['before']}{several['hosts'].partition(',')[0]}{several['after']}"
    try:
        database: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError:
        raise ValueError(
            "is no URL; in a password all but letters and digits is written as %XX, and a port is at most 65535"
        ) from None
    options = database.setdefault("OPTIONS", {})
    if hosts:
        database["HOST"], database["PORT"] = (",".join(parts) for parts in zip(*hosts, strict=True))
    elif "," in options.get("host", ""):
        _check_lists(options)
    kind = options.get("target_session_attrs")
    if kind is not None and kind not in SESSION_KINDS:
        raise ValueError(f"has a target_session_attrs that is none of {', '.join(SESSION_KINDS)}")
    if kind is None and "," in (database.get("HOST") or options.get("host", "")):
        options["target_session_attrs"] = THE_PRIMARY
    return database


def _host_in(text: str, number: int) -> tuple[str, str]:
    found = _HOST.fullmatch(text)
    if not found or not 1 <= int(found["port"] or DEFAULT_PORT) <= 65_535:
        raise ValueError(f"has a host {number} that is not such as db-1.example.com, db-1:5432 or [::1]:5432")
    return unquote(found["host"].strip("[]")), found["port"] or DEFAULT_PORT


def _check_lists(options: dict[str, Any]) -> None:
    """One port is for all hosts, else there is one for each."""
    hosts, ports = options["host"].split(","), str(options.get("port", DEFAULT_PORT)).split(",")
    if not all(hosts):
        raise ValueError("has an empty host in its list of hosts")
    if len(ports) not in (1, len(hosts)):
        raise ValueError(f"has {len(hosts)} hosts and {len(ports)} ports; give one port for all, or one for each")
    if not all(port.isdigit() and 1 <= int(port) <= 65_535 for port in ports):
        raise ValueError("has a port that is not from 1 to 65535")
