"""Who reaches the server, and what it reaches."""

from __future__ import annotations

from typing import Any

from serving.launch import Launch
from serving.manifest.place import Place
from serving.manifest.workload import asked_labels

#: Those of Assay's own parts that ask models.
_CALLERS = ("worker", "gateway")
#: Weights come from the hub over HTTPS; neighbours and the cloud's metadata service do not.
_PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"]


def network_policy(launch: Launch, place: Place) -> dict[str, Any]:
    """In: workers, the gateway and Prometheus. Out: names and HTTPS. A group's machines reach each
    other, unencrypted and unasked who they are: nobody else may reach those ports.
    """
    callers = {
        "podSelector": {
            "matchLabels": {"app.kubernetes.io/part-of": "assay"},
            "matchExpressions": [
                {
                    "key": "app.kubernetes.io/component",
                    "operator": "In",
                    "values": list(_CALLERS),
                }
            ],
        }
    }
    prometheus = {
        "namespaceSelector": {
            "matchLabels": {"kubernetes.io/metadata.name": place.monitoring_namespace}
        },
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
    }
    members = {"podSelector": {"matchLabels": place.labels}}
    groups = [_between_machines(launch)] if place.machines(launch) > 1 else []
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": place.metadata(),
        "spec": {
            "podSelector": {"matchLabels": place.labels},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {
                    "from": [callers, prometheus],
                    "ports": [{"protocol": "TCP", "port": launch.port}],
                },
                *({"from": [members], "ports": between} for between in groups),
            ],
            "egress": [
                _names(),
                *([] if launch.is_folder else [_hub()]),
                *({"to": [members], "ports": between} for between in groups),
            ],
        },
    }


def _between_machines(launch: Launch) -> list[dict[str, Any]]:
    """All ports but that of the API: the kernel chooses those of NCCL and of vLLM's queues."""
    ranges = ((1, launch.port - 1), (launch.port + 1, 65_535))
    return [{"protocol": "TCP", "port": first, "endPort": last} for first, last in ranges]


def _names() -> dict[str, Any]:
    return {
        "to": [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
        ],
        "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
    }


def _hub() -> dict[str, Any]:
    return {
        "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": list(_PRIVATE)}}],
        "ports": [{"protocol": "TCP", "port": 443}],
    }


def service(launch: Launch, place: Place) -> dict[str, Any]:
    """A name inside the cluster. There is no Ingress: nobody outside asks vLLM."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": place.metadata(),
        "spec": {
            "selector": asked_labels(launch, place),
            "ports": [{"name": "http", "port": launch.port, "targetPort": "http"}],
        },
    }
