"""A pinned model as Kubernetes objects: pure text, from a launch and a place for it.

`assay plan --manifest` prints it; deploy/kubernetes/ has one as an example. What it promises:

* only workers, the gateway and Prometheus reach the server (NetworkPolicy): vLLM's API key guards
  /v1 only, and leaves /metrics, /tokenize and others open (vLLM docs/usage/security.md);
* answers that are being written end before the pod does: grace period ≥ preStop + shutdown timeout;
* a model that one node cannot hold is a group of them, which starts, ends and is replaced as one;
* more replicas come with waiting requests, not with a busy GPU, which is busy by design.
"""

from __future__ import annotations

from typing import Any

import yaml

from serving.launch import Launch, check
from serving.manifest.network import network_policy, service
from serving.manifest.place import Place, PlaceError, check_place
from serving.manifest.scaling import autoscaler, disruption_budget
from serving.manifest.workload import workload

__all__ = ["Place", "PlaceError", "manifest", "objects"]


def manifest(launch: Launch, place: Place) -> str:
    """The objects as one YAML text. Raises LaunchError kinds and PlaceError."""
    texts = (
        yaml.dump(one, Dumper=_Plain, sort_keys=False, width=100) for one in objects(launch, place)
    )
    return "---\n".join(texts)


class _Plain(yaml.SafeDumper):
    """What stands twice is written twice: people edit these files, and an alias would be one."""

    def ignore_aliases(self, _: Any) -> bool:
        """All of them."""
        return True


def objects(launch: Launch, place: Place) -> tuple[dict[str, Any], ...]:
    """The objects as JSON values, in the order in which they are to be made."""
    check(launch)
    check_place(launch, place)
    found = [
        network_policy(launch, place),
        service(launch, place),
        workload(launch, place),
        disruption_budget(place),
    ]
    if place.max_replicas > place.replicas:
        found.append(autoscaler(launch, place))
    return tuple(found)
