"""How many replicas, and how many of them may go at once."""

from __future__ import annotations

from typing import Any

from serving.launch import Launch
from serving.manifest.place import Place
from serving.manifest.workload import workload

#: `vllm:num_requests_waiting` as deploy/prometheus/adapter.yaml offers it to the cluster.
WAITING_METRIC = "vllm_num_requests_waiting"
#: Weights load for minutes; a replica that was worth starting is kept for a while.
_QUIET_SECONDS = 600


def disruption_budget(place: Place) -> dict[str, Any]:
    """At most one pod goes at a time. Not `minAvailable: 1`, which would hold the node of a single
    replica for ever. A pod of a group takes its group along, whose leader is then not ready for as
    long as the weights load: at most one group goes at a time.
    """
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": place.metadata(),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": place.labels}},
    }


def autoscaler(launch: Launch, place: Place) -> dict[str, Any]:
    """More replicas while requests wait; back, slowly, when none do. Of groups of machines, only
    leaders are looked at: LeaderWorkerSet's scale says so.
    """
    kept = workload(launch, place)
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": place.metadata(),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": kept["apiVersion"],
                "kind": kept["kind"],
                "name": kept["metadata"]["name"],
            },
            "minReplicas": place.replicas,
            "maxReplicas": place.max_replicas,
            "metrics": [
                {
                    "type": "Pods",
                    "pods": {
                        "metric": {"name": WAITING_METRIC},
                        "target": {
                            "type": "AverageValue",
                            "averageValue": str(place.waiting_target),
                        },
                    },
                }
            ],
            "behavior": {
                "scaleUp": {
                    "stabilizationWindowSeconds": 30,
                    "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
                },
                "scaleDown": {
                    "stabilizationWindowSeconds": _QUIET_SECONDS,
                    "policies": [{"type": "Pods", "value": 1, "periodSeconds": 300}],
                },
            },
        },
    }
