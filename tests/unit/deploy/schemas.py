"""Whether Kubernetes would take an object: its own schemas, and that of LeaderWorkerSet, which it
does not have.

LeaderWorkerSet's is written down from the fields that its API reference documents (v1, release
0.9); nothing is allowed that is not in it. Pods in it are held against Kubernetes' own schema.
"""

from __future__ import annotations

from typing import Any

import jsonschema
import kubernetes_validate

_TEMPLATE = {"type": "object"}  # see `_pod_template`
_COUNT_OR_SHARE = {
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "pattern": r"^(100|[0-9]{1,2})%$"},
    ]
}


def _object(required: tuple[str, ...] = (), **properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


_ROLLING_UPDATE = _object(
    partition={"type": "integer", "minimum": 0},
    maxUnavailable=_COUNT_OR_SHARE,
    maxSurge=_COUNT_OR_SHARE,
)
_GROUP = _object(
    ("workerTemplate",),
    size={"type": "integer", "minimum": 1},
    restartPolicy={
        "enum": ["RecreateGroupOnPodRestart", "RecreateGroupAfterStart", "None", "Default"]
    },
    leaderTemplate=_TEMPLATE,
    workerTemplate=_TEMPLATE,
    subGroupPolicy=_object(
        subGroupSize={"type": "integer", "minimum": 1},
        subGroupPolicyType={"enum": ["LeaderWorker", "LeaderExcluded"]},
    ),
    volumeClaimTemplates={"type": "array"},
    persistentVolumeClaimRetentionPolicy=_object(
        whenDeleted={"enum": ["Retain", "Delete"]}, whenScaled={"enum": ["Retain", "Delete"]}
    ),
)
_LEADER_WORKER_SET = _object(
    ("apiVersion", "kind", "metadata", "spec"),
    apiVersion={"const": "leaderworkerset.x-k8s.io/v1"},
    kind={"const": "LeaderWorkerSet"},
    metadata={"type": "object", "required": ["name"]},  # see `_pod_template`
    spec=_object(
        ("leaderWorkerTemplate",),
        replicas={"type": "integer", "minimum": 0, "maximum": 1_000_000},
        leaderWorkerTemplate=_GROUP,
        rolloutStrategy=_object(
            ("type",), type={"const": "RollingUpdate"}, rollingUpdateConfiguration=_ROLLING_UPDATE
        ),
        startupPolicy={"enum": ["LeaderCreated", "LeaderReady"]},
        networkConfig=_object(
            ("subdomainPolicy",), subdomainPolicy={"enum": ["Shared", "UniquePerReplica"]}
        ),
    ),
)


def validate(one: dict[str, Any], release: str) -> None:
    """Raises ValidationError (jsonschema's, which kubernetes_validate's is too) for an object that
    a cluster of this Kubernetes release would refuse, or has fields that it does not know.
    """
    if one["kind"] != "LeaderWorkerSet":
        kubernetes_validate.validate(one, release, strict=True)
        return
    jsonschema.validate(one, _LEADER_WORKER_SET)
    _check_as_admitted(one)
    group = one["spec"]["leaderWorkerTemplate"]
    for template in (group["workerTemplate"], group.get("leaderTemplate", group["workerTemplate"])):
        whole = _pod_template(one["metadata"], template)
        kubernetes_validate.validate(whole, release, strict=True)


def _pod_template(metadata: dict[str, Any], template: dict[str, Any]) -> dict[str, Any]:
    """A kind that is Kubernetes' own and holds nothing but such a template."""
    return {"apiVersion": "v1", "kind": "PodTemplate", "metadata": metadata, "template": template}


def _check_as_admitted(one: dict[str, Any]) -> None:
    """What no schema says, and LeaderWorkerSet's admission refuses."""
    rolling = one["spec"].get("rolloutStrategy", {}).get("rollingUpdateConfiguration", {})
    nothing = {0, "0%"}
    if rolling.get("maxUnavailable", 1) in nothing and rolling.get("maxSurge", 0) in nothing:
        raise jsonschema.ValidationError("a rollout that may neither add nor take away")
    jsonschema.validate(one["metadata"]["name"], {"pattern": "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"})
