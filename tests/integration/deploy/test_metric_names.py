"""Every metric that a rule or a dashboard names exists: in a recorded scrape of vLLM 0.32, in
Assay's own /metrics, among the old names of vLLM that rules still cover, or as a recorded rule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from pytest_django.fixtures import Settings

from tests.integration.deploy.promql import asked_labels, metric_names

_DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
_SCRAPE = Path(__file__).parent / "vllm-0.32.0-metrics.txt"
_RULES = sorted((_DEPLOY / "prometheus").glob("*.rules.yaml"))
_DASHBOARDS = sorted((_DEPLOY / "grafana").glob("*.json"))
_SUFFIXES = {"counter": [""], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
#: vLLM before November 2025 (removed by vllm#29330) and before vllm#24110; see vllm.rules.yaml.
_OLD = {
    "vllm:gpu_cache_usage_perc",
    "vllm:gpu_prefix_cache_hits_total",
    "vllm:gpu_prefix_cache_queries_total",
    "vllm:time_per_output_token_seconds_bucket",
}
#: Prometheus' own, about each target.
_PROMETHEUS = {"up"}


def exposed(page: str) -> set[str]:
    """The names of all series that the families of a /metrics page may have."""
    families = re.findall(r"(?m)^# TYPE (\S+) (\w+)$", page)
    return {f"{name}{suffix}" for name, kind in families for suffix in _SUFFIXES.get(kind, [""])}


@pytest.fixture
def own(db: None, settings: Settings) -> set[str]:
    """The names of Assay's own /metrics."""
    settings.METRICS_TOKEN = "a-token-for-prometheus"
    client = Client(headers={"Authorization": f"Bearer {settings.METRICS_TOKEN}"})
    client.get("/prompt/nothing")
    return exposed(client.get("/metrics").content.decode())


def rules() -> Iterator[dict[str, Any]]:
    for path in _RULES:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


def recorded() -> set[str]:
    return {rule["record"] for rule in rules() if "record" in rule}


def expressions(dashboard: Path) -> Iterator[str]:
    """The query of every panel of a dashboard."""
    document = json.loads(dashboard.read_text(encoding="utf-8"))
    for panel in document["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def known(own: set[str]) -> set[str]:
    vllm = exposed(_SCRAPE.read_text(encoding="utf-8"))
    return own | vllm | recorded() | _PROMETHEUS


def test_rules_read_what_exists(own: set[str]) -> None:
    for rule in rules():
        names = metric_names(rule["expr"])
        assert names, rule
        assert names <= known(own) | _OLD, rule


@pytest.mark.parametrize("dashboard", _DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_read_what_exists(dashboard: Path, own: set[str]) -> None:
    found = list(expressions(dashboard))
    assert len(found) > 10
    for expression in found:
        names = metric_names(expression)
        assert names, expression
        assert names <= known(own), expression
    variables = json.loads(dashboard.read_text(encoding="utf-8"))["templating"]["list"]
    for variable in variables:
        assert asked_labels(variable["query"]) <= known(own)


def test_every_old_name_is_read_beside_its_new_one() -> None:
    read = [metric_names(rule["expr"]) for rule in rules()]
    for old in _OLD:
        [names] = [names for names in read if old in names]
        assert names & exposed(_SCRAPE.read_text(encoding="utf-8"))


def test_everything_of_ours_is_shown_or_watched(own: set[str]) -> None:
    shown = {n for path in _DASHBOARDS for e in expressions(path) for n in metric_names(e)}
    shown |= {name for rule in rules() for name in metric_names(rule["expr"])}
    assert {name for name in own if name.startswith("assay_")} <= shown


def test_panels_do_not_lie_over_each_other() -> None:
    for path in _DASHBOARDS:
        panels = json.loads(path.read_text(encoding="utf-8"))["panels"]
        cells = [
            (x, y)
            for at in (panel["gridPos"] for panel in panels)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        ]
        assert len(cells) == len(set(cells)), path.name
        assert max(x for x, _ in cells) < 24
        assert len({panel["id"] for panel in panels}) == len(panels)


def test_names_are_found_in_promql() -> None:
    text = """
      histogram_quantile(0.99, sum by (le, model) (
        rate(vllm:a_bucket{x="rate", y=~"by"}[5m] offset 1h)))
      / on (model) group_left (b) (job:c:sum > 0.5e3) or vector(0) unless on() absent(d_total)
    """
    assert metric_names(text) == {"vllm:a_bucket", "job:c:sum", "d_total"}
    assert asked_labels("label_values(up, job)") == {"up"}
