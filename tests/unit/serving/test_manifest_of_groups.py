"""A pinned model that one node cannot hold, as groups of nodes that come and go as one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jsonschema
import pytest
import yaml

from serving.launch import Launch, MachinesUnevenError, Node, command
from serving.manifest import Place, PlaceError, manifest, objects
from tests.unit.deploy.schemas import validate
from tests.unit.serving.launches import LAUNCH, PLACE

_LARGE = replace(LAUNCH, tensor_parallel=8, pipeline_parallel=2)
_SCALED = replace(PLACE, max_replicas=4)
_INDEX = "leaderworkerset.sigs.k8s.io/worker-index"


def of_kind(kind: str, place: Place = PLACE, launch: Launch = _LARGE) -> dict[str, Any]:
    [found] = [one for one in objects(launch, place) if one["kind"] == kind]
    return found


def pods(place: Place = PLACE, launch: Launch = _LARGE) -> tuple[dict[str, Any], dict[str, Any]]:
    """The templates of the leader's pod and of the others'."""
    group = of_kind("LeaderWorkerSet", place, launch)["spec"]["leaderWorkerTemplate"]
    return group["leaderTemplate"], group["workerTemplate"]


def containers(place: Place = PLACE) -> tuple[dict[str, Any], dict[str, Any]]:
    leader, worker = (template["spec"]["containers"] for template in pods(place))
    return leader[0], worker[0]


def names(container: dict[str, Any]) -> set[str]:
    return {entry["name"] for entry in container["env"]}


@pytest.mark.parametrize("release", ["1.30", "1.37"])
@pytest.mark.parametrize(
    "place",
    [
        PLACE,
        _SCALED,
        replace(PLACE, namespace="models", cache_claim="w", hub_secret="hub", key_secret="key"),
        replace(PLACE, topology_key="topology.kubernetes.io/rack"),
    ],
)
def test_the_objects_are_what_kubernetes_takes(place: Place, release: str) -> None:
    kinds = [one["kind"] for one in objects(_LARGE, place)]
    assert kinds[:4] == ["NetworkPolicy", "Service", "LeaderWorkerSet", "PodDisruptionBudget"]
    for one in objects(_LARGE, place):
        validate(one, release)


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        (("spec", "size"), 2),
        (("spec", "leaderWorkerTemplate", "restartPolicy"), "Always"),
        (("spec", "startupPolicy"), "WorkerReady"),
        (("spec", "rolloutStrategy", "rollingUpdateConfiguration", "maxSurge"), 0),
        (("spec", "leaderWorkerTemplate", "workerTemplate", "spec", "container"), []),
        (("metadata", "anotations"), {}),
        (("metadata", "name"), "4b"),
    ],
)
def test_the_validator_is_not_blind(where: tuple[str, ...], wrong: object) -> None:
    group = of_kind("LeaderWorkerSet")
    at = group
    for key in where[:-1]:
        at = at[key]
    at[where[-1]] = wrong
    with pytest.raises(jsonschema.ValidationError):
        validate(group, "1.37")


def test_the_text_is_the_objects() -> None:
    text = manifest(_LARGE, _SCALED)
    assert list(yaml.safe_load_all(text)) == list(objects(_LARGE, _SCALED))
    assert "&id" not in text


@pytest.mark.parametrize(
    ("tp", "pp", "size", "gpus"), [(8, 2, 2, "8"), (16, 1, 2, "8"), (8, 4, 4, "8"), (4, 4, 2, "8")]
)
def test_a_group_has_a_pod_for_each_node_and_each_pod_the_gpus_of_one(
    tp: int, pp: int, size: int, gpus: str
) -> None:
    launch = replace(LAUNCH, tensor_parallel=tp, pipeline_parallel=pp)
    group = of_kind("LeaderWorkerSet", launch=launch)["spec"]["leaderWorkerTemplate"]
    assert group["size"] == size
    for template in pods(launch=launch):
        [found] = template["spec"]["containers"]
        assert found["resources"]["limits"]["nvidia.com/gpu"] == gpus


def test_what_one_node_holds_is_no_group() -> None:
    kinds = {one["kind"] for one in objects(replace(LAUNCH, pipeline_parallel=4), PLACE)}
    assert "Deployment" in kinds
    assert "LeaderWorkerSet" not in kinds


def test_each_pod_is_started_as_its_machine() -> None:
    leader, worker = containers()
    node = Node(2, "0", "$(LWS_LEADER_ADDRESS)", wait_seconds=PLACE.startup_seconds)
    assert (*leader["command"], *leader["args"]) == command(_LARGE, node)
    other = replace(node, rank="$(LWS_WORKER_INDEX)")
    assert (*worker["command"], *worker["args"]) == command(_LARGE, other)
    for found in (leader, worker):
        [address] = [e["valueFrom"] for e in found["env"] if e["name"] == "VLLM_HOST_IP"]
        assert address == {"fieldRef": {"fieldPath": "status.podIP"}}


def test_a_group_starts_together_and_is_replaced_whole() -> None:
    spec = of_kind("LeaderWorkerSet")["spec"]
    assert spec["leaderWorkerTemplate"]["restartPolicy"] == "RecreateGroupOnPodRestart"
    assert spec["startupPolicy"] == "LeaderCreated"
    rolling = spec["rolloutStrategy"]["rollingUpdateConfiguration"]
    assert rolling == {"maxUnavailable": 0, "maxSurge": 1}


def test_only_leaders_are_asked_and_looked_at() -> None:
    service = of_kind("Service")
    assert service["metadata"]["name"] == PLACE.name
    assert service["spec"]["selector"] == {**PLACE.labels, _INDEX: "0"}
    leader, worker = containers()
    assert leader["ports"] == [{"name": "http", "containerPort": LAUNCH.port}]
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= leader.keys()
    assert not {"ports", "startupProbe", "livenessProbe", "readinessProbe"} & worker.keys()


def test_the_name_of_the_groups_is_free_for_the_service_that_comes_with_them() -> None:
    found = [
        one["metadata"]["name"] for one in objects(_LARGE, _SCALED) if one["kind"] != "Service"
    ]
    groups = of_kind("LeaderWorkerSet")["metadata"]["name"]
    assert groups != of_kind("Service")["metadata"]["name"]
    assert found.count(groups) == 1


@pytest.mark.parametrize("seconds", [1, 45, 600])
def test_nobody_in_a_group_goes_before_the_leader_has_answered(seconds: int) -> None:
    leader, worker = pods(launch=replace(_LARGE, shutdown_seconds=seconds))
    hold = [
        int(template["spec"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
        for template in (leader, worker)
    ]
    assert hold[1] >= hold[0] + seconds
    for template in (leader, worker):
        assert template["spec"]["terminationGracePeriodSeconds"] > hold[0] + seconds
        assert template["spec"]["terminationGracePeriodSeconds"] > hold[1]


def test_the_machines_reach_each_other_and_strangers_only_the_api() -> None:
    spec = of_kind("NetworkPolicy")["spec"]
    asked, between = spec["ingress"]
    assert asked["ports"] == [{"protocol": "TCP", "port": LAUNCH.port}]
    assert [next(iter(one)) for one in asked["from"]] == ["podSelector", "namespaceSelector"]
    members = {"podSelector": {"matchLabels": PLACE.labels}}
    assert between["from"] == [members]
    reached = {p for r in between["ports"] for p in range(r["port"], r["endPort"] + 1)}
    assert reached == set(range(1, 65_536)) - {LAUNCH.port}
    assert spec["egress"][-1] == {"to": [members], "ports": between["ports"]}
    for template in pods():
        assert PLACE.labels.items() <= template["metadata"]["labels"].items()


def test_a_worker_gets_no_key_of_the_api() -> None:
    leader, worker = containers(replace(PLACE, hub_secret="hub", key_secret="keys"))
    assert {"HF_TOKEN", "VLLM_API_KEY"} <= names(leader)
    assert "VLLM_API_KEY" not in names(worker)
    assert "HF_TOKEN" in names(worker)


def test_the_pods_have_no_rights() -> None:
    for template in pods():
        assert template["spec"]["securityContext"]["runAsNonRoot"]
        assert not template["spec"]["automountServiceAccountToken"]
        [found] = template["spec"]["containers"]
        assert found["securityContext"]["readOnlyRootFilesystem"]
        assert found["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_groups_come_with_waiting_requests() -> None:
    groups = of_kind("LeaderWorkerSet", _SCALED)
    assert "replicas" not in groups["spec"]
    assert of_kind("LeaderWorkerSet")["spec"]["replicas"] == 1
    target = of_kind("HorizontalPodAutoscaler", _SCALED)["spec"]["scaleTargetRef"]
    assert target == {
        "apiVersion": groups["apiVersion"],
        "kind": "LeaderWorkerSet",
        "name": groups["metadata"]["name"],
    }


def test_any_pod_of_a_group_counts_for_what_may_go_at_once() -> None:
    spec = of_kind("PodDisruptionBudget")["spec"]
    assert spec == {"maxUnavailable": 1, "selector": {"matchLabels": PLACE.labels}}


def test_a_group_can_be_kept_in_one_rack() -> None:
    key = "leaderworkerset.sigs.k8s.io/exclusive-topology"
    assert key not in of_kind("LeaderWorkerSet")["metadata"]["annotations"]
    place = replace(PLACE, topology_key="example.org/rack")
    assert of_kind("LeaderWorkerSet", place)["metadata"]["annotations"][key] == "example.org/rack"


def test_what_does_not_fill_its_nodes_has_no_manifest() -> None:
    with pytest.raises(MachinesUnevenError) as told:
        manifest(replace(LAUNCH, tensor_parallel=4, pipeline_parallel=3), PLACE)
    assert "multiple of 8" in told.value.hint


def test_a_name_that_is_too_long_for_the_pods_of_a_group_is_refused() -> None:
    long = replace(PLACE, name="a" * 43)
    assert manifest(LAUNCH, long)
    with pytest.raises(PlaceError, match="too long"):
        manifest(_LARGE, long)
