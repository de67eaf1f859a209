"""What Prometheus and Grafana are set up to ask for exists."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from core.metrics.families import COUNTERS, GAUGES, HISTOGRAMS, OF_PROCESSES
from tests.deploy import files

DASHBOARD = files.DEPLOY / "grafana" / "dashboards" / "firmlight.json"
ALERTS = files.DEPLOY / "prometheus" / "alerts.yml"
REFERENCE = files.ROOT / "docs" / "reference" / "metrics.md"


def names():
    """Every metric as Prometheus calls it."""
    found = {f"firmlight_{name}_total" for name in COUNTERS}
    found |= {
        f"firmlight_{name}{part}" for name in HISTOGRAMS for part in ("_bucket", "_sum", "_count")
    }
    return found | {f"firmlight_{name}" for name in [*GAUGES, *OF_PROCESSES]}


def expressions():
    panels = json.loads(DASHBOARD.read_text())["panels"]
    alerts = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
    return [target["expr"] for panel in panels for target in panel["targets"]] + [
        alert["expr"] for alert in alerts
    ]


def test_every_panel_and_alarm_asks_for_metrics_that_exist():
    asked = set(re.findall(r"firmlight_\w+", " ".join(expressions())))
    assert len(asked) > 15
    assert asked - names() == set()


@pytest.mark.parametrize("family", [*COUNTERS, *HISTOGRAMS, *GAUGES, *OF_PROCESSES])
def test_every_metric_is_explained(family):
    suffix = "_total" if family in COUNTERS else ""
    assert re.search(rf"\bfirmlight_{family}{suffix}\b", REFERENCE.read_text())


def test_every_label_that_is_asked_for_is_one():
    families = [
        one for kind in (COUNTERS, HISTOGRAMS, GAUGES, OF_PROCESSES) for one in kind.values()
    ]
    known = {label for family in families for label in family.labels} | {"le"}
    text = " ".join(expressions())
    compared, summed = re.findall(r'[{,]\s*(\w+)="', text), re.findall(r"by \(([^)]+)\)", text)
    assert {*compared, *(word for group in summed for word in re.split(r",\s*", group))} <= known


def test_prometheus_asks_web_with_the_token():
    (job,) = yaml.safe_load((files.DEPLOY / "prometheus" / "prometheus.yml").read_text())[
        "scrape_configs"
    ]
    services = files.compose(files.new_environment())
    assert job["authorization"]["credentials_file"] == "/run/secrets/metrics_token"
    assert services["secrets"]["metrics_token"] == {"environment": "METRICS_TOKEN"}
    assert job["static_configs"] == [{"targets": ["web:8000"]}]


def test_grafana_finds_its_dashboards_where_they_are_put():
    service = files.compose(files.new_environment())["services"]["grafana"]
    (provider,) = provisioned("dashboards/firmlight.yml")["providers"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in service["volumes"]
    (source,) = provisioned("datasources/prometheus.yml")["datasources"]
    used = {panel["datasource"]["uid"] for panel in json.loads(DASHBOARD.read_text())["panels"]}
    assert used == {source["uid"]}


def provisioned(file):
    return yaml.safe_load((files.DEPLOY / "grafana" / "provisioning" / file).read_text())
