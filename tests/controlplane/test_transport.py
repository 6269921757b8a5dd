"""What may come over plain http, whom the service believes about it, and what every answer over TLS says."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.faults.service import Fleet, Service, make_fleet

pytestmark = pytest.mark.once

PROXY, STRANGER = "127.0.0.9", "127.0.0.10"
HSTS = "max-age=31536000; includeSubDomains; preload"

#: a path of each kind of endpoint, and what a viewer's token is answered there over TLS and in clear
WITH_A_TOKEN = [
    ("GET", "/cameras", 200, 400),
    ("GET", "/cameras/changes", 200, 400),
    ("POST", "/telemetry", 403, 400),
    ("POST", "/tokens", 403, 400),
    ("GET", "/nothing-here", 404, 400),
    ("GET", "/docs", 200, 400),
    ("GET", "/admin/account/login/", 200, 400),
    ("GET", "/static/controlplane/admin.css", 200, 400),
    ("GET", "/livez", 200, 200),
    ("GET", "/readyz", 200, 200),
    ("GET", "/metrics", 200, 200),
    ("GET", "/metrics/cameras", 200, 200),
]
#: the same without a token: pages lead to https, programs are told
WITHOUT = [
    ("GET", "/", 302, 301),
    ("GET", "/admin/account/login/", 200, 301),
    ("GET", "/docs", 401, 301),
    ("GET", "/cameras", 401, 400),
    ("POST", "/telemetry", 401, 400),
    ("GET", "/cameras/changes", 401, 400),
    ("GET", "/static/controlplane/admin.css", 200, 400),
    ("GET", "/livez", 200, 200),
    ("GET", "/readyz", 200, 200),
    ("GET", "/metrics", 401, 401),
    ("GET", "/metrics/cameras", 401, 401),
]


class Running:
    def __init__(self, service: Service, fleet: Fleet) -> None:
        self.service, self.fleet = service, fleet

    def ask(self, method: str, path: str, source: str, role: str = "", **headers: str) -> httpx.Response:
        if role:
            headers["Authorization"] = f"Bearer {self.fleet.tokens[role]}"
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        with httpx.Client(transport=httpx.HTTPTransport(local_address=source)) as client:
            return client.request(method, f"{self.service.url}{path}", headers=headers)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service as in production, behind a proxy that ends TLS."""
    folder = tmp_path_factory.mktemp("secure")
    database_url = f"sqlite:///{folder / 'service.sqlite3'}"
    fleet = make_fleet(database_url, cameras=1)
    settings = {"BEHIND_TLS": "1", "METRICS_CAMERAS": "1", "TRUSTED_PROXIES": PROXY, "LOG_LEVEL": "INFO"}
    with Service(folder, database_url, settings=settings) as service:
        yield Running(service, fleet)
        assert service.logged_errors() == []


@pytest.mark.parametrize(
    ("role", "rows"), [("viewer", WITH_A_TOKEN), ("", WITHOUT)], ids=["with a token", "without"]
)
def test_no_token_is_taken_in_clear_but_by_probes_and_every_answer_over_tls_has_hsts_and_nosniff(
    running: Running, role: str, rows: list[Any]
) -> None:
    for method, path, over_tls, in_clear in rows:
        secure = running.ask(method, path, PROXY, role, X_Forwarded_Proto="https")
        plain = [
            running.ask(method, path, PROXY, role, X_Forwarded_Proto="http"),
            running.ask(method, path, PROXY, role),
            running.ask(method, path, STRANGER, role),
        ]

        assert (secure.status_code, secure.headers.get("strict-transport-security")) == (over_tls, HSTS), path
        assert secure.headers["x-content-type-options"] == "nosniff", path
        assert [answer.status_code for answer in plain] == [in_clear] * 3, path
        assert not any("strict-transport-security" in answer.headers for answer in plain), "RFC 6797, section 7.2"
        for answer in plain:
            if in_clear == 301:
                assert answer.headers["location"] == f"https://127.0.0.1:{running.service.port}{path}"
            if in_clear == 400:
                assert answer.headers["content-type"] == "application/problem+json"
                assert "Use https" in answer.json()["detail"]


def test_nobody_else_is_believed_about_tls_and_the_answer_says_which_setting_decides(running: Running) -> None:
    for method, path, _over_tls, in_clear in (*WITH_A_TOKEN, *WITHOUT):
        answer = running.ask(method, path, STRANGER, "viewer", X_Forwarded_Proto="https")

        if in_clear in (200, 401):
            assert answer.status_code == 200, path
        else:
            assert answer.status_code == 400, path
            assert "TRUSTED_PROXIES" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("protocol", "status"), [("https", 200), ("HTTPS", 200), ("http, https", 200), ("https, http", 400), ("", 400)]
)
def test_the_proxy_s_own_word_is_the_last(running: Running, protocol: str, status: int) -> None:
    assert running.ask("GET", "/cameras", PROXY, "viewer", X_Forwarded_Proto=protocol).status_code == status


def test_cookies_are_of_this_host_alone(running: Running) -> None:
    page = running.ask("GET", "/admin/account/login/", PROXY, X_Forwarded_Proto="https")

    (cookie,) = page.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-csrftoken=")
    assert "; Secure" in cookie
    assert "; Path=/;" in cookie
    assert "Domain" not in cookie


def test_the_log_names_the_address_that_the_proxy_forwards_and_no_other(running: Running) -> None:
    running.ask("GET", "/sites", PROXY, "viewer", X_Forwarded_Proto="https", X_Forwarded_For="203.0.113.9")
    running.ask("GET", "/metrics", STRANGER, "viewer", X_Forwarded_For="203.0.113.9")

    lines = [json.loads(line) for line in running.service.log.read_text().splitlines() if line.startswith("{")]
    asked = {line["route"]: line for line in lines if line.get("event") == "request"}
    assert asked["sites"]["address"] == "203.0.113.9"
    assert asked["metrics"]["address"] == STRANGER
    assert asked["metrics"]["principal"].startswith("token:")
    assert not any(line.get("route", "").startswith("telemetry") for line in asked.values())
