"""A pinned model as Kubernetes objects: valid, closed to strangers, and ended gently."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from serving.launch import LaunchError, command
from serving.manifest import Place, PlaceError, manifest, objects
from tests.unit.deploy.schemas import validate
from tests.unit.serving.launches import LAUNCH, PLACE

_SCALED = replace(PLACE, max_replicas=4)


def of_kind(kind: str, place: Place = PLACE) -> dict[str, Any]:
    [found] = [one for one in objects(LAUNCH, place) if one["kind"] == kind]
    return found


def pod(place: Place = PLACE) -> dict[str, Any]:
    spec: dict[str, Any] = of_kind("Deployment", place)["spec"]["template"]["spec"]
    return spec


def container(place: Place = PLACE) -> dict[str, Any]:
    [found] = pod(place)["containers"]
    result: dict[str, Any] = found
    return result


@pytest.mark.parametrize("release", ["1.30", "1.34", "1.37"])
@pytest.mark.parametrize(
    "place",
    [
        PLACE,
        _SCALED,
        replace(PLACE, namespace="models", cache_claim="w", hub_secret="hub", key_secret="key"),
    ],
)
def test_the_objects_are_what_kubernetes_takes(place: Place, release: str) -> None:
    for one in objects(LAUNCH, place):
        validate(one, release)


def test_the_text_is_the_objects() -> None:
    text = manifest(LAUNCH, _SCALED)
    assert list(yaml.safe_load_all(text)) == list(objects(LAUNCH, _SCALED))
    assert "&id" not in text


def test_the_server_is_started_with_the_launch() -> None:
    found = container()
    assert (*found["command"], *found["args"]) == command(LAUNCH)
    assert found["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert of_kind("Deployment")["metadata"]["annotations"]["assay/revision"] == LAUNCH.revision


@pytest.mark.parametrize("seconds", [1, 45, 600])
def test_answers_end_before_the_pod_does(seconds: int) -> None:
    launch = replace(LAUNCH, shutdown_seconds=seconds)
    [made] = [one for one in objects(launch, PLACE) if one["kind"] == "Deployment"]
    spec = made["spec"]["template"]["spec"]
    [found] = spec["containers"]
    drain = int(found["lifecycle"]["preStop"]["exec"]["command"][1])
    timeout = int(found["args"][found["args"].index("--shutdown-timeout") + 1])
    assert timeout == seconds
    assert spec["terminationGracePeriodSeconds"] > drain + timeout


def test_a_start_may_take_its_time_and_a_busy_server_is_not_killed() -> None:
    found = container(replace(PLACE, startup_seconds=905))
    start = found["startupProbe"]
    assert start["failureThreshold"] * start["periodSeconds"] >= 905
    assert {found[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe")} == {
        "/health"
    }
    live = found["livenessProbe"]
    assert live["failureThreshold"] * live["periodSeconds"] >= 60


def test_only_workers_the_gateway_and_prometheus_reach_it() -> None:
    spec = of_kind("NetworkPolicy")["spec"]
    labels = of_kind("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert spec["podSelector"]["matchLabels"].items() <= labels.items()
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    [rule] = spec["ingress"]
    parts, prometheus = rule["from"]
    [wanted] = parts["podSelector"]["matchExpressions"]
    assert wanted["values"] == ["worker", "gateway"]
    assert "namespaceSelector" not in parts  # this namespace only
    assert prometheus["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "prometheus"}
    assert rule["ports"] == [{"protocol": "TCP", "port": LAUNCH.port}]


def test_the_metadata_service_and_the_neighbours_are_out_of_reach() -> None:
    [_, hub] = of_kind("NetworkPolicy")["spec"]["egress"]
    assert "169.254.0.0/16" in hub["to"][0]["ipBlock"]["except"]
    folder = replace(LAUNCH, model="/models/x", revision="sha256:ab")
    [policy, *_] = objects(folder, PLACE)
    assert len(policy["spec"]["egress"]) == 1


def test_the_pod_has_no_rights() -> None:
    assert pod()["securityContext"]["runAsNonRoot"]
    assert not pod()["automountServiceAccountToken"]
    found = container()["securityContext"]
    assert found["capabilities"] == {"drop": ["ALL"]}
    assert found["readOnlyRootFilesystem"]
    names = {entry["name"] for entry in container()["env"]}
    assert "VLLM_SERVER_DEV_MODE" not in names
    assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" not in names


def test_secrets_are_named_never_written() -> None:
    place = replace(PLACE, hub_secret="hub", key_secret="keys")
    sources = {e["name"]: e["valueFrom"] for e in container(place)["env"] if "valueFrom" in e}
    assert sources == {
        "HF_TOKEN": {"secretKeyRef": {"name": "hub", "key": "token"}},
        "VLLM_API_KEY": {"secretKeyRef": {"name": "keys", "key": "api-key"}},
    }


def test_replicas_come_with_waiting_requests() -> None:
    assert "HorizontalPodAutoscaler" not in {one["kind"] for one in objects(LAUNCH, PLACE)}
    assert of_kind("Deployment")["spec"]["replicas"] == 1
    spec = of_kind("HorizontalPodAutoscaler", _SCALED)["spec"]
    assert spec["metrics"][0]["pods"]["metric"]["name"] == "vllm_num_requests_waiting"
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 4)
    assert "replicas" not in of_kind("Deployment", _SCALED)["spec"]


def test_one_replica_does_not_hold_its_node_for_ever() -> None:
    assert of_kind("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Llama"},
        {"name": "a" * 60},
        {"image": ""},
        {"image": "vllm"},
        {"image": "vllm:latest"},
        {"image": "registry:5000/vllm"},
        {"name": "4b"},
        {"gpus_per_node": 0},
        {"topology_key": "a rack"},
        {"replicas": 0},
        {"replicas": 3, "max_replicas": 2},
        {"drain_seconds": 0},
        {"startup_seconds": 10},
    ],
)
def test_a_place_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(PlaceError):
        manifest(LAUNCH, replace(PLACE, **wrong))


@pytest.mark.parametrize("image", ["vllm@sha256:" + "a" * 64, "host:5000/vllm:0.32.0"])
def test_an_image_by_digest_or_version_is_pinned(image: str) -> None:
    assert container(replace(PLACE, image=image))["image"] == image


def test_an_unpinned_model_has_no_manifest() -> None:
    with pytest.raises(LaunchError):
        manifest(replace(LAUNCH, revision="main"), PLACE)
