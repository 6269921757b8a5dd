"""The files of deploy/prometheus and deploy/grafana, with Debian's Prometheus."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from django.core.management import call_command
from django.utils import timezone

from tests.factories import make_camera, make_site, make_token
from tests.faults.service import Service
from tests.manage_process import database_url
from tests.processes import ROOT, Failure
from tests.prometheus import FILES, Prometheus, needs_prometheus, promtool

pytestmark = [pytest.mark.once, needs_prometheus]
RULES = yaml.safe_load((FILES / "rules.yml").read_text())["groups"][0]["rules"]

# Of a service that has just begun, and where nothing is wrong.
NOTHING_TO_SHOW = {"Growth a day", "Should run and are not up: time since the last contact"}


def queries_of_dashboards() -> Iterator[tuple[str, str]]:
    """Each query of each panel, with the panel's title; of all sites."""
    for file in sorted((ROOT / "deploy" / "grafana").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                assert target["datasource"]["uid"] == "${source}"
                yield panel["title"], target["expr"].replace("$site", ".*")


def test_promtool_takes_the_rules_and_the_configuration_and_each_alert_fires_when_its_tests_say() -> None:
    promtool("check", "rules", FILES / "rules.yml")
    promtool("check", "config", "--syntax-only", FILES / "prometheus.yml")
    promtool("test", "rules", FILES / "rules.test.yml")

    tests = yaml.safe_load((FILES / "rules.test.yml").read_text())["tests"]
    fired = {
        case["alertname"] for test in tests for case in test.get("alert_rule_test", ()) if case.get("exp_alerts")
    }
    assert fired == {rule["alert"] for rule in RULES}


def test_the_rules_read_metrics_that_there_are_and_the_page_says_what_to_do_for_each() -> None:
    code = " ".join(
        path.read_text() for app in ("controlplane", "cameras", "telemetry") for path in (ROOT / app).rglob("*.py")
    )
    page = (ROOT / "docs" / "operations" / "monitoring.md").read_text()
    read = {name for rule in RULES for name in re.findall(r"controlplane_\w+", rule["expr"])}

    assert sorted(name for name in read if f'"{name}"' not in code) == []
    assert [rule["alert"] for rule in RULES if f"| `{rule['alert']}` |" not in page] == []


@pytest.mark.django_db(transaction=True)
def test_prometheus_asks_the_service_and_every_query_of_the_dashboards_shows_something(tmp_path: Path) -> None:
    camera = make_camera('Gate "A" \\', site=make_site("North"), desired_state="running")
    token, worker = make_token("viewer"), {"Authorization": f"Bearer {make_token('worker')}"}
    call_command("maintain", "--once")
    settings = {"METRICS_CAMERAS": "1"}
    sample = {"timestamp": timezone.now().isoformat(), "occupancy": 3, "confidence": 0.9}
    with (
        Service(tmp_path, database_url(), processes=1, settings=settings) as service,
        Prometheus(tmp_path, f"127.0.0.1:{service.port}", token) as prometheus,
    ):
        assert httpx.post(f"{service.url}/telemetry/{camera.pk}", json=sample, headers=worker).status_code == 201
        prometheus.wait_until(lambda: len(prometheus.query("up == 1")) == 2)
        prometheus.wait_until(lambda: prometheus.query("controlplane_camera_occupancy == 3"))
        empty = {query: title for title, query in queries_of_dashboards()}

        def show_something() -> bool:
            for query in list(empty):
                if prometheus.query(query):
                    del empty[query]
            return set(empty.values()) <= NOTHING_TO_SHOW

        try:
            prometheus.wait_until(show_something)
        except Failure as failure:
            raise AssertionError(empty) from failure
        (up,) = prometheus.query("controlplane_camera_up")
        alerts = {one["labels"]["alertname"] for one in prometheus.ask("alerts")["alerts"]}
        ready = prometheus.query("controlplane_ready == 1")

    assert (up["metric"]["camera"], up["metric"]["name"], up["metric"]["site"]) == (
        str(camera.pk), camera.name, "North",
    )  # fmt: skip
    assert {one["metric"]["check"] for one in ready} >= {"database", "migrations", "ingest"}
    assert "ControlPlaneDown" not in alerts
    assert service.logged_errors() == []
