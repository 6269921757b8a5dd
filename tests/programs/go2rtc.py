"""go2rtc: the section `streams` of its configuration, and what it asks a source for."""

import re
from typing import Any

import yaml

from tests.programs import Refused, Request, go_url


def streams(text: str, environment: dict[str, str] | None = None) -> dict[str, str]:
    """The sources by their streams, as it starts with them; variables are filled before the file is read."""

    def filled(match: re.Match[str]) -> str:
        name, colon, default = match[1].partition(":")
        return (environment or {}).get(name, default if colon else match[0])

    config = yaml.safe_load(re.sub(r"\$\{([^}{]+)\}", filled, text))
    if set(config) != {"streams"}:
        raise Refused("another section")
    return check_streams(config["streams"] or {})


def check_streams(section: dict[Any, Any]) -> dict[str, str]:
    for name, source in section.items():
        if not isinstance(name, str) or not name or re.search(r"[\s?#]", name):
            raise Refused("a name by which nobody can ask for the stream")
        if not isinstance(source, str) or not source.startswith(("rtsp:", "rtsps:")):
            raise Refused("streams: unsupported scheme")
        if re.search(r"\s", source) or "{input}" in source or "#" in source:
            raise Refused("a source that is read as something else")
    return section


def request(source: str) -> Request:
    url = go_url.parse(source)
    # It adds a port where there is no colon behind the first character, and always the same one.
    if ":" not in url.host[1:]:
        host, port = url.host, 554
    else:
        host, told = go_url.host_and_port(url)
        if told is None:
            raise Refused("dial tcp: missing port in address")
        port = told
    login = None if url.user is None else (url.user, url.password or b"")
    return Request(url.scheme, host, port, login, url.tail)
