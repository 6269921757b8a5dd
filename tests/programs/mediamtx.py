"""MediaMTX: the section `paths` of its configuration, and what it asks a source for."""

import re

import yaml

from tests.programs import Refused, Request, go_url

DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322}


def sources(text: str) -> dict[str, str]:
    """The sources by their paths, as it starts with them."""
    config = yaml.safe_load(text)
    if set(config) != {"paths"}:
        raise Refused("json: unknown field")
    paths = config["paths"] or {}
    if len({"all", "all_others", "~^.*$"} & set(paths)) > 1:
        raise Refused("all_others, all and '~^.*$' are aliases")
    for name, path in paths.items():
        if set(path) - {"source", "sourceOnDemand"} or not isinstance(path["sourceOnDemand"], bool):
            raise Refused("a member that it does not know")
        if not isinstance(path["source"], str):
            raise Refused("a source that is no text")
        _check_name(name)
        _check_source(path["source"])
    return {name: path["source"] for name, path in paths.items()}


def request(source: str) -> Request:
    """What it asks for on behalf of a reader that sent no query."""
    address = source.replace("$MTX_QUERY", "")
    # gortsplib doubles the percent signs of a zone, in what it takes for the host.
    found = re.match(r"(.+?)://(.*?)@(.*?)/(.*)$", address)
    if found:
        host = found[3].replace("%25", "%").replace("%", "%25")
        address = f"{found[1]}://{found[2]}@{host}/{found[4]}"
    url = go_url.parse(address)
    host, port = go_url.host_and_port(url)
    login = None if url.user is None else (url.user, url.password or b"")
    return Request(url.scheme, host, port or DEFAULT_PORTS[url.scheme], login, url.tail)


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise Refused("a path that YAML reads as another type")
    if name in ("all", "all_others") or name.startswith("~"):
        raise Refused("a path that stands for others")
    if not re.fullmatch(r"[0-9a-zA-Z_\-/.]+", name) or name[0] == "/" or name[-1] == "/":
        raise Refused("invalid path name")
    if {".", ".."} & set(name.split("/")):
        raise Refused("a path with dot segments")


def _check_source(source: str) -> None:
    if not source.startswith(("rtsp://", "rtsps://")):
        raise Refused("invalid source")
    url = go_url.parse(re.sub(r"\$G[0-9]+", "abc", re.sub(r":\$G[0-9]+", ":1935", source)))
    if not url.host:
        raise Refused("is not a valid URL")
    if bool(url.user) != bool(url.password):
        raise Refused("username and password must be both provided")
    if re.search(r"\$G[0-9]|\$MTX_QUERY", source):
        raise Refused("a variable that is filled from the path or the query")
