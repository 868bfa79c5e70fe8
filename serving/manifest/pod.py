"""The server's pods: probes that wait for the weights, and an end that cuts nobody off."""

from __future__ import annotations

from typing import Any

from serving.launch import Launch, command
from serving.manifest.place import Place

_HOME = "/cache"
#: Any user without rights; the image needs no account of its own.
_USER = 10001
_PROBE_SECONDS = 10
#: No telemetry; no redirects to other hosts when a request names a picture; and a bound on the
#: answers to one request far below vLLM's own of 16,384 (CVE-2026-34756).
_ENVIRONMENT = {
    "HOME": _HOME,
    "HF_HOME": f"{_HOME}/hub",
    # PyTorch asks who it is, and this user has no line in /etc/passwd.
    "USER": "vllm",
    "LOGNAME": "vllm",
    "VLLM_CACHE_ROOT": f"{_HOME}/vllm",
    "TRITON_CACHE_DIR": f"{_HOME}/triton",
    "TORCHINDUCTOR_CACHE_DIR": f"{_HOME}/inductor",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0",
    "VLLM_MAX_N_SEQUENCES": "16",
}


def deployment(launch: Launch, place: Place) -> dict[str, Any]:
    """The Deployment. A new pod is ready before an old one goes, so one spare place is needed."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": place.metadata(annotations=_annotations(launch)),
        "spec": {
            # Not with an autoscaler: applying the manifest again would undo what it decided.
            **({} if place.max_replicas > place.replicas else {"replicas": place.replicas}),
            "selector": {"matchLabels": place.labels},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "progressDeadlineSeconds": place.startup_seconds + 600,
            "template": {
                "metadata": {
                    "labels": place.all_labels,
                    "annotations": _annotations(launch),
                },
                "spec": _pod(launch, place),
            },
        },
    }


def _annotations(launch: Launch) -> dict[str, str]:
    """What /v1/models does not tell: the revision that was deployed."""
    said = {
        "assay/model": launch.model,
        "assay/revision": launch.revision,
        "assay/engine-version": launch.engine_version,
    }
    return {**said, "assay/release": launch.release} if launch.release else said


def _pod(launch: Launch, place: Place) -> dict[str, Any]:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": place.grace_seconds(launch),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(launch, place)],
        "volumes": _volumes(place),
    }


def _container(launch: Launch, place: Place) -> dict[str, Any]:
    program, *arguments = command(launch)
    gpus = {place.gpu_resource: str(launch.tensor_parallel)}
    return {
        "name": "vllm",
        "image": place.image,
        "command": [program],
        "args": arguments,
        "env": _environment(place),
        "ports": [{"name": "http", "containerPort": launch.port}],
        "resources": {
            "requests": {"cpu": place.cpu, "memory": place.memory, **gpus},
            # No CPU limit: a throttled tokeniser shows as a slow model.
            "limits": {"memory": place.memory, **gpus},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        # The port is not open until the weights are loaded: refused means starting.
        "startupProbe": _probe(failures=-(-place.startup_seconds // _PROBE_SECONDS)),
        # /health says 503 only when the engine is dead; a busy one answers.
        "livenessProbe": _probe(failures=6),
        "readinessProbe": _probe(failures=3, period=5),
        "lifecycle": {
            "preStop": {"exec": {"command": ["sleep", str(place.drain_seconds)]}},
        },
        "volumeMounts": [
            {"name": "cache", "mountPath": _HOME},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - in the container
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - shared by the GPUs' processes
        ],
    }


def _environment(place: Place) -> list[dict[str, Any]]:
    plain = {**_ENVIRONMENT, "VLLM_ENGINE_READY_TIMEOUT_S": str(place.startup_seconds)}
    found: list[dict[str, Any]] = [{"name": n, "value": v} for n, v in plain.items()]
    for name, secret, key in (
        ("HF_TOKEN", place.hub_secret, "token"),
        ("VLLM_API_KEY", place.key_secret, "api-key"),
    ):
        if secret:
            source = {"secretKeyRef": {"name": secret, "key": key}}
            found.append({"name": name, "valueFrom": source})
    return found


def _probe(*, failures: int, period: int = _PROBE_SECONDS) -> dict[str, Any]:
    return {
        "httpGet": {"path": "/health", "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _volumes(place: Place) -> list[dict[str, Any]]:
    cache: dict[str, Any] = {"emptyDir": {"sizeLimit": place.cache_size}}
    if place.cache_claim:
        cache = {"persistentVolumeClaim": {"claimName": place.cache_claim}}
    shared = {"medium": "Memory", "sizeLimit": place.shared_memory}
    return [
        {"name": "cache", **cache},
        {"name": "tmp", "emptyDir": {"sizeLimit": "4Gi"}},
        {"name": "shm", "emptyDir": shared},
    ]
