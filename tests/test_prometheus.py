"""The files of deploy/prometheus, with Debian's Prometheus."""

import re
from pathlib import Path

import pytest
import yaml

from tests.factories import make_camera, make_site, make_token
from tests.faults.service import Service
from tests.manage_process import database_url
from tests.processes import ROOT
from tests.prometheus import FILES, Prometheus, needs_prometheus, promtool

pytestmark = [pytest.mark.once, needs_prometheus]
RULES = yaml.safe_load((FILES / "rules.yml").read_text())["groups"][0]["rules"]


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
def test_prometheus_asks_the_service_for_the_fleet_and_for_single_cameras(tmp_path: Path) -> None:
    camera = make_camera('Gate "A" \\', site=make_site("North"), desired_state="running")
    token = make_token("viewer")
    settings = {"METRICS_CAMERAS": "1"}
    with (
        Service(tmp_path, database_url(), processes=1, settings=settings) as service,
        Prometheus(tmp_path, f"127.0.0.1:{service.port}", token) as prometheus,
    ):
        prometheus.wait_until(lambda: len(prometheus.query("up == 1")) == 2)
        (up,) = prometheus.query("controlplane_camera_up")
        alerts = {one["labels"]["alertname"] for one in prometheus.ask("alerts")["alerts"]}
        ready = prometheus.query("controlplane_ready == 1")

    assert (up["metric"]["camera"], up["metric"]["name"], up["metric"]["site"]) == (
        str(camera.pk), camera.name, "North",
    )  # fmt: skip
    assert {one["metric"]["check"] for one in ready} >= {"database", "migrations", "ingest"}
    assert "ControlPlaneDown" not in alerts
    assert service.logged_errors() == []
