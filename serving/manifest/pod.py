"""The server's pods: probes that wait for the weights, and an end that cuts nobody off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from serving.launch import Launch, Node, command
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


@dataclass(frozen=True, slots=True)
class Part:
    """What a pod does: it serves alone (`node` is None), leads a group of machines, or works in it.

    `gpus` are its own.
    """

    gpus: int
    node: Node | None = None

    @property
    def is_asked(self) -> bool:
        """Whether it has the API."""
        return self.node is None or self.node.is_leader


def pod_template(launch: Launch, place: Place, part: Part) -> dict[str, Any]:
    """Pods that serve the launch, or a part of it."""
    return {
        "metadata": {"labels": place.all_labels, "annotations": launch_annotations(launch)},
        "spec": _pod(launch, place, part),
    }


def replicas(place: Place) -> dict[str, int]:
    """How many; nothing with an autoscaler: applying the manifest again would undo its decision."""
    return {} if place.max_replicas > place.replicas else {"replicas": place.replicas}


def launch_annotations(launch: Launch) -> dict[str, str]:
    """What /v1/models does not tell: the revision that was deployed."""
    said = {
        "assay/model": launch.model,
        "assay/revision": launch.revision,
        "assay/engine-version": launch.engine_version,
    }
    return {**said, "assay/release": launch.release} if launch.release else said


def _pod(launch: Launch, place: Place, part: Part) -> dict[str, Any]:
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
        "containers": [_container(launch, place, part)],
        "volumes": _volumes(place),
    }


def _container(launch: Launch, place: Place, part: Part) -> dict[str, Any]:
    program, *arguments = command(launch, part.node)
    gpus = {place.gpu_resource: str(part.gpus)}
    return {
        "name": "vllm",
        "image": place.image,
        "command": [program],
        "args": arguments,
        "env": _environment(place, part),
        **({"ports": [{"name": "http", "containerPort": launch.port}]} if part.is_asked else {}),
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
        **(_probes(place) if part.is_asked else {}),
        "lifecycle": {
            "preStop": {"exec": {"command": ["sleep", str(_hold_seconds(launch, place, part))]}},
        },
        "volumeMounts": [
            {"name": "cache", "mountPath": _HOME},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - in the container
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - shared by the GPUs' processes
        ],
    }


def _hold_seconds(launch: Launch, place: Place, part: Part) -> int:
    """How long a pod that is to end hears nothing of it.

    One that works in a group would end at once (vLLM's `run_headless`), and with it every answer
    that the leader is still writing: it waits for as long as the leader may take.
    """
    return place.drain_seconds + (0 if part.is_asked else launch.shutdown_seconds)


def _probes(place: Place) -> dict[str, Any]:
    """Of a pod with the API. Others have nothing to ask: their process ends when they fail, and
    the leader is not ready before all have joined.
    """
    return {
        # The port is not open until the weights are loaded: refused means starting.
        "startupProbe": _probe(failures=-(-place.startup_seconds // _PROBE_SECONDS)),
        # /health says 503 only when the engine is dead; a busy one answers.
        "livenessProbe": _probe(failures=6),
        "readinessProbe": _probe(failures=3, period=5),
    }


def _environment(place: Place, part: Part) -> list[dict[str, Any]]:
    plain = {**_ENVIRONMENT, "VLLM_ENGINE_READY_TIMEOUT_S": str(place.startup_seconds)}
    found: list[dict[str, Any]] = [{"name": n, "value": v} for n, v in plain.items()]
    if part.node:
        # Which of its addresses a machine tells the others.
        address = {"fieldRef": {"fieldPath": "status.podIP"}}
        found.append({"name": "VLLM_HOST_IP", "valueFrom": address})
    for name, secret, key in (
        ("HF_TOKEN", place.hub_secret, "token"),
        ("VLLM_API_KEY", place.key_secret if part.is_asked else "", "api-key"),
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
