"""What keeps the pods there: a Deployment, or groups of machines where one is too small."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from serving.launch import Launch, Node
from serving.manifest.place import Place
from serving.manifest.pod import Part, launch_annotations, pod_template, replicas

#: The label that LeaderWorkerSet gives each pod: its place in its group. 0 leads.
WORKER_INDEX = "leaderworkerset.sigs.k8s.io/worker-index"
_EXCLUSIVE_TOPOLOGY = "leaderworkerset.sigs.k8s.io/exclusive-topology"
GROUPS = {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet"}
#: Variables that it gives each container; Kubernetes puts them into arguments.
_LEADER_ADDRESS, _INDEX = "$(LWS_LEADER_ADDRESS)", "$(LWS_WORKER_INDEX)"


def workload(launch: Launch, place: Place) -> dict[str, Any]:
    """A Deployment where one machine is enough, else a LeaderWorkerSet. Either starts a new server
    before an old one goes, so one spare place is needed.
    """
    count = place.machines(launch)
    return _groups(launch, place, count) if count > 1 else _deployment(launch, place)


def asked_labels(launch: Launch, place: Place) -> dict[str, str]:
    """What selects the pods with the API."""
    return {**place.labels, **({WORKER_INDEX: "0"} if place.machines(launch) > 1 else {})}


def _deployment(launch: Launch, place: Place) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": place.metadata(annotations=launch_annotations(launch)),
        "spec": {
            **replicas(place),
            "selector": {"matchLabels": place.labels},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "progressDeadlineSeconds": place.startup_seconds + 600,
            "template": pod_template(launch, place, Part(launch.gpus)),
        },
    }


def _groups(launch: Launch, place: Place, count: int) -> dict[str, Any]:
    # PyTorch gives up after 600 s: less than an image and its weights may take on one of them.
    node = Node(count, "0", _LEADER_ADDRESS, wait_seconds=place.startup_seconds)
    leader, worker = (
        Part(launch.gpus // count, replace(node, rank=rank)) for rank in ("0", _INDEX)
    )
    said = launch_annotations(launch)
    if place.topology_key:
        said[_EXCLUSIVE_TOPOLOGY] = place.topology_key
    return {
        **GROUPS,
        "metadata": place.metadata(annotations=said, name=place.group_name),
        "spec": {
            **replicas(place),
            "leaderWorkerTemplate": {
                "size": count,
                # vLLM's machines do not come back to each other: one that restarts is waited for
                # for ever, and those whose leader has died do not end.
                "restartPolicy": "RecreateGroupOnPodRestart",
                "leaderTemplate": pod_template(launch, place, leader),
                "workerTemplate": pod_template(launch, place, worker),
            },
            "rolloutStrategy": {
                "type": "RollingUpdate",
                "rollingUpdateConfiguration": {"maxUnavailable": 0, "maxSurge": 1},
            },
            # Not LeaderReady: the leader is ready when all have joined.
            "startupPolicy": "LeaderCreated",
        },
    }
