"""Rules and scrape jobs, read as text and by promtool."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from serving.manifest.scaling import WAITING_METRIC
from tests.unit.deploy.files import DEPLOY
from tests.unit.deploy.test_kubernetes import objects, workloads

_FOLDER = DEPLOY / "prometheus"
_RULES = sorted(_FOLDER.glob("*.rules.yaml"))
_TESTS = sorted((_FOLDER / "tests").glob("*.test.yaml"))

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed: apt-get install prometheus",
)


def _rules(path: Path) -> list[dict[str, Any]]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def _alerts(path: Path) -> set[str]:
    return {rule["alert"] for rule in _rules(path) if "alert" in rule}


@pytest.mark.parametrize("path", _RULES, ids=lambda path: path.name)
def test_every_alert_says_how_bad_it_is_and_what_to_do(path: Path) -> None:
    for rule in _rules(path):
        if "alert" in rule:
            assert rule["labels"]["severity"] in {"warning", "critical"}, rule
            assert {"summary", "action"} <= set(rule["annotations"]), rule


@pytest.mark.parametrize("path", _RULES, ids=lambda path: path.name)
def test_every_alert_is_seen_firing_and_seen_silent(path: Path) -> None:
    name = path.name.replace(".rules.", ".test.")
    tests = yaml.safe_load((_FOLDER / "tests" / name).read_text(encoding="utf-8"))["tests"]
    cases = [case for test in tests for case in test.get("alert_rule_test", ())]
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == _alerts(path)
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == _alerts(path)


def test_every_rule_file_is_loaded() -> None:
    config = yaml.safe_load((_FOLDER / "prometheus.yaml").read_text(encoding="utf-8"))
    assert sorted(config["rule_files"]) == [path.name for path in _RULES]


def test_the_scrape_jobs_find_our_pods() -> None:
    config = yaml.safe_load((_FOLDER / "prometheus.yaml").read_text(encoding="utf-8"))
    kept = {
        job["job_name"]: job["relabel_configs"][0]["regex"].split(";")
        for job in config["scrape_configs"]
    }
    model = objects(DEPLOY / "kubernetes" / "example" / "model.yaml")
    pods = {
        "assay": workloads()["assay-web"],
        "vllm": next(o for o in model if o["kind"] == "Deployment")["spec"]["template"],
    }
    for name, template in pods.items():
        labels = template["metadata"]["labels"]
        found = [labels[f"app.kubernetes.io/{key}"] for key in ("part-of", "component")]
        assert kept[name] == found
        [container] = template["spec"]["containers"]
        assert [port["name"] for port in container["ports"]] == ["http"]


def test_the_autoscaler_asks_for_what_the_adapter_offers() -> None:
    [rule] = yaml.safe_load((_FOLDER / "adapter.yaml").read_text(encoding="utf-8"))["rules"]
    assert rule["name"]["as"] == WAITING_METRIC
    assert rule["seriesQuery"].startswith("vllm:num_requests_waiting{")


@pytest.mark.slow
@needs_promtool
def test_promtool_takes_the_rules() -> None:
    subprocess.run(["promtool", "check", "rules", *map(str, _RULES)], check=True)


@pytest.mark.slow
@needs_promtool
@pytest.mark.parametrize("path", _TESTS, ids=lambda path: path.name)
def test_promtool_sees_the_alerts_fire(path: Path) -> None:
    subprocess.run(["promtool", "test", "rules", str(path)], check=True)


@pytest.mark.slow
@needs_promtool
def test_promtool_takes_the_configuration(tmp_path: Path) -> None:
    # Debian's build knows no Kubernetes; what is discovered does not matter here.
    text = (_FOLDER / "prometheus.yaml").read_text(encoding="utf-8")
    plain = text.replace("kubernetes_sd_configs: [{role: pod}]", "static_configs: [{targets: [a]}]")
    path = tmp_path / "prometheus.yaml"
    path.write_text(plain, encoding="utf-8")
    subprocess.run(["promtool", "check", "config", "--syntax-only", str(path)], check=True)
